"""In which parts of the data predicted numbers are further off, or off to one side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deepseek_report.artifacts.disclosure import WHOLE, Releases, Reveals, TableRelease
from deepseek_report.artifacts.schema import PARTS, AttributeKind
from deepseek_report.artifacts.score import Category
from deepseek_report.metrics.group_errors import GroupErrors


@dataclass(frozen=True)
class PartErrors(GroupErrors):
    """Errors in each part of the data that is no group of people, and the largest gaps.

    The fields, tables and scores are those of `group_errors.GroupErrors`.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    releases: ClassVar[Releases] = {
        "groups": TableRelease(counts=("n",), lines=(("attribute",),)),
        "tests": WHOLE,
    }
    category: ClassVar[Category] = "slices"
    needs_groups: ClassVar[frozenset[AttributeKind]] = PARTS
