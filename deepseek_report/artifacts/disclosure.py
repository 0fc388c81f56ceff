"""How much of single persons a part shows, and how much a run folder may hold of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from deepseek_report.artifacts.message import Message, Text, message

#: What a run folder may hold: everything; aggregates and the cases that the config names;
#: aggregates alone.
Level = Literal["full", "cases", "aggregate"]
#: What a part shows: numbers about many instances; single chosen cases; any instances.
Reveals = Literal["aggregate", "cases", "rows"]
#: Whose number a share is a share of: all test instances, those of the explained class, the others.
Among = Literal["all", "explained", "others"]

_ALLOWED: Mapping[Level, frozenset[Reveals]] = {
    "full": frozenset({"aggregate", "cases", "rows"}),
    "cases": frozenset({"aggregate", "cases"}),
    "aggregate": frozenset({"aggregate"}),
}


@dataclass(frozen=True)
class TableRelease:
    """How a table of a metric is released below `report.privacy: full`.

    A metric gives it with the type of the table (`TableType.release`); a table without it is left
    out.

    counts : columns that count the instances behind a row. A row with a count from 1 to one below
        the floor is left out.
    shares : (share, column of its whole), whose product is such a count as well.
    lines : each a tuple of columns. Rows that agree in them divide the same instances, whose total
        may be known; where one is left out, so are others until subtraction tells nothing.
    coarse : {share: whose}. Rows are thinned until at least `floor` instances lie between two, and
        of none of these kinds from 1 to one below it.
    ends : columns of values of the model's output; cut to the middle of what was predicted.
    values : columns of values of the feature in the column `feature`; rows beyond its quantiles
        are left out.
    rounded : columns that are rounded to two decimals.
    overlapping : whether rows are about sets that overlap or hold one another.
    of_cases : whether each row is about a single case; released at level `cases` alone.
    """

    counts: tuple[str, ...] = ()
    shares: tuple[tuple[str, str], ...] = ()
    lines: tuple[tuple[str, ...], ...] = ()
    coarse: Mapping[str, Among] = field(default_factory=dict)
    ends: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    rounded: tuple[str, ...] = ()
    overlapping: bool = False
    of_cases: bool = False


#: A table that holds nothing about fewer instances than all that were measured.
WHOLE = TableRelease()
#: A table of the cases that the report shows one by one.
OF_CASES = TableRelease(of_cases=True)
Releases = Mapping[str, TableRelease]


@dataclass(frozen=True)
class Privacy:
    """What a run folder may hold of single persons: `report.privacy` and `report.privacy_floor`.

    floor : the least number of instances that a published count, or what is derived from it, may
        rest on. named : how many cases the config names.
    """

    level: Level = "full"
    floor: int = 5
    named: int = 0

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Privacy:
        """From the section `report` of a resolved config; full where it says nothing, as that of a
        comparison, which shows what its runs hold.
        """
        stated = report.get("privacy", "full")
        level: Level = stated if stated in get_args(Level) else "aggregate"
        return cls(level, int(report.get("privacy_floor", 5)), len(report.get("cases") or ()))

    @property
    def is_full(self) -> bool:
        return self.level == "full"

    def refuses(self, plugin: object) -> Message | None:
        """Why a part is left out at this level, or None; names no part, so that many share it."""
        reveals = reveals_of(plugin)
        if (reveals or "rows") not in _ALLOWED[self.level]:
            return message(f"refusals.private.{reveals or 'undeclared'}", level=self.level)
        if self.level == "cases" and reveals == "cases" and not self.named:
            return message("refusals.private.no_case")
        return None


def is_left_out(reason: Text) -> bool:
    """Whether a part is missing for privacy."""
    return isinstance(reason, Message) and reason.id.startswith("refusals.private.")


def reveals_of(plugin: object) -> Reveals | None:
    """What the class of a part itself declares in `reveals`; None where it does not.

    What a parent declares does not count: who changes a part must say what the change shows.
    """
    declared = vars(type(plugin)).get("reveals")
    return declared if declared in get_args(Reveals) else None
