"""Known errors of the shap package as it is installed here, which the self-check finds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepseek_report.metrics.explanations.known_answers import SelfCheck
from deepseek_report.models.estimators.estimator import read_trees
from deepseek_report.statistics.games.tree_shapley import (
    pairs_of_features,
    tree_interactions,
    tree_shapley,
)
from tests.builders import explanation
from tests.enumerated import enumerated, enumerated_interactions

shap = pytest.importorskip("shap")
lightgbm = pytest.importorskip("lightgbm")

CASES, BACKGROUND = slice(0, 20), slice(20, 40)
#: An error of a library is one beyond this, in the unit of the output, whose spread is about 6.
_BEYOND_ROUNDING = 1e-3


def table() -> tuple[np.ndarray, np.ndarray]:
    """600 rows of two categories, codes from 0 on, and a number; the first two act together."""
    rng = np.random.default_rng(0)
    first, number, second = rng.integers(0, 6, 600), rng.normal(size=600), rng.integers(0, 40, 600)
    effect = np.select([first == 0, first == 3], [2.0, -1.0], 0.0)
    label = number + effect + (second % 3 == 0) * number + 0.3 * rng.normal(size=600)
    return np.column_stack([first, number, second]).astype(np.float64), label


def boosted(**settings: Any) -> Any:
    rows, label = table()
    chosen = {"n_estimators": 20, "num_leaves": 7, "min_child_samples": 10, **settings}
    model = lightgbm.LGBMRegressor(**chosen, verbose=-1, n_jobs=1)
    return model.fit(rows, label, categorical_feature=[0, 2])


@pytest.fixture(scope="module")
def with_categories() -> Any:
    return boosted()


def failed_checks(model: Any, values: np.ndarray, base: float, algorithm: str) -> list[str]:
    """What the self-check finds wrong with attributions of the model's number."""
    rows = table()[0]
    explained = explanation(
        values, rows[CASES], predictions=model.predict(rows[CASES]), output_space="value", target=0,
        base_values=np.full(len(values), base), params={"algorithm": algorithm},
    )  # fmt: skip
    answers = SimpleNamespace(probabilities=lambda asked_rows: model.predict(asked_rows)[:, None])
    context: Any = SimpleNamespace(
        classifier=answers, explanation=explained, background=rows[BACKGROUND], explain=None
    )
    checks = SelfCheck().measure(context).tables["checks"]
    return [str(name) for name in checks.loc[~checks["passed"], "check"]]


def skip_where_repaired(gap: np.ndarray) -> None:
    if np.abs(gap).max() < _BEYOND_ROUNDING:
        pytest.skip(f"shap {shap.__version__} is right here: the error is repaired")


def test_values_of_shap_that_miss_the_output_are_found_and_those_of_the_engine_pass(
    with_categories,
) -> None:
    """Additivity, as in shap#3938: categorical splits of LightGBM against background rows."""
    rows = table()[0]
    explainer = shap.TreeExplainer(
        with_categories, rows[BACKGROUND], feature_perturbation="interventional"
    )
    theirs = explainer.shap_values(rows[CASES], check_additivity=False)
    base = float(explainer.expected_value)
    own = tree_shapley(read_trees(with_categories), rows[CASES], rows[BACKGROUND], 0)
    assert failed_checks(with_categories, own.values, own.base, "tree") == []
    skip_where_repaired(theirs.sum(axis=1) + base - with_categories.predict(rows[CASES]))
    assert "additivity" in failed_checks(with_categories, theirs, base, "tree")


def test_interactions_of_shap_with_categories_are_found_and_those_of_the_engine_are_exact(
    with_categories,
) -> None:
    """shap PR #5079: interaction values of LightGBM models with categorical features."""
    rows = table()[0]
    explainer = shap.TreeExplainer(with_categories)
    sums = explainer.shap_interaction_values(rows[CASES]).sum(axis=2)
    known = with_categories.predict(rows[CASES], pred_contrib=True)
    own = tree_interactions(
        read_trees(with_categories), rows[CASES], rows[BACKGROUND], 0, np.arange(3)
    )
    exact = enumerated_interactions(with_categories.predict, rows[CASES], rows[BACKGROUND])
    for pair, values in zip(pairs_of_features(np.arange(3)), own, strict=True):
        np.testing.assert_allclose(values, exact[:, pair[0], pair[1]], atol=1e-9)
    assert failed_checks(with_categories, known[:, :-1], known[0, -1], "path") == []
    skip_where_repaired(sums - known[:, :-1])
    assert "additivity" in failed_checks(with_categories, sums, known[0, -1], "path")


def test_values_of_trees_come_to_what_the_library_itself_gives(with_categories) -> None:
    """LightGBM's `pred_contrib`, whose features left out follow the training rows: other values
    with the same sum, and for stumps the same values but for a constant of each feature.
    """
    rows = table()[0]
    own = tree_shapley(read_trees(with_categories), rows[CASES], rows[BACKGROUND], 0)
    known = with_categories.predict(rows[CASES], pred_contrib=True)
    np.testing.assert_allclose(own.values.sum(axis=1) + own.base, known.sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(
        own.values, enumerated(with_categories.predict, rows[CASES], rows[BACKGROUND]), atol=1e-9
    )
    stumps = boosted(num_leaves=2)
    own = tree_shapley(read_trees(stumps), rows[CASES], rows[BACKGROUND], 0)
    apart = own.values - stumps.predict(rows[CASES], pred_contrib=True)[:, :-1]
    np.testing.assert_allclose(np.ptp(apart, axis=0), 0, atol=1e-9)


def test_values_of_xgboost_come_to_what_the_library_itself_gives() -> None:
    xgboost = pytest.importorskip("xgboost")
    rows, label = table()
    for depth in (1, 3):
        model = xgboost.XGBRegressor(n_estimators=20, max_depth=depth, n_jobs=1).fit(rows, label)
        known = model.get_booster().predict(xgboost.DMatrix(rows[CASES]), pred_contribs=True)
        own = tree_shapley(read_trees(model), rows[CASES], rows[BACKGROUND], 0)
        np.testing.assert_allclose(own.values.sum(1) + own.base, known.sum(1), atol=1e-4)
        if depth == 1:
            np.testing.assert_allclose(np.ptp(own.values - known[:, :-1], axis=0), 0, atol=1e-4)
