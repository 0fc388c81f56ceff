"""Exact tree values beside the shap package's TreeExplainer, on the same background rows.

    python benchmarks/tree_values.py [cases] [repeats]

Everything runs in this one process, one thread, in turn: ours, theirs, ours, … on the same fitted
model. Printed are CPU milliseconds a row (medians), the median of the ratios formed within a turn,
and the largest difference between the two, as a share of the largest value. Both explain what the
trees add up to: the probability for a forest, log-odds for boosting, or the number.

The histogram boosting of scikit-learn compares in double precision; shap rounds what it compares to
single precision, so there the difference is shap's.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import statistics  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from sklearn import ensemble  # noqa: E402
from sklearn.datasets import load_breast_cancer, make_classification  # noqa: E402

from deepseek_report.artifacts.array_types import Floats, Ints  # noqa: E402
from deepseek_report.models.estimators.estimator import read_trees  # noqa: E402
from deepseek_report.statistics.games.tree_shapley import tree_shapley  # noqa: E402

warnings.simplefilter("ignore")
import lightgbm  # noqa: E402
import shap  # noqa: E402
import xgboost  # noqa: E402

BACKGROUND = (50, 100)
MODELS: dict[str, Callable[[], Any]] = {
    "RandomForest, 100 trees": lambda: ensemble.RandomForestClassifier(100, random_state=0),
    "ExtraTrees, 100 trees": lambda: ensemble.ExtraTreesClassifier(100, random_state=0),
    "GradientBoosting": lambda: ensemble.GradientBoostingClassifier(random_state=0),
    "HistGradientBoosting": lambda: ensemble.HistGradientBoostingClassifier(random_state=0),
    "xgboost": lambda: xgboost.XGBClassifier(n_jobs=1),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_jobs=1, verbose=-1),
}


def data_sets() -> Iterator[tuple[str, Floats, Ints]]:
    """A small table, and a larger one whose forests are deep."""
    inputs, labels = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    yield "breast_cancer", inputs[order], labels[order]
    yield "2 000 × 20", *make_classification(2000, 20, n_informative=10, random_state=0)


def seconds(explain: Callable[[], Floats]) -> tuple[float, Floats]:
    """CPU seconds, and the values."""
    start = time.process_time()
    values = explain()
    return time.process_time() - start, values


def main(cases: int = 100, repeats: int = 3) -> None:
    """Print a table, a line for each data set, model and size of the background."""
    print(f"{cases} cases, {repeats} turns, one thread; CPU milliseconds a row")
    print(f"{'':51}{'ours':>8}{'shap':>8}{'ratio':>8}  difference")
    for name, inputs, labels in data_sets():
        train, test = slice(0, len(labels) * 3 // 4), inputs[len(labels) * 3 // 4 :][:cases]
        for called, make in MODELS.items():
            model = make().fit(inputs[train], labels[train])
            for rows in BACKGROUND:
                line = compared(model, test, inputs[:rows], repeats)
                print(f"{name:15}{called:26}{rows:4} rows {line}", flush=True)


def compared(model: Any, cases: Floats, background: Floats, repeats: int) -> str:
    """The numbers of one line."""

    def ours() -> Floats:
        trees = read_trees(model)
        return tree_shapley(trees, cases, background, len(trees.base) - 1).values

    def theirs() -> Floats:
        explainer = shap.TreeExplainer(
            model, background, feature_perturbation="interventional", model_output="raw"
        )
        values = np.asarray(explainer.shap_values(cases, check_additivity=False))
        return values[:, :, -1] if values.ndim == 3 else values

    turns = [(*seconds(ours), *seconds(theirs)) for _ in range(repeats)]
    mine, yours = (statistics.median(turn[k] for turn in turns) for k in (0, 2))
    ratio = statistics.median(turn[0] / turn[2] for turn in turns)
    _, values, _, other = turns[0]
    gap = np.abs(values - other).max() / np.abs(other).max()
    each = 1e3 / len(cases)
    return f"{mine * each:8.2f}{yours * each:8.2f}{ratio:8.2f}  {gap:.0e}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
