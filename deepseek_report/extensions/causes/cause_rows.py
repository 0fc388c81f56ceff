"""Rows of the tables on a declared graph of causes, as rules, sections and pictures read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.artifacts.table_rows import HIDDEN, OPTIONAL


def listed(joined: str) -> list[str]:
    """The names that are joined in a cell; none of an empty one."""
    return joined.split(SEPARATOR) if joined else []


@dataclass(frozen=True)
class TestedClaim:
    """What a graph claims of two columns and what the data say: a row of `causal_claims.claims`.

    held : labels of what is held fixed, joined.
    """

    first: Annotated[str, HIDDEN]
    second: Annotated[str, HIDDEN]
    first_label: str
    second_label: str
    held: str
    correlation: float
    n: int
    p_value: Annotated[float, "p_value"]
    p_adjusted: Annotated[float | None, "p_value"]
    contradicted: bool


@dataclass(frozen=True)
class ClaimNode:
    """A column or an unmeasured cause of a graph: a row of `causal_claims.nodes`."""

    name: Annotated[str, HIDDEN]
    label: str
    role: str


@dataclass(frozen=True)
class GraphArrow:
    """One node that acts on another: a row of `causal_claims.arrows`."""

    start: Annotated[str, HIDDEN]
    end: Annotated[str, HIDDEN]
    start_label: str
    end_label: str


@dataclass(frozen=True, kw_only=True)
class DeclaredEffect:
    """An effect by the declared graph: a row of `causal_effects.effects`.

    effect, naive : with and without holding the common causes alike; of classes in points.
    adjusted_for : labels of what is held alike, joined. outside : share of rows without
    counterpart. robustness, times, strongest : how strong a hidden cause would have to be, as a
    multiple of the strongest known one.
    """

    place: Annotated[int, "place", HIDDEN]
    treatment: str
    outcome: str
    setting: str
    from_display: Annotated[str, HIDDEN]
    to_display: Annotated[str, HIDDEN]
    amount: Annotated[str, HIDDEN]
    outcome_class: Annotated[str, HIDDEN]
    unit: Annotated[str, HIDDEN]
    effect_points: Annotated[Estimate | None, "points", OPTIONAL] = None
    effect: Annotated[Estimate | None, OPTIONAL] = None
    naive_points: Annotated[Estimate | None, "points", OPTIONAL] = None
    naive: Annotated[Estimate | None, OPTIONAL] = None
    adjusted_for: str
    outside: Annotated[float, "share", HIDDEN]
    effective: Annotated[int, HIDDEN]
    moved: Annotated[float, "share", HIDDEN]
    n: int
    robustness: Annotated[float | None, "share", HIDDEN]
    e_value: Annotated[float, HIDDEN]
    strongest: Annotated[str, HIDDEN]
    times: Annotated[float | None, HIDDEN]
    controls_hold: bool


@dataclass(frozen=True, kw_only=True)
class NegativeControl:
    """A check of an effect whose answer is known: a row of `causal_effects.controls`."""

    place: Annotated[int, "place", HIDDEN]
    treatment: str
    outcome: str
    control: str
    value_points: Annotated[Estimate | None, "points", OPTIONAL] = None
    value: Annotated[Estimate | None, OPTIONAL] = None
    holds: bool


@dataclass(frozen=True, kw_only=True)
class GapPath:
    """A path of a gap between two groups: a row of `causal_gaps.paths`.

    path : "total", "direct" and others. The gap along it in the labels, in the model's answers, and
    the second less the first; of classes in points.
    """

    place: Annotated[int, "place", HIDDEN]
    attribute: Annotated[str, "attribute"]
    compared: str
    reference: str
    path: str
    labels_points: Annotated[Estimate | None, "points", OPTIONAL] = None
    decisions_points: Annotated[Estimate | None, "points", OPTIONAL] = None
    difference_points: Annotated[Estimate | None, "points", OPTIONAL] = None
    labels: Annotated[Estimate | None, OPTIONAL] = None
    answers: Annotated[Estimate | None, OPTIONAL] = None
    difference: Annotated[Estimate | None, OPTIONAL] = None
    p_adjusted: Annotated[float | None, "p_value", HIDDEN]
    widened: bool
    n: int

    @property
    def in_points(self) -> bool:
        """Whether it is about decisions, in points."""
        return any(size is not None for size in self._in_points)

    @property
    def parts(self) -> dict[str, Estimate]:
        """{labels, answers, difference: size of the gap along the path}."""
        plain = (self.labels, self.answers, self.difference)
        sizes = self._in_points if self.in_points else plain
        known = (UNDEFINED if size is None else size for size in sizes)
        return dict(zip(("labels", "answers", "difference"), known, strict=True))

    @property
    def _in_points(self) -> tuple[Estimate | None, ...]:
        return self.labels_points, self.decisions_points, self.difference_points
