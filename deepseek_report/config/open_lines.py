"""What a study's file leaves open for a person to say: comments that begin with a fixed word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.config.config_files import parts, shown

#: What such a comment begins with; without it the rest of the line is the setting.
OPEN = "# open:"
#: The most of them that are listed.
MOST = 30


@dataclass(frozen=True)
class OpenLine:
    """One of them. file : as a person names it. number : of the line, from 1."""

    file: str
    number: int
    text: str


def open_lines(roots: Sequence[Path], experiment: str) -> list[OpenLine]:
    """Those of an experiment of a person's own folders.

    roots : the config folders, that of this package last.
    """
    files = [path for root in roots[:-1] for path in parts(root) if path.stem == experiment]
    return [
        OpenLine(shown(path), number, line.strip().removeprefix(OPEN).strip())
        for path in files
        if path.parent.name == "experiment"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if line.strip().startswith(OPEN)
    ]
