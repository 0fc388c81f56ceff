"""Elementary effects against their closed form, and what they gain in a wide table."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.explainers.shapley import shapley_engine
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.explainers.shapley.shapley_engine import elementary_effects, planned_questions
from tests.explainers.toys import ToyClassifier, context


def wide(columns: int) -> Schema:
    features = tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(columns))
    return Schema(features, Target("y", "y", ("no", "yes"), 0))


def of_a_line(weights: np.ndarray):
    return lambda rows: 1 / (1 + np.exp(-(rows @ weights)))


def only_first(rows: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-rows[:, 0]))


def test_of_two_rows_the_effects_are_weights_times_distances(monkeypatch) -> None:
    weights = np.array([0.5, -1.0, 0.0, 0.25, 0.0])
    to_explain = context(ToyClassifier(wide(5), probability=of_a_line(weights)), n=1)
    object.__setattr__(to_explain, "background", to_explain.background[:2])
    before = to_explain.classifier.calls
    effects = elementary_effects(to_explain, walks=3)
    expected = np.abs(weights * (to_explain.background[0] - to_explain.background[1]))
    np.testing.assert_allclose(effects, expected, atol=1e-9)
    assert to_explain.classifier.calls - before == planned_questions(3, 5) == 18

    monkeypatch.setattr(shapley_engine, "MOST_CELLS", 5)  # one row a call
    np.testing.assert_allclose(elementary_effects(to_explain, walks=3), effects, atol=1e-9)


def test_what_a_wide_walk_asks_does_not_grow_with_the_columns() -> None:
    for columns in (2000, 4000):
        to_explain = context(ToyClassifier(wide(columns), probability=only_first), n=1)
        before = to_explain.classifier.calls
        elementary_effects(to_explain, walks=3)
        asked_rows = to_explain.classifier.calls - before
        assert asked_rows == planned_questions(3, columns) == 3 * shapley_engine.MOST_STEPS


def test_halving_comes_to_the_columns_that_do_something() -> None:
    """With one row for every hundred columns, the effects of three columns are those of a walk
    that asks after each column; all others share next to nothing."""
    weights = np.zeros(4000)
    weights[[17, 1717, 3999]] = 1.0, -0.5, 2.0
    to_explain = context(ToyClassifier(wide(4000), probability=of_a_line(weights)), n=1)
    to_explain.background[:2] = [[-0.5], [0.5]]
    object.__setattr__(to_explain, "background", to_explain.background[:2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapley_engine, "MOST_STEPS", 120)
        effects = elementary_effects(to_explain, walks=2)
    np.testing.assert_allclose(effects, np.abs(weights), atol=1e-9)


def test_effects_of_a_dead_model_are_zero() -> None:
    to_explain = context(ToyClassifier(wide(1200), probability=of_a_line(np.zeros(1200))), n=1)
    before = to_explain.classifier.calls
    np.testing.assert_array_equal(elementary_effects(to_explain, walks=1), 0)
    assert to_explain.classifier.calls - before == planned_questions(1, 1200)


def test_with_few_questions_columns_that_matter_are_told_apart_from_the_rest() -> None:
    rng = np.random.default_rng(5)
    informative = rng.choice(1200, 12, replace=False)
    weights = np.zeros(1200)
    weights[informative] = rng.choice([-1.0, 1.0], 12)
    to_explain = context(ToyClassifier(wide(1200), probability=of_a_line(weights)), n=12)
    shares = []
    for walks in (4, 0):
        explainer = Shap(max_evaluations=400, screening=walks)
        explanation = explainer.explain(to_explain)
        np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-9)
        assert explanation.n_model_calls == explainer.planned_calls(
            12, 1200, len(to_explain.background)
        )
        sizes = np.abs(explanation.values)
        shares.append(sizes[:, informative].sum() / sizes.sum())
    assert shares[0] > 0.95
    assert shares[1] < 0.85
