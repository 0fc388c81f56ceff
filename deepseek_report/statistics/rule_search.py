"""Rules from the paths of small boosted trees, and the few of them that a sparse model needs.

An output is a base plus a sum of points of the rules that hold: log-odds of each class or label, or
a number. Trees propose rules, an L1 penalty chooses, and the points of the chosen ones are fitted
again with hardly any penalty (the relaxed lasso), so that they are not shrunk by the choice.

Reference: Friedman & Popescu 2008, doi:10.1214/07-AOAS148 (rule ensembles); Meinshausen 2007,
doi:10.1016/j.csda.2006.12.019 (the relaxed lasso).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints

if TYPE_CHECKING:
    from sklearn.tree._tree import Tree


#: How outputs become answers: several that are log-odds each for itself, log-odds of classes that
#: share one probability of 1, or numbers.
Link = Literal["logit", "softmax", "value"]

#: Trees that are grown, how far each goes, and the share of the rows that each sees.
_TREES, _RATE, _SHARE = 24, 0.3, 0.5
#: Rows of a leaf: a share of those that the tree sees, at least so many.
_LEAF_SHARE, _LEAF = 0.01, 10
#: Rows by which rules are found and chosen; points are fitted to all.
_MOST_ROWS = 20_000
#: Halvings of the range in which the penalty is looked for, and by what factor the range is wide.
_HALVINGS, _WIDE = 12, 1e4
#: L2 penalty of the points of the chosen rules, beside losses that are summed over the rows.
_RIDGE = 1.0
_STEPS = 200


class RuleStep(NamedTuple):
    """One question on the way through a tree: whether a column is at most a threshold, or over it.

    missing : whether a missing value goes this way too.
    """

    column: int
    threshold: float
    below: bool
    missing: bool


def boosted_paths(
    columns: Floats, targets: Floats, link: Link, *, depth: int, seed: int
) -> list[tuple[RuleStep, ...]]:
    """The ways to all nodes of small boosted trees, the shortest first, each way once.

    columns : (row, column), NaN is missing. targets : (row, output) 0 and 1, or numbers of mean 0
    and spread 1. depth : questions on a way, at most.

    Reference: Friedman 2001, doi:10.1214/aos/1013203451.
    """
    from sklearn.tree import DecisionTreeRegressor

    rng = np.random.default_rng(seed)
    gaps = np.asarray(np.isnan(columns).any(axis=0))
    outputs, paths = (
        np.zeros_like(targets) + _start(targets, link),
        dict[tuple[RuleStep, ...], None](),
    )
    some = max(int(_SHARE * len(columns)), min(len(columns), 2 * _LEAF))
    fewest = max(int(_LEAF_SHARE * some), _LEAF)
    for tree in range(_TREES):
        answers = answers_of(outputs, link)
        misses = targets - answers
        shown = rng.permutation(len(columns))[:some]
        grown = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=fewest, random_state=tree)
        leaves = grown.fit(columns[shown], misses[shown]).apply(columns)
        curvature = np.ones_like(answers) if link == "value" else answers * (1 - answers)
        for leaf in np.unique(leaves):
            inside = leaves == leaf
            room = np.maximum(curvature[inside].sum(axis=0), 1e-9)
            outputs[inside] += np.clip(_RATE * misses[inside].sum(axis=0) / room, -4.0, 4.0)
        paths |= dict.fromkeys(_ways(grown.tree_, gaps))
    return sorted(paths, key=len)


def _ways(tree: Tree, gaps: Bools) -> Iterator[tuple[RuleStep, ...]]:
    waiting: list[tuple[int, tuple[RuleStep, ...]]] = [(0, ())]
    while waiting:
        node, way = waiting.pop()
        if way:
            yield way
        if tree.children_left[node] < 0:
            continue
        column, threshold = int(tree.feature[node]), float(tree.threshold[node])
        left = bool(tree.missing_go_to_left[node])
        for child, below in ((tree.children_left[node], True), (tree.children_right[node], False)):
            missing = bool(gaps[column]) and left == below
            waiting.append((int(child), (*way, RuleStep(column, threshold, below, missing))))


def _start(targets: Floats, link: Link) -> Floats:
    if link == "value":
        return np.asarray(targets.mean(axis=0))
    shares = np.clip(targets.mean(axis=0), 1e-4, 1 - 1e-4)
    return np.asarray(np.log(shares) if link == "softmax" else np.log(shares / (1 - shares)))


def answers_of(outputs: Floats, link: Link) -> Floats:
    """(row, output) probabilities of the outputs, or the numbers themselves."""
    if link == "value":
        return outputs
    if link == "softmax":
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    return np.asarray(1 / (1 + np.exp(-np.clip(outputs, -500, 500))))


def distinct(fires: Bools) -> Ints:
    """Positions of the rules (row, rule) that tell rows apart as no rule before them does.

    A rule that holds exactly where another fails tells the same.

    >>> distinct(np.array([[True, False, True], [False, True, True]])).tolist()
    [0]
    """
    kept, seen = [], set[bytes]()
    for place, holds in enumerate(fires.T):
        key = np.packbits(holds ^ holds[0]).tobytes()
        if key not in seen and holds.any() and not holds.all():
            seen.add(key)
            kept.append(place)
    return np.array(kept, dtype=np.int64)


def choose_rules(fires: Bools, targets: Floats, link: Link, most: int) -> Ints:
    """Positions of at most so many rules (row, rule): those of the weakest L1 penalty that keeps
    no more.

    targets : (row, output) as in `boosted_paths`. With several outputs a rule counts once, and is
    chosen where any of them needs it.

    Reference: Tibshirani 1996 (the lasso); Fan et al. 2008, LIBLINEAR.
    """
    if not fires.shape[1] or not most:
        return np.zeros(0, dtype=np.int64)
    centred = targets - targets.mean(axis=0)
    largest = float(np.abs(fires.T.astype(np.float64) @ centred).max()) or 1.0
    low, high, chosen = 1.0, _WIDE, np.zeros(0, dtype=np.int64)
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        kept = _kept(fires, targets, link, largest / middle)
        if len(kept) > most:
            high = middle
            continue
        low, chosen = middle, kept
        if len(kept) == most:
            break
    return chosen


def _kept(fires: Bools, targets: Floats, link: Link, penalty: float) -> Ints:
    """The rules whose weight is not 0 in any output."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = _lasso if link == "value" else _logistic
        weights = [fit(fires.astype(np.float64), column, penalty) for column in targets.T]
    return np.flatnonzero(np.any(np.stack(weights) != 0, axis=0))


def _lasso(fires: Floats, numbers: Floats, penalty: float) -> Floats:
    from sklearn.linear_model import Lasso

    fitted = Lasso(alpha=penalty / len(fires), precompute=True, tol=1e-3).fit(fires, numbers)
    return np.asarray(fitted.coef_)


def _logistic(fires: Floats, happened: Floats, penalty: float) -> Floats:
    from sklearn.linear_model import LogisticRegression

    if happened.min() == happened.max():
        return np.zeros(fires.shape[1])
    settings: dict[str, object] = {"solver": "liblinear", "intercept_scaling": 10.0}
    fitted = LogisticRegression(C=1 / penalty, l1_ratio=1.0, tol=1e-3, random_state=0, **settings)
    return np.asarray(fitted.fit(fires, happened).coef_[0])


@dataclass(frozen=True)
class Points:
    """base : (output,) of a row for which no rule holds. weights : (rule, output)."""

    base: Floats
    weights: Floats


def fit_points(fires: Bools, targets: Floats, link: Link, fixed: Floats | None = None) -> Points:
    """Base and points of rules (row, rule) with the least loss and hardly any penalty.

    fixed : (rule, output) points that are kept as they are; NaN is fitted. The loss is summed over
    the rows, and ½ of the squared points is added.

    >>> fires = np.array([[True], [True], [False], [False]])
    >>> points = fit_points(fires, np.array([[1.0], [1.0], [-1.0], [-1.0]]), "value")
    >>> points.base.round(3).tolist(), points.weights.round(3).tolist()
    ([-0.5], [[1.0]])
    """
    known = np.full((fires.shape[1], targets.shape[1]), np.nan) if fixed is None else fixed
    free, rows = np.isnan(known), fires.astype(np.float64)
    offset = rows @ np.where(free, 0.0, known)
    inside = free.any(axis=1)
    design = np.column_stack([np.ones(len(rows)), rows[:, inside]])
    fitted = _least_loss(design, targets, offset, link, free[inside])
    weights = np.where(free, 0.0, known)
    weights[inside] = np.where(free[inside], fitted[1:], weights[inside])
    return Points(fitted[0], weights)


def _least_loss(design: Floats, targets: Floats, offset: Floats, link: Link, free: Bools) -> Floats:
    """(1 + rule, output) base and weights; those that are not free are 0."""
    from scipy.optimize import minimize

    outputs = targets.shape[1]
    penalised = np.ones(len(free) + 1)
    penalised[0] = 0.0
    moves = np.vstack([np.ones((1, outputs), dtype=bool), free])

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = np.where(moves, flat.reshape(-1, outputs), 0.0)
        reached = design @ weights + offset
        slope = design.T @ (answers_of(reached, link) - targets)
        slope += _RIDGE * penalised[:, None] * weights
        total = _loss(reached, targets, link) + 0.5 * _RIDGE * float((weights[1:] ** 2).sum())
        return total / len(design), np.where(moves, slope, 0.0).ravel() / len(design)

    start = np.zeros((len(moves), outputs))
    start[0] = _start(targets, link)
    options = {"maxiter": _STEPS, "gtol": 1e-9, "ftol": 1e-14, "maxcor": 20}
    fitted = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.where(moves, fitted.x.reshape(-1, outputs), 0.0)


def _loss(outputs: Floats, targets: Floats, link: Link) -> float:
    if link == "value":
        return 0.5 * float(((outputs - targets) ** 2).sum())
    if link == "softmax":
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -float((targets * logs).sum())
    return float((np.logaddexp(0.0, outputs) - targets * outputs).sum())


def drawn_rows(n: int, seed: int) -> Ints:
    """Positions of the rows by which rules are found and chosen: all, or a draw of them."""
    if n <= _MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, n]).permutation(n)[:_MOST_ROWS])


def simplest_between(low: float, high: float) -> float:
    """The number with the fewest digits that is at least `low` and below `high`.

    >>> simplest_between(49_870.0, 50_210.0), simplest_between(2.0, 3.0)
    (50000.0, 2.0)
    >>> simplest_between(0.1234, 0.1301)
    0.13
    """
    if not low < high:
        return low
    for power in range(15, -16, -1):
        step = 10.0**power
        first = np.ceil(low / step)
        last = np.ceil(high / step) - 1
        if first <= last:
            middle = float(np.clip(np.round((low + high) / 2 / step), first, last))
            value = round(middle * step, max(-power, 0))
            if low <= value < high:
                return value
    return low
