"""Finds the file and line, or the override, that a configuration value came from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from deepseek_report.artifacts.storage.bounded_yaml import nodes, read_text
from deepseek_report.config.composed import Composed
from deepseek_report.config.config_files import MULTIPLE, SINGLE, WHOLE

#: Overrides of these keys choose files, in which a value may stand with its line.
_GROUPS = frozenset({*SINGLE, *MULTIPLE})


def locate(composed: Composed, path: Sequence[str]) -> str:
    """Where a value was set: `command line, seed=x`, `conf/explainers/lime.yaml:3`, or its key."""
    dotted = ".".join(path)
    overrides = [
        (text, text.lstrip("+~").partition("=")[0]) for text in reversed(composed.overrides)
    ]
    above = [(text, key) for text, key in overrides if key and dotted.startswith(f"{key}.")]
    set_there = [text for text, key in overrides if key == dotted]
    set_there += [text for text, key in above if key not in _GROUPS]
    if set_there:
        return f"command line, {set_there[0]}"
    for root in composed.roots:
        for file, inner in _candidates(composed, root, path):
            if (line := _line(file, inner)) is not None:
                return f"{file.relative_to(root.parent).as_posix()}:{line}"
    if above:  # the choice of a part, whose files do not name the value
        return f"command line, {above[0][0]}"
    inside = [text for text, key in overrides if key.startswith(f"{dotted}.")]
    return f"command line, {inside[0]}" if inside else dotted


def _candidates(
    composed: Composed, root: Path, path: Sequence[str]
) -> list[tuple[Path, list[str]]]:
    """Files in which the value may stand, the one that has the last word first."""
    inner, whole = list(path[1:]), list(path)
    files = [(root / group / f"{composed.choices.get(group)}.yaml", whole) for group in WHOLE]
    if path[0] in MULTIPLE:
        files.append((root / path[0] / f"{inner[0] if inner else ''}.yaml", inner))
    else:
        files.append((root / path[0] / f"{composed.choices.get(path[0])}.yaml", inner))
    files.append((root / "config.yaml", whole))
    return [(file, keys) for file, keys in files if keys and file.is_file()]


def _line(file: Path, path: Sequence[str]) -> int | None:
    node = nodes(read_text(file))
    line = None
    for part in path:
        if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
            continue
        if not isinstance(node, yaml.MappingNode):
            return line
        pairs = [(key, value) for key, value in node.value if key.value == part]
        if not pairs:
            return None
        line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return line
