"""Fitted estimators in skops files: looked at before they are loaded, and never a pickle."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from deepseek_report.artifacts.installation import pip_install
from deepseek_report.errors import ConfigError

# --- Whether positions stored in a loaded estimator stay inside of its arrays ---------------------
# scikit-learn and scipy follow the positions in trees, neighbour trees and splines without looking
# whether they exist: a file made to harm would read foreign memory, end the process or never end.
# Types say nothing about that, so the numbers are looked at before anything is predicted.

_LEAF = -1


def check_positions(estimator: Any) -> None:
    """Look at every tree, neighbour tree and spline that an estimator holds.

    Raises ConfigError : one of them points outside of itself; what it is called stands in the
    message.
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


# Which types are loaded: a fixed, reviewed rule, and what the person names. A skops file names the
# classes and functions that it is built from, and loading imports and calls them. A name is allowed
# for what it is, never for where it stands:
#
# - what skops itself trusts: public estimators of scikit-learn, numpy's ufuncs, plain containers;
# - a *class* that a module of scikit-learn defines itself and that is an estimator, a kernel, a
#   loss, a link, an optimiser or a splitter: their constructors store what they are given;
# - estimators of xgboost and lightgbm, and their boosters;
# - the helper classes and pure functions listed here by their whole name.
#
# Everything else needs `--trust-type`. Left out on purpose: `scipy.stats` distributions, whose
# state is run as source text; metrics of distance that carry arrays, which are read without a check
# of their size.

_HELPERS = frozenset(
    {
        "builtins.object",
        "collections.OrderedDict",
        "functools.partial",
        "lightgbm.basic.Booster",
        "numpy.dtype",
        "numpy.number",
        "scipy.interpolate._bsplines.BSpline",
        "scipy.interpolate._bsplines._BSpline",  # what it holds from scipy 1.18 on
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.ChebyshevDistance64",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._scorer._CurveScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        "xgboost.core.Booster",
    }
)
#: Functions that compute from their arguments and do nothing else.
_FUNCTIONS = frozenset(
    {
        "numpy.max",
        "numpy.mean",
        "numpy.median",
        "numpy.min",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.feature_selection._univariate_selection.r_regression",
        "sklearn.utils.validation.check_array",
    }
)
#: Modules whose public functions judge predictions: pure functions too.
_SCORING = frozenset(
    f"sklearn.metrics.{name}" for name in ("_classification", "_ranking", "_regression")
)
#: A class of scikit-learn with one of these among its ancestors is allowed.
_BASES = (
    "sklearn.base.BaseEstimator",
    "sklearn.gaussian_process.kernels.Kernel",
    "sklearn._loss.link.BaseLink",
    "sklearn._loss.loss.BaseLoss",
    "sklearn.model_selection._split.BaseCrossValidator",
    "sklearn.model_selection._split.BaseShuffleSplit",
    "sklearn.neural_network._stochastic_optimizers.BaseOptimizer",
)
#: Parts of scikit-learn that no fitted estimator is made of.
_NOT_FOR_MODELS = frozenset({"conftest", "datasets", "experimental", "externals", "tests"})
#: Modules of other libraries whose estimators are allowed.
_BOOSTING = frozenset({"xgboost.sklearn", "lightgbm.sklearn"})


def untrusted(names: Collection[str], trusted: Sequence[str]) -> list[str]:
    """The names that neither the fixed rule nor the person allows, sorted."""
    return sorted(name for name in names if name not in trusted and not is_allowed(name))


@cache
def is_allowed(name: str) -> bool:
    """Whether the fixed rule allows a class or function, given by its dotted path."""
    if name in _HELPERS or name in _FUNCTIONS:
        return True
    module, _, last = name.rpartition(".")
    if module in _SCORING:
        return _is_public_score(last)
    if module in _BOOSTING:
        return _is_estimator_of(module, last, _BASES[:1])
    parts = module.split(".")
    if parts[0] != "sklearn" or _NOT_FOR_MODELS & set(parts):
        return False
    return _is_estimator_of(module, last, _BASES)


def _is_public_score(name: str) -> bool:
    import sklearn.metrics

    return name in sklearn.metrics.__all__ and inspect.isfunction(getattr(sklearn.metrics, name))


def _is_estimator_of(module: str, name: str, bases: Sequence[str]) -> bool:
    """Whether the module itself defines a class of this name, below one of the bases."""
    named = _look_up(module, name)
    own = isinstance(named, type) and (named.__module__, named.__qualname__) == (module, name)
    return own and any(issubclass(named, base) for base in map(_base, bases) if base is not None)


@cache
def _base(dotted: str) -> Any:
    """A base class, or None where this version of the library has none of that name."""
    module, _, name = dotted.rpartition(".")
    return _look_up(module, name)


def _look_up(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


# --- Fitted estimators in skops files: looked at before they are loaded, and never a pickle -------

#: The most bytes that a file may hold once its members are unpacked, and its description alone.
_LARGEST = 4 * 2**30
_LARGEST_DESCRIPTION = 256 * 2**20
#: What skops and zipfile raise at a file that is damaged or was made to harm.
_UNREADABLE = (
    *(OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile),
)


@dataclass(frozen=True)
class FileSummary:
    """What a file says of its estimator without being loaded."""

    class_name: str
    has_names: bool


def describe_file(path: Path) -> FileSummary:
    """Class of the estimator, and whether it was fitted on a table with column names."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except _UNREADABLE:
        return FileSummary("", has_names=False)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> FileSummary:
    del changed
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("schema.json").file_size > _LARGEST_DESCRIPTION:
            raise ValueError("its description is too long")
        text = archive.read("schema.json").decode()
    return FileSummary(str(json.loads(text)["__class__"]), '"feature_names_in_"' in text)


def file_problems(path: Path, trusted: Sequence[str]) -> list[str]:
    """Why a file cannot be loaded: it is not there, no skops, or types that nobody has trusted.

    trusted : types that the person running it trusts beyond the fixed rule of `skops_types`.
    """
    if not path.is_file():
        return [f"model.file {path} does not exist"]
    if not describe_file(path).class_name:
        return [f"model.file {path} is not a skops file; write one with skops.io.dump"]
    if (size := _unpacked(path)) > _LARGEST:
        return [
            f"model.file {path} holds {size / 2**30:.1f} GiB once it is unpacked, and at most "
            f"{_LARGEST / 2**30:.0f} GiB are read; store a smaller estimator"
        ]
    try:
        unknown = untrusted(types_beyond_skops(path), trusted)
    except _UNREADABLE as error:
        return [f"model.file {path} cannot be read as a skops file: {_said(error)}"]
    if not unknown:
        return []
    options = " ".join(f"--trust-type {name}" for name in unknown)
    return [
        f"model.file {path} holds types that are not known to be safe: {', '.join(unknown)}. "
        f"If you know where the file comes from and trust them, add {options}"
    ]


def types_beyond_skops(path: Path) -> list[str]:
    """Types and functions that a file is built from and that skops itself does not trust."""
    return list(_types(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=4)
def _types(path: Path, changed: int) -> tuple[str, ...]:
    del changed
    return tuple(str(name) for name in _skops().get_untrusted_types(file=path))


def load_file(path: Path, trusted: Sequence[str]) -> Any:
    """The estimator of a file, if every type is allowed and every position in it exists.

    Raises ConfigError : a type is neither allowed nor trusted, or the file points outside of
    itself.
    """

    if problems := file_problems(path, trusted):
        raise ConfigError("; ".join(problems))
    try:
        estimator = _skops().load(path, trusted=types_beyond_skops(path))
    except ImportError as error:
        raise ConfigError(f"model.file {path} needs a package that is not there: {error}") from None
    except _UNREADABLE as error:
        raise ConfigError(f"model.file {path} cannot be loaded: {_said(error)}") from None
    check_positions(estimator)
    return estimator


def _unpacked(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())


def _said(error: BaseException) -> str:
    """The first line of an error, short enough for a message."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise ConfigError(
            f"model.file needs skops; install it with: {pip_install('skops')}"
        ) from None
    return skops.io
