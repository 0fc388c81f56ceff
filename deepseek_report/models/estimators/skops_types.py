"""Which types of a skops file are loaded: a fixed, reviewed rule, and what the person names.

A skops file names the classes and functions that it is built from, and loading imports and calls
them. A name is allowed for what it is, never for where it stands:

- what skops itself trusts: public estimators of scikit-learn, numpy's ufuncs, plain containers;
- a *class* that a module of scikit-learn defines itself and that is an estimator, a kernel, a loss,
  a link, an optimiser or a splitter: their constructors store what they are given;
- estimators of xgboost and lightgbm, and their boosters;
- the helper classes and pure functions listed here by their whole name.

Everything else needs `--trust-type`. Left out on purpose: `scipy.stats` distributions, whose state
is run as source text; metrics of distance that carry arrays, which are read without a check of
their size.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

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
