"""Rows of the tables on expectations, as rules, sections and pictures read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.conclusions import Weight
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, OPTIONAL, Cell


@dataclass(frozen=True, kw_only=True)
class JudgedExpectation:
    """What people expect of the model and whether it holds: a row of `behaviour.expectations`.

    says : in the words of who declared it; else it is made of the other texts. broken : share of
    the cases, with what is `allowed`. largest, largest_points : the largest movement against it.
    """

    place: Annotated[int, "place", HIDDEN]
    kind: Annotated[str, HIDDEN]
    says: str
    weight: Annotated[Weight, HIDDEN]
    subject: Annotated[str, HIDDEN]
    about: Annotated[str, HIDDEN]
    effect: Annotated[str, HIDDEN]
    outcome: Annotated[str, HIDDEN]
    change: Annotated[str, HIDDEN]
    n: int
    broken: Annotated[Estimate, "share", BARE_ENDS]
    allowed: Annotated[float, "declared_share", HIDDEN]
    largest_points: Annotated[float | None, "gap", OPTIONAL] = None
    largest: Annotated[float | None, OPTIONAL] = None
    held: bool


@dataclass(frozen=True, kw_only=True)
class GravestCase:
    """The case that breaks an expectation most: a row of `behaviour.worst`."""

    place: Annotated[int, "place", HIDDEN]
    says: str
    instance_id: Annotated[int, "row"]
    label: str
    from_display: str
    to_display: str
    class_name: Annotated[str | None, OPTIONAL, Cell(column="class")] = None
    before_share: Annotated[float | None, "share", OPTIONAL] = None
    after_share: Annotated[float | None, "share", OPTIONAL] = None
    before: Annotated[float | None, OPTIONAL] = None
    after: Annotated[float | None, OPTIONAL] = None


@dataclass(frozen=True, kw_only=True)
class OpenQuestion:
    """What an expert should be asked of a feature: a row of `behaviour.questions`.

    moved, moved_points : how far the answer moves from `from_display` to `to_display`.
    """

    question: str
    feature: Annotated[str, HIDDEN]
    label: str
    from_display: str
    to_display: str
    start: Annotated[float, HIDDEN]
    end: Annotated[float, HIDDEN]
    moved_points: Annotated[Estimate | None, "points", OPTIONAL] = None
    moved: Annotated[Estimate | None, OPTIONAL] = None
    n: int
    of: Annotated[int, HIDDEN]
    observed_share: Annotated[Estimate | None, "share", OPTIONAL] = None
    beside_share: Annotated[Estimate | None, "share", OPTIONAL] = None
    observed: Annotated[Estimate | None, OPTIONAL] = None
    beside: Annotated[Estimate | None, OPTIONAL] = None
    borne_out: bool
    declared: Annotated[bool, HIDDEN]

    @property
    def movement(self) -> float:
        """How far the answer moves, of classes as a difference of shares."""
        moved = self.moved if self.moved_points is None else self.moved_points
        return math.nan if moved is None else moved.value
