"""Rows of the tables on what became of corrections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.artifacts.table_rows import Cell


@dataclass(frozen=True)
class Corrected:
    """A correction of the model and what came of it: a row of `corrections.corrected`.

    before, after : the use of what was corrected.
    """

    kind: str
    what: str
    how: str
    by: str
    on: str
    why: str
    run: Annotated[str, "code"]
    before: Estimate
    after: Estimate
    outcome: str
    n: int

    @property
    def names(self) -> list[str]:
        """What was corrected."""
        return self.what.split(SEPARATOR)


@dataclass(frozen=True)
class CorrectionCost:
    """A score before and after the correction: a row of `corrections.cost`.

    data : "shipped", those as they are, or "redrawn" where what was corrected is drawn anew.
    """

    data: Annotated[str, Cell(column="asked")]
    metric: Annotated[str, "metric"]
    before: float | None
    after: float | None
    change: Estimate
    n: int


@dataclass(frozen=True)
class ChangedDecision:
    """Decisions that a correction turns: a row of `corrections.changed`."""

    start: str
    end: str
    changed: int
    n: int


@dataclass(frozen=True)
class TakenOver:
    """What counts more or less after a correction: a row of `corrections.took_over`."""

    label: str
    before: float
    after: float
    gained: Estimate
    sure: bool
    n: int
