"""How far the numbers of a run moved in another run of the same configuration.

A score is judged against its own 95 % interval. Attributions are judged against the errors that
both runs state: of two estimates of one value about one in twenty differs by more than 1.96 times
the error of their difference. Where nothing says how far chance moves a number, it is not judged.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.explanation import CONTROL, Explanation
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.statistics.intervals import Z95

#: same : but for rounding. not judged : it moved, and nothing says how far chance moves it.
Verdict = Literal["same", "within", "outside", "not judged"]
#: Differences that are no more than this share of a value are those of sums in another order.
ROUNDING = 1e-9
_BEYOND = 0.05


@dataclass(frozen=True)
class MovedScore:
    """One score in both runs; None where a run has it not. low, high : its interval before."""

    name: str
    before: float | None
    after: float | None
    low: float | None
    high: float | None

    @property
    def verdict(self) -> Verdict:
        """Whether it is where its interval says that it may be."""
        if self.before is None or self.after is None:
            return "outside"
        if abs(self.after - self.before) <= ROUNDING * max(abs(self.before), abs(self.after)):
            return "same"
        if self.low is None or self.high is None:
            return "not judged"
        slack = ROUNDING * max(abs(self.low), abs(self.high))
        return "within" if self.low - slack <= self.after <= self.high + slack else "outside"

    @property
    def distance(self) -> float:
        """How far it moved, in half widths of its interval; infinite where it has none."""
        if self.before is None or self.after is None or self.low is None or self.high is None:
            return math.inf
        half = (self.high - self.low) / 2
        return abs(self.after - self.before) / half if half > 0 else math.inf


@dataclass(frozen=True)
class MovedExplanation:
    """All attributions of one method in both runs.

    cases : that both explain. largest : the largest move, as a share of the largest attribution.
    beyond : share of attributions that moved by more than 1.96 times the error of the difference;
    None where the method states no error, and so nothing is judged. allowed : the largest share
    that chance explains.
    """

    name: str
    cases: int
    largest: float
    beyond: float | None
    allowed: float

    @property
    def verdict(self) -> Verdict:
        """Whether more moved than chance moves."""
        if self.cases == 0:
            return "outside"
        if self.largest <= ROUNDING:
            return "same"
        if self.beyond is None:
            return "not judged"
        return "within" if self.beyond <= self.allowed else "outside"


def moved_scores(before: Results, after: Results, volatile: frozenset[str]) -> list[MovedScore]:
    """Every score of both runs.

    volatile : artifacts that measure time or memory, and so are never the same.
    """
    scores, again = _scores(before, volatile), _scores(after, volatile)
    nothing = (None, None, None)
    moved = []
    for name in dict.fromkeys([*scores, *again]):
        old, low, high = scores.get(name, nothing)
        new, *_ = again.get(name, nothing)
        if not (name in scores and name in again and old is new is None):
            moved.append(MovedScore(name, old, new, low, high))
    return moved


def moved_explanations(before: Results, after: Results) -> list[MovedExplanation]:
    """The attributions of every method that either run has; the control tells nothing to move."""
    first, second = before.explanations, after.explanations
    return [
        _moved_explanation(name, first.get(name), second.get(name))
        for name in dict.fromkeys([*first, *second])
        if name != CONTROL
    ]


def allowed_beyond(cases: int) -> float:
    """The share of attributions that may lie beyond 1.96 errors where only chance moves them.

    0.05 and three standard errors of such a share over cases, each of which counts once, since the
    errors within a case go together.

    >>> round(allowed_beyond(200), 3), round(allowed_beyond(20), 3)
    (0.096, 0.196)
    """
    return _BEYOND + 3 * math.sqrt(_BEYOND * (1 - _BEYOND) / max(cases, 1))


def _moved_explanation(
    name: str, before: Explanation | None, after: Explanation | None
) -> MovedExplanation:
    if before is None or after is None or before.values.shape[1:] != after.values.shape[1:]:
        return MovedExplanation(name, 0, math.inf, None, 0.0)
    shared, old, new = np.intersect1d(
        before.positions, after.positions, assume_unique=True, return_indices=True
    )
    cases = len(shared)
    if not cases:
        return MovedExplanation(name, 0, math.inf, None, 0.0)
    move = np.abs(after.values[new] - before.values[old])
    scale = float(np.abs(before.values[old]).max()) or 1.0
    beyond = None
    if before.standard_error is not None and after.standard_error is not None:
        errors = np.hypot(before.standard_error[old], after.standard_error[new])
        beyond = float((move > Z95 * errors + ROUNDING * scale).mean())
    return MovedExplanation(name, cases, float(move.max()) / scale, beyond, allowed_beyond(cases))


def _scores(
    results: Results, volatile: frozenset[str]
) -> dict[str, tuple[float | None, float | None, float | None]]:
    """{what names a score: its value and the ends of its interval}."""
    named = {}
    times: Counter[str] = Counter()
    for artifact in map(ArtifactId, results.paths):
        if artifact.kind != "measures" or artifact in volatile:
            continue
        measured = results.measurement(artifact.name, artifact.subject)
        for score in measured.scores if measured is not None else ():
            about = (score.predictor, score.explainer, score.attribute, score.level, score.slice)
            kept = [part for part in about if part and part != "model"]
            name = score.metric + (f" ({', '.join(kept)})" if kept else "")
            times[name] += 1
            key = f"{name} #{times[name]}" if times[name] > 1 else name
            named[key] = (finite(score.value), finite(score.low), finite(score.high))
    return named
