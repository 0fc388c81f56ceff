"""Finds a user's YAML that lies where it is not looked for, to say how it would be found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deepseek_report.config.config_files import shown
from deepseek_report.config.problems import Problem


def found_elsewhere(group: str, name: str, roots: Sequence[Path]) -> str:
    """`conf/explainers/x.yaml is there; run with --config-dir conf`, or an empty text.

    Looked for in the current folder, in the one given by --config-dir, in the folders in both, and
    above a folder that is a group itself.
    """
    for root in _near(roots):
        file = root / group / f"{name}.yaml"
        if root not in roots and file.is_file():
            return f"{shown(file)} is there; run with --config-dir {shown(root)}"
    return ""


def misplaced(folder: Path, known: Mapping[str, Sequence[str]]) -> list[Problem]:
    """That a folder given by --config-dir is a group, or holds the folder that is meant."""
    if any((folder / group).is_dir() for group in known):
        return []
    if folder.name in known and any(folder.glob("*.yaml")):
        return [_to(folder.parent, f"{shown(folder)} is the group {folder.name} itself")]
    for inside in _folders(folder):
        if any(any((inside / group).glob("*.yaml")) for group in known):
            return [_to(inside, f"{shown(folder)} holds no folder of a group, such as model")]
    return []


def _to(folder: Path, fault: str) -> Problem:
    return Problem("--config-dir", fault, todo=f"run with --config-dir {shown(folder)}")


def _near(roots: Sequence[Path]) -> Iterator[Path]:
    for base in dict.fromkeys([Path.cwd(), *roots[:-1]]):
        yield base
        yield from _folders(base)


def _folders(folder: Path, most: int = 200) -> list[Path]:
    """The folders in a folder that are not hidden; none where there are very many."""
    try:
        inside = [
            inner for inner in folder.iterdir() if inner.is_dir() and inner.name[0] not in "._"
        ]
    except OSError:
        return []
    return sorted(inside) if len(inside) <= most else []
