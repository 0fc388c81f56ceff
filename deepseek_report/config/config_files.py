"""Reads the YAML files of a config folder and says what is wrong with them, by file and line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.bounded_yaml import YamlTooLarge
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.problems import ConfigProblems, Problem
from deepseek_report.errors import ArtifactError
from deepseek_report.extension import installed

#: Groups of which one is chosen, and those of which several are.
SINGLE = ("dataset", "model", "trainer", "report")
MULTIPLE = ("explainers", "metrics", "visualizations", "sections", "frameworks")
#: The most files of a folder that is given as one of YAMLs.
_MOST_FILES = 5_000
#: Groups whose files hold a whole configuration, in order of precedence.
WHOLE = ("debug", "experiment")


def shown(path: Path) -> str:
    """A path as a person would write it: from the current folder where it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@cache
def shipped_folders() -> tuple[Path, ...]:
    """The config folders that are shipped: of extensions that have one, and that of the core."""
    brought = (each.folder / "conf" for each in installed())
    return *(folder for folder in brought if folder.is_dir()), shipped("conf")


def shipped_files(group: str) -> list[Path]:
    """The files that are shipped for a group, by name."""
    files = (file for root in shipped_folders() for file in (root / group).glob("*.yaml"))
    return sorted(files, key=lambda file: file.name)


def shipped_file(group: str, name: str) -> Path:
    """The file that is shipped for a choice, or where the core's would lie."""
    files = (root / group / f"{name}.yaml" for root in shipped_folders())
    return next(filter(Path.is_file, files), shipped("conf") / group / f"{name}.yaml")


def of_person(roots: Iterable[Path]) -> list[Path]:
    """Those of these config folders that are a person's own."""
    return [root for root in roots if root not in shipped_folders()]


def choice_files(root: Path, inside: str = "*") -> list[Path]:
    """Every file of a config folder that can be chosen, or of these folders in it.

    What begins with a dot is no part: an editor or another program keeps it there.
    """
    files = root.glob(f"{inside}/*.yaml")
    return sorted(path for path in files if "." not in {path.name[0], path.parent.name[0]})


def read_yaml(path: Path) -> Any:
    """The content of a file; ConfigProblems with its line if it is no YAML, or too large."""
    try:
        return bounded_yaml.load(path)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ArtifactError) as error:
        raise ConfigProblems([unreadable(path, error)]) from None


def unreadable(path: Path, error: Exception) -> Problem:
    """Why a file cannot be read, where, and what to do."""
    if isinstance(error, UnicodeDecodeError):
        line = error.object[: error.start].count(b"\n") + 1
        where = f"{shown(path)}:{line}"
        return Problem(where, "not written in UTF-8", todo="save the file as UTF-8")
    if isinstance(error, OSError):
        todo = "make it readable, or move it away"
        return Problem(shown(path), f"cannot be read: {error.strerror}", todo=todo)
    if isinstance(error, ArtifactError):
        fault = "no regular file, and nothing else is read"
        return Problem(shown(path), fault, todo="put a file of YAML in its place")
    if isinstance(error, ReaderError):
        line = bounded_yaml.read_text(path)[: error.position].count("\n") + 1
        fault = f"it holds the control character U+{int(error.character):04X}"
        return Problem(f"{shown(path)}:{line}", fault, todo="remove the character")
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"{shown(path)}:{mark.line + 1}:{mark.column + 1}" if mark else shown(path)
    if isinstance(error, YamlTooLarge):
        todo = "write less: the bound is there so that no file can stop the machine"
        return Problem(where, f"not read: {reason}", todo=todo)
    todo = "correct this line or the one before it: brackets, quotes, indents made of spaces"
    if reason.startswith("found duplicate key"):
        todo = "keep one of the two"
    return Problem(where, f"not valid YAML: {reason}", todo=todo)


def malformed(roots: Iterable[Path]) -> list[Problem]:
    """The problems of all files of these folders that can be known before they are composed.

    Those of files that a configuration uses stop it; these others are told by `check` and `list`.
    """
    roots = list(roots)
    files = (path for root in roots for path in choice_files(root))
    problems = [problem for path in files for problem in examined(path)]
    return problems + [problem for root in roots for problem in _elsewhere(root)]


def _elsewhere(root: Path) -> Iterator[Problem]:
    chosen = set(choice_files(root))
    for number, path in enumerate(_below(root)):
        if number >= _MOST_FILES:
            fault = f"{shown(root)} holds more than {_MOST_FILES} files"
            todo = "name the folder that holds the YAMLs alone"
            yield Problem("--config-dir", fault, todo=todo)
            return
        if path.suffix == ".yaml" and path not in chosen:
            try:
                read_yaml(path)
            except ConfigProblems as error:
                yield from error.problems


def _below(root: Path) -> Iterator[Path]:
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names))


def examined(path: Path) -> Iterator[Problem]:
    """What is wrong with a file by itself, whatever it is composed with."""
    try:
        content = read_yaml(path)
    except ConfigProblems as error:
        yield from error.problems
        return
    if not isinstance(content, dict):
        fault = "the file is empty" if content is None else "the file holds no keys"
        yield Problem(shown(path), fault, "keys with values, such as `seed: 3`")
    elif not isinstance(content.get("defaults", []), list):
        fault = f"defaults is {content['defaults']!r}"
        where = line_with([path], ["defaults"]) or shown(path)
        yield Problem(where, fault, "a list, such as `- override /model: mlp`")
    elif unfit := [line for line in content.get("defaults", []) if not _names_files(line)]:
        fault = f"defaults holds {_inline(unfit[0])}"
        allowed = "a group with its choice, such as `- override /model: mlp`, or a file's name"
        yield Problem(line_with([path], ["defaults"]) or shown(path), fault, allowed)
    elif leading_out := _leading_out(content.get("defaults", [])):
        fault = f"{leading_out} leads out of the folder"
        yield Problem(shown(path), fault, "names of files below this folder")
    elif any(map(names_hydra, _settings(path, content))):
        yield not_of_hydra(line_with([path], ["hydra"]) or f"{shown(path)}:1")
    elif path.parent.name in WHOLE and not package_of(path).startswith("_global_"):
        fault = f"a file of the group {path.parent.name} must say that it sets values everywhere"
        todo = "write `# @package _global_` as its first line"
        yield Problem(f"{shown(path)}:1", fault, todo=todo)
    else:
        yield from _chosen_in_body(path, content)


_OF_HYDRA = re.compile(r"(?:^|[/@\s])hydra(?:[./@\s]|$)")


def names_hydra(key: str) -> bool:
    """Whether a key, or a group of a list of defaults, is a setting of Hydra and not of ours."""
    return _OF_HYDRA.search(key) is not None


def not_of_hydra(where: str) -> Problem:
    """That a setting of Hydra counts for nothing here."""
    todo = "take it out; paths.reports=DIR says where reports go, --config-dir DIR where YAMLs lie"
    return Problem(where, "sets how Hydra runs, and only composing is left to it here", todo=todo)


def _settings(path: Path, content: Mapping[str, Any]) -> Iterator[str]:
    """What a file sets: its package, its keys, and the groups of its list of defaults."""
    yield package_of(path)
    yield from map(str, content)
    for line in content.get("defaults", ()):
        yield from map(str, line if isinstance(line, dict) else [line])


def _chosen_in_body(path: Path, content: Mapping[str, object]) -> Iterator[Problem]:
    """Choices that stand where settings belong: `model: mlp` in a study."""
    if path.parent.name not in WHOLE:
        return
    report = content.get("report")
    if isinstance(report, dict) and isinstance(report.get("thresholds"), dict):
        yield Problem(
            line_with([path], ["thresholds"]) or shown(path),
            "report.thresholds holds keys with values",
            "a list",
            'write each promise as `- {metric: roc_auc, at_least: 0.7, set_by: "Risk team"}`',
        )
    for group in (*SINGLE, *MULTIPLE):
        chosen = content.get(group)
        if chosen is not None and not isinstance(chosen, dict):
            yield Problem(
                line_with([path], [group]) or shown(path),
                f"{group} is {chosen!r}, and here stand the settings of what is chosen",
                "keys with values",
                f"write `- override /{group}: {_inline(chosen)}` below `defaults:`",
            )


def _inline(chosen: object) -> str:
    return yaml.safe_dump(chosen, default_flow_style=True, width=10_000).splitlines()[0]


def _names_files(line: object) -> bool:
    """Whether a line of a list of defaults is a name, or one group with what is chosen of it."""
    words: list[object] = [line]
    if isinstance(line, dict) and len(line) == 1:
        ((group, chosen),) = line.items()
        alone = group if chosen is None else chosen
        words = [group, *(chosen if isinstance(chosen, list) else [alone])]
    return not any(word is None or isinstance(word, (int, float, list, dict)) for word in words)


def _leading_out(defaults: object) -> str:
    """The first name in a list of defaults that is a path to elsewhere."""
    if isinstance(defaults, dict):
        return next(filter(None, map(_leading_out, [*defaults, *defaults.values()])), "")
    if isinstance(defaults, list):
        return next(filter(None, map(_leading_out, defaults)), "")
    steps = re.split(r"[/\\]", str(defaults))
    return str(defaults) if any(step.startswith(".") for step in steps) else ""


def package_of(path: Path) -> str:
    """Where a file says that its content stands: `# @package NAME` before its first key, or ""."""
    head = re.match(r"(?:\s*#.*\n)*", bounded_yaml.read_text(path))
    package = re.search(r"^\s*#\s*@package\s+(\S+)\s*$", head.group() if head else "", re.M)
    return package[1] if package else ""


def line_with(files: Sequence[Path], words: Sequence[str]) -> str:
    """`file:line` of the first line that holds all these words, or ""."""
    patterns = [re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])") for word in words]
    for path in files:
        for number, line in enumerate(bounded_yaml.read_text(path).splitlines(), start=1):
            text = line.partition("#")[0]
            if all(pattern.search(text) for pattern in patterns):
                return f"{shown(path)}:{number}"
    return ""
