"""In which parts of the data predicted numbers are further off, or off to one side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.visualizations.group_errors import GroupErrors


@dataclass(frozen=True)
class PartErrors(GroupErrors):
    """Draws the errors in each part of the data that is no group of people, with intervals."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "performance"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/part_errors"})
    metric: ClassVar[str] = "part_errors"
    noun: ClassVar[str] = "part"
