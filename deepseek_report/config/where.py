"""Finds the file and line, or the override, that a configuration value came from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from deepseek_report.config.catalogue import MULTIPLE
from deepseek_report.config.compose import Composed


def locate(composed: Composed, path: Sequence[str]) -> str:
    """Where a value was set: `command line, seed=x`, `conf/explainers/lime.yaml:3`, or its key."""
    dotted = ".".join(path)
    for text in reversed(composed.overrides):
        key = text.lstrip("+~").partition("=")[0]
        if key and (dotted == key or dotted.startswith(f"{key}.")):
            return f"command line, {text}"
    for root in composed.roots:
        for file, inner in _candidates(composed, root, path):
            if (line := _line(file, inner)) is not None:
                return f"{file.relative_to(root.parent).as_posix()}:{line}"
    return dotted


def _candidates(
    composed: Composed, root: Path, path: Sequence[str]
) -> list[tuple[Path, list[str]]]:
    files = [(file, list(path)) for file in sorted(root.glob("experiment/*.yaml"))]
    files.append((root / "config.yaml", list(path)))
    if len(path) > 1 and path[0] in MULTIPLE:
        files.insert(0, (root / path[0] / f"{path[1]}.yaml", list(path[1:])))
    else:
        chosen = composed.chosen.get(path[0], ())
        names = [*chosen, *(file.stem for file in sorted((root / path[0]).glob("*.yaml")))]
        files[:0] = [(root / path[0] / f"{name}.yaml", list(path[1:])) for name in names]
    return [(file, inner) for file, inner in files if file.is_file() and inner]


def _line(file: Path, path: Sequence[str]) -> int | None:
    node = yaml.compose(file.read_text(encoding="utf-8"))
    line = None
    for part in path:
        if not isinstance(node, yaml.MappingNode):
            return line
        pairs = [(key, value) for key, value in node.value if key.value == part]
        if not pairs:
            return None
        line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return line
