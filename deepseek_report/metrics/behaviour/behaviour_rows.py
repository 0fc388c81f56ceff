"""Rows of the tables on expectations, as rules, sections and pictures read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.conclusions import Weight
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.table_rows import Cells, From


@dataclass(frozen=True)
class JudgedExpectation:
    """What people expect of the model and whether it holds: a row of `behaviour.expectations`.

    says : in the words of who declared it; else it is made of the other texts. broken : share of
    the cases, with what is `allowed`. largest, largest_points : the largest movement against it.
    """

    place: int
    kind: str
    says: str
    weight: Weight
    subject: str
    about: str
    effect: str
    outcome: str
    change: str
    n: int
    broken: Estimate
    allowed: float
    held: bool
    cells: Cells
    largest_points: float | None = None
    largest: float | None = None


@dataclass(frozen=True)
class GravestCase:
    """The case that breaks an expectation most: a row of `behaviour.worst`."""

    place: int
    cells: Cells
    label: str = ""
    from_display: str = ""
    to_display: str = ""
    before_share: float | None = None
    after_share: float | None = None
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True)
class OpenQuestion:
    """What an expert should be asked of a feature: a row of `behaviour.questions`.

    moved, moved_points : how far the answer moves from `from_display` to `to_display`.
    """

    question: str
    label: str
    from_display: str
    to_display: str
    n: int
    of: int
    borne_out: bool
    declared: bool
    cells: Cells
    moved: float | None = None
    moved_points: float | None = None
    observed_share: Annotated[Estimate, From(prefix="observed_share")] = UNDEFINED
    beside_share: Annotated[Estimate, From(prefix="beside_share")] = UNDEFINED

    @property
    def movement(self) -> float:
        """How far the answer moves, of classes as a difference of shares."""
        moved = self.moved if self.moved_points is None else self.moved_points
        return math.nan if moved is None else moved
