"""The trees of each library, read as arrays: where rows go, what comes out, and Shapley values."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import sklearn.ensemble
import sklearn.tree

from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.errors import NotApplicableError
from deepseek_report.models.estimators.estimator import read_trees
from deepseek_report.statistics.games.tree_shapley import tree_shapley
from tests.enumerated import enumerated

Output = Callable[[np.ndarray], np.ndarray]
N_FEATURES = 6


def rows_of(seed: int, n: int, *, missing: float = 0.0) -> np.ndarray:
    """Numbers, small whole numbers with many zeros, and in the last column five categories."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, N_FEATURES))
    rows[:, 2:4] = np.round(rows[:, 2:4])
    rows[:, 5] = rng.integers(0, 5, n)
    rows[rng.random(rows.shape) < missing] = np.nan
    return rows


def number_of(rows: np.ndarray) -> np.ndarray:
    x = np.nan_to_num(rows, nan=1.5)
    return x[:, 0] * x[:, 1] + x[:, 2] + (np.isin(x[:, 5], [1, 3])) * x[:, 3] + 0.2 * x[:, 4]


@dataclass(frozen=True)
class Kind:
    """A fitted estimator and what it says itself that its trees add up to."""

    estimator: Any
    output: Output
    column: int
    missing: float


def labels_of(name: str, rows: np.ndarray, n_classes: int = 2) -> np.ndarray:
    """The number itself for a regressor, else classes of equal size."""
    number = number_of(rows)
    if name.endswith("Regressor"):
        return number
    return np.digitize(number, np.quantile(number, np.arange(1, n_classes) / n_classes))


def _sklearn(
    name: str, n_classes: int = 2, missing: float = 0.0, scale: float = 1.0, **params: Any
) -> Kind:
    """What the decision function says, or shares of the last class, or the number."""
    estimator = getattr(sklearn.ensemble, name, None) or getattr(sklearn.tree, name)
    train = rows_of(0, 300, missing=missing)
    fitted = estimator(**params, random_state=0).fit(train, labels_of(name, train, n_classes))
    if hasattr(fitted, "decision_function"):
        return Kind(fitted, lambda rows: scale * fitted.decision_function(rows), 0, missing)
    ask = getattr(fitted, "predict_proba", fitted.predict)
    return Kind(fitted, lambda rows: ask(rows).reshape(len(rows), -1)[:, -1], -1, missing)


def _xgboost(name: str, missing: float = 0.0, **params: Any) -> Kind:
    """The sum in double precision of the leaves that the library says rows fall into."""
    xgboost = pytest.importorskip("xgboost")
    train = rows_of(0, 300, missing=missing)
    labels = labels_of(name, train)
    params = {"n_estimators": 12, "max_depth": 5, "n_jobs": 1} | params
    part = {"eval_set": [(train[200:], labels[200:])]} if "early_stopping_rounds" in params else {}
    fitted = getattr(xgboost, name)(**params).fit(
        train[:200], labels[:200], **part, **({"verbose": False} if part else {})
    )
    ensemble = read_trees(fitted)

    def output(rows: np.ndarray) -> np.ndarray:
        fallen = fitted.apply(rows).astype(int).reshape(len(rows), -1)
        leaves = ensemble.roots + fallen[:, : len(ensemble.roots)]
        return ensemble.nodes.values[leaves, 0].sum(axis=1) + ensemble.base[0]

    return Kind(fitted, output, 0, missing)


def _lightgbm(name: str, missing: float = 0.0, categories: bool = False, **params: Any) -> Kind:
    """The raw score, in double precision."""
    lightgbm = pytest.importorskip("lightgbm")
    train = rows_of(0, 300, missing=missing)
    labels = labels_of(name, train)
    params = {"n_estimators": 12, "num_leaves": 12, "verbose": -1, "n_jobs": 1} | params
    if categories:
        params |= {"min_data_per_group": 5, "cat_smooth": 1, "max_cat_to_onehot": 2}
    named = {"categorical_feature": [5]} if categories else {}
    fitted = getattr(lightgbm, name)(**params).fit(train, labels, **named)
    scale = float(params.get("sigmoid", 1.0))
    if "boosting_type" in params:  # the raw score of averages is not yet divided by their number
        return Kind(fitted, fitted.predict, 0, missing)
    return Kind(fitted, lambda rows: scale * fitted.predict(rows, raw_score=True), 0, missing)


KINDS: dict[str, Callable[[], Kind]] = {
    "a tree": partial(_sklearn, "DecisionTreeClassifier", max_depth=6),
    "a tree with gaps": partial(_sklearn, "DecisionTreeRegressor", missing=0.2, max_depth=6),
    "a forest": partial(_sklearn, "RandomForestClassifier", n_estimators=5),
    "a forest with gaps": partial(_sklearn, "RandomForestClassifier", missing=0.2, n_estimators=5),
    "a forest, weighted": partial(
        _sklearn, "RandomForestClassifier", n_estimators=4, class_weight="balanced"
    ),
    "a forest of three classes": partial(_sklearn, "RandomForestClassifier", 3, n_estimators=5),
    "a forest of numbers": partial(_sklearn, "RandomForestRegressor", n_estimators=5),
    "extra trees": partial(_sklearn, "ExtraTreesClassifier", n_estimators=5),
    "an extra tree": partial(_sklearn, "ExtraTreeRegressor", max_depth=8),
    "boosting": partial(_sklearn, "GradientBoostingClassifier", n_estimators=8),
    "boosting from zero": partial(
        _sklearn, "GradientBoostingClassifier", n_estimators=8, init="zero"
    ),
    "boosting, exponential": partial(
        _sklearn, "GradientBoostingClassifier", n_estimators=8, loss="exponential", scale=2.0
    ),
    "boosting of numbers": partial(_sklearn, "GradientBoostingRegressor", n_estimators=8),
    "histograms": partial(_sklearn, "HistGradientBoostingClassifier", max_iter=8),
    "histograms with gaps": partial(
        _sklearn, "HistGradientBoostingClassifier", missing=0.2, max_iter=8
    ),
    "histograms with categories": partial(
        _sklearn,
        "HistGradientBoostingRegressor",
        missing=0.1,
        max_iter=8,
        categorical_features=[2, 5],
    ),
    "xgboost": partial(_xgboost, "XGBClassifier"),
    "xgboost with gaps": partial(_xgboost, "XGBClassifier", missing=0.2),
    "xgboost of numbers": partial(_xgboost, "XGBRegressor"),
    "xgboost, stopped early": partial(
        _xgboost, "XGBClassifier", n_estimators=60, early_stopping_rounds=2
    ),
    "xgboost with categories": partial(
        _xgboost,
        "XGBClassifier",
        0.1,
        enable_categorical=True,
        feature_types=["q"] * 5 + ["c"],
        max_cat_to_onehot=2,
    ),
    "lightgbm": partial(_lightgbm, "LGBMClassifier"),
    "lightgbm with gaps": partial(_lightgbm, "LGBMClassifier", missing=0.2),
    "lightgbm, zero is missing": partial(_lightgbm, "LGBMClassifier", 0.2, zero_as_missing=True),
    "lightgbm, steep": partial(_lightgbm, "LGBMClassifier", sigmoid=2.0),
    "lightgbm of numbers": partial(_lightgbm, "LGBMRegressor"),
    "lightgbm with categories": partial(_lightgbm, "LGBMClassifier", 0.1, categories=True),
    "lightgbm of averages": partial(
        _lightgbm, "LGBMRegressor", boosting_type="rf", bagging_freq=1, bagging_fraction=0.6
    ),
}


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lightgbm's own, of names of columns
        return KINDS[request.param]()


def sums(ensemble: TreeEnsemble, rows: np.ndarray, column: int) -> np.ndarray:
    return tree_shapley(ensemble, rows, rows[:1], column).outputs


def on_thresholds(ensemble: TreeEnsemble, rows: np.ndarray) -> np.ndarray:
    """Rows whose cells lie on thresholds of the trees, and next to them in each precision.

    Left out are thresholds that tell missing values from all others, and those next to 0: lightgbm
    reads as 0 what is nearer to it than 1e-35.
    """
    rng, nodes = np.random.default_rng(1), ensemble.nodes
    near, plain = rows.copy(), np.isfinite(nodes.threshold) & (np.abs(nodes.threshold) > 1e-30)
    for feature in range(N_FEATURES):
        of_feature = nodes.threshold[(nodes.feature == feature) & plain]
        if not len(of_feature) or any(nodes.feature[n] == feature for n in nodes.categories):
            continue
        drawn = rng.choice(of_feature, len(rows))
        far = np.where(rng.random(len(rows)) < 0.5, -np.inf, np.inf)
        single = np.nextafter(drawn.astype(np.float32), far.astype(np.float32))
        near[:, feature] = np.choose(
            rng.integers(0, 3, len(rows)), [drawn, np.nextafter(drawn, far), single]
        )
    return near


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_rows_go_where_the_library_sends_them_even_on_a_threshold(kind) -> None:
    ensemble = read_trees(kind.estimator)
    rows = rows_of(3, 400, missing=kind.missing)
    rows[:20, 5] = 7.0  # a category that training never saw
    for table in (rows, on_thresholds(ensemble, rows)):
        np.testing.assert_allclose(
            sums(ensemble, table, kind.column), kind.output(table), rtol=1e-12, atol=1e-12
        )


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_values_are_those_of_the_definition(kind) -> None:
    inputs = rows_of(4, 3, missing=kind.missing)
    background = rows_of(5, 12, missing=kind.missing)
    values = tree_shapley(read_trees(kind.estimator), inputs, background, kind.column)
    slow = enumerated(kind.output, inputs, background)
    assert np.abs(slow).max() > 0.01
    np.testing.assert_allclose(values.values, slow, atol=1e-9)
    total = values.base + values.values.sum(axis=1)
    np.testing.assert_allclose(total, kind.output(inputs), atol=1e-9)


@pytest.mark.parametrize("name", ["XGBClassifier", "XGBRegressor"])
def test_the_sum_is_what_xgboost_adds_up_in_single_precision(name) -> None:
    kind = _xgboost(name)
    rows = rows_of(6, 50)
    margins = kind.estimator.predict(rows, output_margin=True)
    np.testing.assert_allclose(sums(read_trees(kind.estimator), rows, 0), margins, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["a forest", "boosting", "xgboost", "xgboost of numbers", "lightgbm"]
)
@pytest.mark.filterwarnings("ignore")
def test_values_agree_with_the_shap_package(name) -> None:
    shap = pytest.importorskip("shap")
    kind = KINDS[name]()
    inputs, background = rows_of(7, 20), rows_of(8, 30)
    oracle = shap.TreeExplainer(
        kind.estimator, background, feature_perturbation="interventional", model_output="raw"
    )
    theirs = np.asarray(oracle.shap_values(inputs, check_additivity=False))
    theirs = theirs[:, :, -1] if theirs.ndim == 3 else theirs
    ours = tree_shapley(read_trees(kind.estimator), inputs, background, kind.column)
    np.testing.assert_allclose(ours.values, theirs, atol=1e-6)


def test_boosting_that_starts_from_a_model_is_no_sum_of_trees() -> None:
    from sklearn.linear_model import LogisticRegression

    kind = _sklearn("GradientBoostingClassifier", n_estimators=2, init=LogisticRegression())
    with pytest.raises(NotApplicableError):
        read_trees(kind.estimator)


def test_leaves_that_hold_linear_models_are_no_sum_of_trees() -> None:
    kind = _lightgbm("LGBMRegressor", linear_tree=True)
    with pytest.raises(NotApplicableError):
        read_trees(kind.estimator)


def test_trees_are_explained_without_loading_the_shap_package() -> None:
    script = """
import sys
import numpy as np
from sklearn.tree import DecisionTreeClassifier
import deepseek_report.explainers.shapley.shap
from deepseek_report.statistics.games.tree_shapley import tree_shapley
from deepseek_report.models.estimators.estimator import read_trees
rows = np.eye(4)
values = tree_shapley(read_trees(DecisionTreeClassifier().fit(rows, [0, 1, 1, 0])), rows, rows, 1)
assert values.values.shape == (4, 4)
assert not {"shap", "numba"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)
