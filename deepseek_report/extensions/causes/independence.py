"""Whether data contradict a graph: each missing arrow claims an independence that can be tested.

The generalised covariance measure of a claim is the mean product of what is left of both nodes when
the nodes that are held have predicted them; it is 0 where the claim holds. All claims of a graph
are tested together (Holm).

Reference: Shah & Peters 2020, doi:10.1214/19-AOS1857.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.extensions.causes.cross_fitting import CausalData, Variable, cross_fitted
from deepseek_report.extensions.causes.graph import IndependenceClaim
from deepseek_report.statistics.intervals import holm, mean_p_value

#: Many claims are tested, so that rows are parted into fewer folds than for an effect.
_FOLDS = 3
#: So many of the most frequent classes of a node are looked at, one by one.
_MOST_CLASSES = 6
_LEAST_ROWS = 40


@dataclass(frozen=True)
class IndependenceTest:
    """What the data say of a claim.

    correlation : of what is left of both nodes, in [−1, 1]; of classes the one furthest from 0
        among the pairs of classes. p_value : two-sided; NaN where the claim cannot be tested, since
        a node does not vary or has too few rows. p_adjusted : by Holm's method for all claims that
        can be tested. n : rows.
    """

    claim: IndependenceClaim
    correlation: float
    p_value: float
    p_adjusted: float
    n: int

    @property
    def is_contradicted(self) -> bool:
        """Whether the data contradict the claim, at an error of 5 % for the whole graph."""
        return self.p_adjusted < 0.05


def independence_tests(
    claims: Sequence[IndependenceClaim], data: CausalData
) -> list[IndependenceTest]:
    """A test of each claim, in their order."""
    left: dict[tuple[str, tuple[str, ...]], Floats] = {}
    folds = data.folds(n_folds=_FOLDS)

    def residuals(node: str, held: tuple[str, ...]) -> Floats:
        if (node, held) not in left:
            left[node, held] = _left_over(data, node, held, folds)
        return left[node, held]

    tests = [
        _tested(
            claim, residuals(claim.first, claim.held), residuals(claim.second, claim.held), data
        )
        for claim in claims
    ]
    testable = [at for at, test in enumerate(tests) if math.isfinite(test.p_value)]
    adjusted = holm([tests[at].p_value for at in testable])
    for at, p_value in zip(testable, adjusted, strict=True):
        tests[at] = replace(tests[at], p_adjusted=float(p_value))
    return tests


def _left_over(data: CausalData, node: str, held: Sequence[str], folds: Ints) -> Floats:
    """(row, part) what the held nodes do not predict; NaN where the node is missing."""
    variable = data.variables[node]
    known, design = variable.known, data.design(held)
    parts = []
    for target in _targets(variable):
        filled = np.where(known, target, 0.0)
        expected = cross_fitted(filled, design, folds, known, chance=variable.levels > 0)
        parts.append(np.where(known, target - expected, np.nan))
    return np.column_stack(parts) if parts else np.zeros((data.resampling.n, 0))


def _targets(variable: Variable) -> list[Floats]:
    """The number, or an indicator of each frequent class; one of two classes is enough."""
    known = variable.values[variable.known]
    if not len(known) or np.ptp(known) == 0:
        return []
    if not variable.levels:
        return [variable.values]
    levels, counts = np.unique(known, return_counts=True)
    frequent = levels[np.argsort(-counts, kind="stable")][:_MOST_CLASSES]
    kept = frequent[1:] if len(levels) == 2 else frequent
    return [np.asarray(variable.values == level, np.float64) for level in np.sort(kept)]


def _tested(
    claim: IndependenceClaim, first: Floats, second: Floats, data: CausalData
) -> IndependenceTest:
    """By the products of each part of both nodes; of several by Bonferroni's method."""
    pairs = [(a, b) for a in first.T for b in second.T]
    known: Bools = np.asarray(np.isfinite(np.column_stack([first, second])).all(axis=1))
    rows = data.resampling.take(known)
    if not pairs or rows.n_units < _LEAST_ROWS:
        return IndependenceTest(claim, math.nan, math.nan, math.nan, rows.n)
    p_values = [mean_p_value(rows.per_unit(a[known] * b[known])) for a, b in pairs]
    correlations = [correlation(a[known], b[known]) for a, b in pairs]
    p_value = min(1.0, min(p_values) * len(pairs))
    return IndependenceTest(claim, max(correlations, key=abs), p_value, math.nan, rows.n)


def correlation(first: Floats, second: Floats) -> float:
    """Of two columns about 0, in [−1, 1]; 0 where one of them does not vary."""
    size = math.sqrt(float(np.mean(first**2)) * float(np.mean(second**2)))
    return float(np.mean(first * second)) / size if size > 0 else 0.0
