"""Whether a model answers rows as models answer the rows that they were fitted to.

Where no training rows are given nobody can look for them among the test rows. Some models show it
all the same: what was fitted with an intercept gives predictions that add up to the labels of its
training rows, and each leaf of a tree was grown on rows that are still in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats

#: Sums of labels and predictions that differ by less than this share of what chance makes of it.
_EQUAL_SUMS = 0.003
#: Different answers that there are at least; sums of few are equal by chance more often.
_LEAST_ANSWERS, _LEAST_ROWS = 20, 30
#: Log of the chance of so many rows in the leaves of all trees, below which it is none.
_LEAST_CHANCE = np.log(1e-12)
#: Trees that are looked at.
_MOST_TREES = 50


def sums_agree(answers: Floats, truths: Floats) -> bool:
    """Whether predictions add up to what happened more closely than on rows that are new to them.

    On new rows the difference of the sums is a draw with the spread of a sum of so many rows, so
    that it falls this near to 0 in about one case of 400.

    Parameters
    ----------
    answers, truths : (row, output) probabilities and 0 or 1 for each class, or (row, 1) numbers.
    """
    spreads = np.minimum(answers.std(axis=0), (truths - answers).std(axis=0))
    few = len(answers) < _LEAST_ROWS or len(np.unique(answers[:, 0])) < _LEAST_ANSWERS
    if few or spreads.min() <= 1e-9:
        return False
    differences = np.abs((truths - answers).sum(axis=0)) / (np.sqrt(len(answers)) * spreads)
    return bool(differences.max() < _EQUAL_SUMS)


def leaves_hold(estimator: Any, table: Any) -> bool:
    """Whether every leaf of a tree model of scikit-learn holds as many rows as it was grown on.

    Of other models False. Rows that are new to a tree leave some of its leaves too empty; where
    they are so many that this says nothing, the answer is False as well.

    Parameters
    ----------
    estimator : a fitted estimator or pipeline. table : (row, column) as it reads them.
    """
    if hasattr(estimator, "steps"):
        *before, (_, last) = estimator.steps
        if not _trees(last):
            return False
        for _, step in before:
            table = table if step in (None, "passthrough") else step.transform(table)
        estimator = last
    trees = _trees(estimator)[:_MOST_TREES]
    dense = table.toarray() if hasattr(table, "toarray") else table
    rows = np.ascontiguousarray(dense, dtype=np.float32) if trees else np.empty((0, 0))
    chance = 0.0
    for tree in trees:
        held, needed = _leaves(tree, rows)
        if (held < needed).any():
            return False
        chance += _log_chance(needed, len(rows))
    return bool(chance < _LEAST_CHANCE)


def _trees(estimator: Any) -> Sequence[Any]:
    """The fitted trees of a model of scikit-learn that counts the rows of its leaves."""
    if type(estimator).__module__.partition(".")[0] != "sklearn":
        return ()
    if hasattr(estimator, "tree_"):
        return [estimator]
    members = np.ravel(getattr(estimator, "estimators_", ()))
    return list(members) if all(hasattr(member, "tree_") for member in members) else ()


def _leaves(tree: Any, rows: Any) -> tuple[Any, Any]:
    """(leaf,) how many of the rows are in each, and how many different ones it was grown on."""
    grown = tree.tree_
    leaf: Bools = grown.children_left == -1
    held = np.bincount(grown.apply(rows), minlength=grown.node_count)[leaf]
    return held, grown.n_node_samples[leaf]


def _log_chance(needed: Any, n: int) -> float:
    """Log of the chance that as many new rows fill each leaf at least so far, leaf by leaf."""
    from scipy.stats import poisson

    return float(poisson.logsf(needed - 1, n * needed / needed.sum()).sum())
