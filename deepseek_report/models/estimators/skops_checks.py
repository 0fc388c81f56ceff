"""Whether positions stored in a loaded estimator stay inside of its arrays.

scikit-learn and scipy follow the positions in trees, neighbour trees and splines without looking
whether they exist: a file made to harm would read foreign memory, end the process or never end.
Types say nothing about that, so the numbers are looked at before anything is predicted.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from deepseek_report.errors import ConfigError

_LEAF = -1


def check_positions(estimator: Any) -> None:
    """Look at every tree, neighbour tree and spline that an estimator holds.

    Raises
    ------
    ConfigError : one of them points outside of itself; what it is called stands in the message.
    """
    for part in _parts(estimator):
        check = next(
            (_CHECKS[ancestor] for ancestor in _ancestors(part) if ancestor in _CHECKS), None
        )
        if check is not None and not _holds(check, part):
            raise ConfigError(
                f"a {type(part).__name__} in the file points outside of its own data, so the file "
                "is damaged or was made to harm; use another file"
            )


def _holds(check: Any, part: Any) -> bool:
    try:
        return bool(check(part))
    except (AttributeError, TypeError, ValueError, IndexError, KeyError):
        return False


def _ancestors(part: Any) -> Iterator[str]:
    return (f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(part).__mro__)


def _parts(root: Any) -> Iterator[Any]:
    """Every object that is reached from `root` through attributes and containers, once."""
    seen: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, (str, bytes, int, float, type(None))):
            continue
        seen[id(part)] = part  # kept, so that no other object gets its id
        yield part
        waiting.extend(_inside(part))


def _inside(part: Any) -> Iterator[Any]:
    if isinstance(part, np.ndarray):
        yield from part.ravel() if part.dtype == object else ()
    elif isinstance(part, Mapping):
        yield from part.values()
    elif isinstance(part, (list, tuple, set, frozenset)):
        yield from part
    if isinstance(part, functools.partial):
        yield from (part.func, part.args, part.keywords)
    if not isinstance(part, (type, ModuleType)):
        yield from getattr(part, "__dict__", {}).values()


def _tree(tree: Any) -> bool:
    """Children come after their parent and exist; so do the features that are asked about."""
    if not 0 < tree.node_count <= tree.capacity:
        return False
    left, right = tree.children_left, tree.children_right
    inner = left != _LEAF
    children = (_follow(left, inner) and _follow(right, inner)) or not inner.any()
    return children and _within(tree.feature[inner], tree.n_features)


def _follow(children: Any, inner: Any) -> bool:
    """Whether each child comes after its parent, so that a walk ends, and is there."""
    own = np.flatnonzero(inner)
    next_nodes = children[inner].astype(np.int64)
    return bool((next_nodes > own).all() and (next_nodes < len(children)).all())


def _within(positions: Any, size: int) -> bool:
    positions = np.asarray(positions, dtype=np.int64)
    return bool(((positions >= 0) & (positions < size)).all())


def _owner(estimator: Any) -> bool:
    """A tree's estimator checks its input's width by `n_features_in_`."""
    return not hasattr(estimator, "tree_") or bool(
        estimator.tree_.n_features == estimator.n_features_in_
    )


def _ensemble(ensemble: Any) -> bool:
    """Forests and gradient boosting check the width once, for all of their trees."""
    trees = np.asarray(getattr(ensemble, "estimators_", []), dtype=object).ravel()
    return all(tree.tree_.n_features == ensemble.n_features_in_ for tree in trees)


def _histogram(ensemble: Any) -> bool:
    """Predictors of histogram-based boosting: as trees, and the bit sets of their categories."""
    width = int(getattr(ensemble, "_n_features", 0))
    predictors = [predictor for row in getattr(ensemble, "_predictors", []) for predictor in row]
    if not predictors:
        return True
    categorical: Any = np.asarray(ensemble._bin_mapper.is_categorical_) != 0
    return len(categorical) == width and all(
        _predictor(predictor, categorical) for predictor in predictors
    )


def _predictor(predictor: Any, categorical: Any) -> bool:
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    if not len(nodes) or not _within(nodes["feature_idx"][inner], len(categorical)):
        return False
    by_set = inner & (nodes["is_categorical"] != 0)
    sets = predictor.raw_left_cat_bitsets
    return bool(
        _follow(nodes["left"], inner)
        and _follow(nodes["right"], inner)
        and categorical[nodes["feature_idx"][by_set]].all()
        and _within(nodes["bitset_idx"][by_set], len(sets))
        and (sets.ndim == 2 and sets.shape[1] == 8)
    )


def _neighbours(tree: Any) -> bool:
    """The parts of a KD tree or ball tree have the sizes that its depth says."""
    data, order, nodes, bounds, _, levels, count = tree.__getstate__()[:7]
    rows, columns = data.shape
    if count != len(nodes) or count != 2**levels - 1 or bounds.shape[1:] != (count, columns):
        return False
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    spans = bool(((starts >= 0) & (starts <= ends) & (ends <= rows)).all())
    return spans and len(order) == rows and _within(order, rows) and _within(2 * inner + 2, count)


def _spline(spline: Any) -> bool:
    """Enough knots in order, and a coefficient for each piece."""
    knots, degree = np.asarray(spline.t), int(spline.k)
    pieces = len(knots) - degree - 1
    ordered = np.isfinite(knots).all() and (np.diff(knots) >= 0).all()
    return bool(degree >= 0 and pieces > degree and len(spline.c) >= pieces and ordered)


#: By package and class.
_CHECKS = {
    "sklearn.Tree": _tree,
    "sklearn.BaseDecisionTree": _owner,
    "sklearn.BaseForest": _ensemble,
    "sklearn.BaseGradientBoosting": _ensemble,
    "sklearn.BaseHistGradientBoosting": _histogram,
    "sklearn.KDTree": _neighbours,
    "sklearn.BallTree": _neighbours,
    "scipy.BSpline": _spline,
    "scipy._BSpline": _spline,
}
