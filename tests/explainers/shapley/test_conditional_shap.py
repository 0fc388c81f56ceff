"""Conditional Shapley values: closed form, what goes with what, sampling error, and trees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds.replacement import replacement_of
from deepseek_report.explainers.shapley.conditional_shap import ConditionalShap
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.models.estimators.estimator import read_trees
from deepseek_report.statistics.games.tree_shapley import path_shapley
from tests.builders import NUMBER, Answers, numbered, table
from tests.enumerated import enumerated_values
from tests.worded import refused

COLUMNS = 4
SLOPES = np.array([1.0, -0.5, 0.8, 0.0])
CORRELATION = np.array(
    [[1.0, 0.3, 0.0, 0.9], [0.3, 1.0, 0.5, 0.2], [0.0, 0.5, 1.0, 0.0], [0.9, 0.2, 0.0, 1.0]]
)
TRAINING = np.random.default_rng(0).multivariate_normal(np.zeros(COLUMNS), CORRELATION, 20_000)
INPUTS = np.random.default_rng(1).multivariate_normal(np.zeros(COLUMNS), CORRELATION, 8)


def linear(columns: int = COLUMNS, bend: float = 0.0) -> Answers:
    """A model of a number."""
    schema = table(*numbered(columns), target=NUMBER)
    return Answers(lambda x: x[:, :COLUMNS] @ SLOPES + bend * x[:, 0] * x[:, 1], schema)


def context(model: Any, seed: int = 0, **changes: Any) -> ExplainContext:
    fields = {"training": TRAINING} | changes
    return ExplainContext(model, INPUTS, np.arange(8), TRAINING[:30], 0, seed, **fields)


def closed_form() -> np.ndarray:
    """(instance, column) of the linear model of jointly normal columns."""

    def worth(kept: np.ndarray) -> np.ndarray:
        rows = np.where(kept, INPUTS, 0.0)
        if kept.any() and not kept.all():
            inner = np.linalg.inv(CORRELATION[np.ix_(kept, kept)])
            rows[:, ~kept] = INPUTS[:, kept] @ inner @ CORRELATION[np.ix_(kept, ~kept)]
        return rows @ SLOPES

    return enumerated_values(worth, COLUMNS)


def test_of_a_linear_model_of_normal_columns_values_are_those_of_the_closed_form() -> None:
    explanation = ConditionalShap(training_rows=20_000).explain(context(linear()))
    np.testing.assert_allclose(explanation.values, closed_form(), atol=0.04)
    assert explanation.game == "conditional"
    assert np.abs(explanation.completeness_gap).max() < 1e-9


def test_a_column_that_the_model_does_not_use_counts_by_what_goes_with_it() -> None:
    conditional = ConditionalShap(training_rows=5000).explain(context(linear()))
    interventional = Shap(algorithm="pairs").explain(context(linear()))
    assert np.abs(conditional.values[:, 3]).mean() > 0.2
    assert np.abs(interventional.values[:, 3]).mean() < 0.01


def test_intervals_of_sampled_values_hold_those_of_all_coalitions_and_many_draws() -> None:
    model, held = linear(bend=1.0), []
    every = ConditionalShap(rounds=500, exact_up_to=5)
    truth = np.mean([every.explain(context(model, 900 + k)).values for k in range(3)], axis=0)
    for seed in range(40):
        sampled = ConditionalShap(exact_up_to=1).explain(context(model, seed))
        held.append(np.abs(sampled.values - truth) <= 1.96 * sampled.standard_error)
    assert 0.91 < np.mean(held) < 0.98


def test_without_training_rows_the_background_says_what_goes_together() -> None:
    alone = ConditionalShap().explain(context(linear(), training=None))
    same = ConditionalShap().explain(context(linear(), training=TRAINING[:30]))
    np.testing.assert_array_equal(alone.values, same.values)


def test_too_many_columns_are_refused_with_what_to_do() -> None:
    wide = context(linear(columns=65))
    wide = replace(wide, inputs=np.zeros((8, 65)), background=np.zeros((9, 65)), training=None)
    with refused("64 at most, and there are 65"):
        ConditionalShap().explain(wide)


@pytest.mark.parametrize("kind", ["tree", "forest", "boosting"])
@pytest.mark.filterwarnings("ignore")
def test_along_the_paths_of_trees_values_are_those_of_the_shap_package(kind) -> None:
    import shap
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from sklearn.tree import DecisionTreeRegressor

    rows = TRAINING[:400]
    labels = rows[:, 0] * rows[:, 1] + np.sin(rows[:, 2])
    estimator = {
        "tree": DecisionTreeRegressor(max_depth=5),
        "forest": RandomForestRegressor(8, max_depth=6, bootstrap=False, max_features=2),
        "boosting": GradientBoostingRegressor(n_estimators=20, max_depth=4),
    }[kind].fit(rows, labels)
    ours = path_shapley(read_trees(estimator), INPUTS, rows, 0)
    theirs = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
    np.testing.assert_allclose(ours.values, theirs.shap_values(INPUTS), atol=1e-9)
    assert ours.base == pytest.approx(float(np.ravel(theirs.expected_value)[0]))
    np.testing.assert_allclose(ours.outputs, estimator.predict(INPUTS))


def test_a_model_of_trees_is_walked_unless_the_copula_is_asked_for() -> None:
    from sklearn.tree import DecisionTreeRegressor

    rows = TRAINING[:400]
    estimator = DecisionTreeRegressor(max_depth=4).fit(rows, rows @ SLOPES)
    model: Any = linear()
    model.capabilities, model.trees = frozenset({"trees"}), read_trees(estimator)
    model.columns = lambda inputs: inputs
    model.probabilities = lambda inputs: estimator.predict(inputs)[:, None]
    walked = ConditionalShap().explain(context(model))
    assert walked.standard_error is None
    assert np.abs(walked.completeness_gap).max() < 1e-9
    drawn = ConditionalShap(algorithm="copula").explain(context(model))
    assert drawn.standard_error is not None
    assert np.corrcoef(walked.values.ravel(), drawn.values.ravel())[0, 1] > 0.8


def test_metrics_get_rows_of_the_same_game() -> None:
    model: Any = linear()
    inputs = np.repeat(INPUTS[:1], 4000, axis=0) + np.arange(4000)[:, None] * 1e-9
    replacement = replacement_of("conditional", model, inputs, TRAINING[:30], training=TRAINING)
    kept = np.tile([True, False, False, False], (4000, 1))
    rows = np.concatenate([replacement.rows(kept, np.arange(4000), draw) for draw in (0, 1)])
    assert (rows[:4000, 0] == inputs[:, 0]).all()
    expected = CORRELATION[0, 1:] * INPUTS[0, 0]
    np.testing.assert_allclose(rows[:, 1:].mean(axis=0), expected, atol=0.05)
    single = replacement.at(np.array([7])).rows(kept[:1], np.array([0]), 0)
    np.testing.assert_allclose(single[0], rows[7])
    other = replacement_of("conditional", model, inputs[:9], TRAINING[:30], TRAINING, 1)
    assert not np.allclose(other.rows(kept[:9], np.arange(9), 0)[:, 1:], rows[:9, 1:])
