"""Rows of the tables on a declared graph of causes, as rules, sections and pictures read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.artifacts.table_rows import Cells, From


def listed(joined: str) -> list[str]:
    """The names that are joined in a cell; none of an empty one."""
    return joined.split(SEPARATOR) if joined else []


@dataclass(frozen=True)
class TestedClaim:
    """What a graph claims of two columns and what the data say: a row of `causal_claims.claims`.

    held : labels of what is held fixed, joined.
    """

    first: str
    second: str
    first_label: str
    second_label: str
    held: str
    correlation: float
    n: int
    p_adjusted: float | None
    contradicted: bool


@dataclass(frozen=True)
class ClaimNode:
    """A column or an unmeasured cause of a graph: a row of `causal_claims.nodes`."""

    name: str
    label: str
    role: str


@dataclass(frozen=True)
class GraphArrow:
    """One node that acts on another: a row of `causal_claims.arrows`."""

    start: str
    end: str


@dataclass(frozen=True)
class DeclaredEffect:
    """An effect by the declared graph: a row of `causal_effects.effects`.

    effect, naive : with and without holding the common causes alike; of classes in points.
    adjusted_for : labels of what is held alike, joined. outside : share of rows without
    counterpart. robustness, times, strongest : how strong a hidden cause would have to be, as a
    multiple of the strongest known one.
    """

    place: int
    treatment: str
    outcome: str
    from_display: str
    to_display: str
    amount: str
    outcome_class: str
    unit: str
    adjusted_for: str
    outside: float
    robustness: float | None
    strongest: str
    times: float | None
    effect_points: Annotated[Estimate | None, From(prefix="effect_points")] = None
    effect: Annotated[Estimate, From(prefix="effect")] = UNDEFINED
    naive_points: Annotated[Estimate, From(prefix="naive_points")] = UNDEFINED
    naive: Annotated[Estimate, From(prefix="naive")] = UNDEFINED


@dataclass(frozen=True)
class NegativeControl:
    """A check of an effect whose answer is known: a row of `causal_effects.controls`."""

    place: int
    control: str
    holds: bool
    cells: Cells


@dataclass(frozen=True)
class GapPath:
    """A path of a gap between two groups: a row of `causal_gaps.paths`.

    path : "total", "direct" and others. The gap along it in the labels, in the model's answers, and
    the second less the first; of classes in points.
    """

    place: int
    attribute: str
    compared: str
    reference: str
    path: str
    p_adjusted: float | None
    widened: bool
    n: int
    cells: Cells
    labels_points: Annotated[Estimate, From(prefix="labels_points")] = UNDEFINED
    decisions_points: Annotated[Estimate, From(prefix="decisions_points")] = UNDEFINED
    difference_points: Annotated[Estimate, From(prefix="difference_points")] = UNDEFINED
    labels: Annotated[Estimate, From(prefix="labels")] = UNDEFINED
    answers: Annotated[Estimate, From(prefix="answers")] = UNDEFINED
    difference: Annotated[Estimate, From(prefix="difference")] = UNDEFINED

    @property
    def in_points(self) -> bool:
        """Whether it is about decisions, in points."""
        return "labels_points" in self.cells

    @property
    def parts(self) -> dict[str, Estimate]:
        """{labels, answers, difference: size of the gap along the path}."""
        sizes = (self.labels, self.answers, self.difference)
        if self.in_points:
            sizes = (self.labels_points, self.decisions_points, self.difference_points)
        return dict(zip(("labels", "answers", "difference"), sizes, strict=True))
