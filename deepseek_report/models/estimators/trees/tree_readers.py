"""Which reader knows the trees of which estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.models.estimators.trees.lightgbm_trees import LightgbmTrees
from deepseek_report.models.estimators.trees.sklearn_trees import (
    AveragedTrees,
    GradientBoostedTrees,
)
from deepseek_report.models.estimators.trees.xgboost_trees import XgboostTrees
from deepseek_report.statistics.histogram_trees import HistogramTrees


class TreeReader(Protocol):
    """Reads the trees of one form of estimators; no library is imported for it."""

    def read(self, estimator: Any) -> TreeEnsemble:
        """The fitted estimator's trees, with an output for each class, or a single one."""


#: By class of estimator, "Classifier" and "Regressor" left out.
_READERS: Mapping[str, TreeReader] = {
    "DecisionTree": AveragedTrees(),
    "ExtraTree": AveragedTrees(),
    "RandomForest": AveragedTrees(),
    "ExtraTrees": AveragedTrees(),
    "GradientBoosting": GradientBoostedTrees(),
    "HistGradientBoosting": HistogramTrees(),
    "XGB": XgboostTrees(),
    "LGBM": LightgbmTrees(),
}


def read_trees(estimator: Any) -> TreeEnsemble:
    """The trees of a fitted estimator whose class is in `TREES`."""
    name = type(estimator).__name__
    return _READERS[name.removesuffix("Classifier").removesuffix("Regressor")].read(estimator)
