"""Asks the trees of scikit-learn's forests one after the other, without a pool of threads.

For a few rows, a forest of 100 trees takes five times as long to hand its trees to joblib as they
take to answer. They are asked by their public methods and added up in their order, so that the
last digits do not hang on `n_jobs` either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats

#: {forest: the question whose answer is the mean of those of its trees}
_MEANS = {
    "ExtraTreesClassifier": "predict_proba",
    "ExtraTreesRegressor": "predict",
    "RandomForestClassifier": "predict_proba",
    "RandomForestRegressor": "predict",
}
_MODULE = "sklearn.ensemble._forest"
#: How far the mean of the trees may be from what the library says, relative to the largest answer.
_TOLERANCE = 1e-12
#: {forest: whether it is}, of those that were asked.
_AGREES: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def ask(estimator: Any, method: str, table: Any) -> Any:
    """What a fitted estimator answers to a table; that of a forest is the mean over its trees.

    The first table is given to the library too, and decides whether the trees are asked at all:
    they are if both say the same to 10⁻¹² of the largest answer.

    Parameters
    ----------
    method : `predict` or `predict_proba`. table : (row, column) as the estimator reads it.

    Raises
    ------
    ValueError : the library cannot read the table.
    """
    trees = _trees(estimator, method)
    rows = _rows(table, estimator.n_features_in_) if trees else None
    if rows is None or _AGREES.get(estimator) is False:
        return getattr(estimator, method)(table)
    answers = _mean(trees, method, rows)
    if estimator not in _AGREES:
        expected = getattr(estimator, method)(table)
        _AGREES[estimator] = _same(answers, np.asarray(expected))
        if not _AGREES[estimator]:
            return expected
    return answers


def _trees(estimator: Any, method: str) -> Sequence[Any]:
    """The fitted trees of a forest with one output, where their mean is the answer."""
    kind = type(estimator)
    if kind.__module__ != _MODULE or _MEANS.get(kind.__name__) != method:
        return ()
    trees: Sequence[Any] = getattr(estimator, "estimators_", ())
    return trees if getattr(estimator, "n_outputs_", 0) == 1 else ()


def _rows(table: Any, width: int) -> NDArray[np.float32] | None:
    """The table as trees read it, None where the library must look at it itself."""
    try:
        rows = np.ascontiguousarray(table, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    return rows if rows.shape[1:] == (width,) and np.isfinite(rows).all() else None


def _mean(trees: Sequence[Any], method: str, rows: NDArray[np.float32]) -> Floats:
    answers = (getattr(tree, method)(rows, check_input=False) for tree in trees)
    return np.asarray(sum(answers) / len(trees))


def _same(answers: Floats, expected: Floats) -> bool:
    if answers.shape != expected.shape:
        return False
    largest = float(np.max(np.abs(expected), initial=0.0))
    return float(np.max(np.abs(answers - expected), initial=0.0)) <= _TOLERANCE * largest
