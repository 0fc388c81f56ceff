"""Shapley values: the definition, the shap package, and the engine of our own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.explainers.shapley import shapley_engine
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.explainers.shapley.shap_rounds import shap as package
from deepseek_report.explainers.shapley.shapley_engine import elementary_effects, planned_questions
from deepseek_report.statistics.ranking import systematic
from tests.builders import logistic
from tests.enumerated import enumerated
from tests.explainers.toys import ToyClassifier, context, toy, toy_schema
from tests.worded import say


def product(rows: np.ndarray) -> np.ndarray:
    x = rows.T
    return logistic(x[0] * x[1] + x[2] - 0.5 * x[0] * x[2])


def chosen_background(explanation, explained) -> np.ndarray:
    scores = explained.classifier.probabilities(explained.background)[:, 1]
    rows = explanation.params["background_rows"]
    return explained.background[systematic(scores, explanation.params["rounds"], rows).ravel()]


@pytest.mark.parametrize("algorithm", ["exact", "permutation"])
def test_of_a_linear_model_is_weight_times_distance_from_the_mean(algorithm) -> None:
    weights = np.array([0.1, -0.05, 0.02])
    to_explain = toy(3, probability=lambda x: 0.5 + x @ weights)
    explanation = Shap(algorithm=algorithm).explain(to_explain)
    mean = chosen_background(explanation, to_explain).mean(axis=0)
    np.testing.assert_allclose(explanation.values, weights * (to_explain.inputs - mean), atol=1e-9)
    np.testing.assert_allclose(explanation.base_values, 0.5 + mean @ weights)
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-9)


def test_exact_values_are_those_of_the_definition() -> None:
    to_explain = toy(3, probability=product, n=2)
    explanation = Shap(algorithm="exact", rounds=2, background_rows=3).explain(to_explain)
    background = chosen_background(explanation, to_explain)
    by_definition = enumerated(product, to_explain.inputs, background)
    np.testing.assert_allclose(explanation.values, by_definition, atol=1e-9)


def test_permutation_values_are_those_of_the_package_by_hand() -> None:
    """One antithetic pass is exact up to interactions of two features."""

    def second_order(rows: np.ndarray) -> np.ndarray:
        return 0.5 + 0.1 * rows[:, 0] * rows[:, 1] + 0.05 * rows[:, 2]

    to_explain = toy(3, probability=second_order, n=3)
    explanation = Shap(algorithm="permutation", rounds=1, background_rows=8).explain(to_explain)
    masker = package.maskers.Independent(chosen_background(explanation, to_explain))
    by_hand = package.PermutationExplainer(second_order, masker)
    np.testing.assert_allclose(
        explanation.values, by_hand.shap_values(to_explain.inputs), atol=1e-9
    )


def test_a_missing_value_is_a_value_like_any_other() -> None:
    def probability(rows: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(rows[:, 0]), 0.9, 0.1)

    to_explain = toy(2, probability=probability)
    inputs = to_explain.inputs.copy()
    inputs[0, 0] = np.nan
    explanation = Shap().explain(replace(to_explain, inputs=inputs))
    np.testing.assert_allclose(explanation.values[0], [0.8, 0.0], atol=1e-12)
    np.testing.assert_allclose(explanation.values[1:], 0, atol=1e-12)


def test_one_row_has_no_standard_error_and_says_so() -> None:
    single = Shap(algorithm="permutation", rounds=1, background_rows=1)
    explanation = single.explain(toy(3, probability=product))
    assert explanation.standard_error is None
    assert "no standard error" in say(explanation.notes[1])


def test_names_the_algorithm_that_it_chose() -> None:
    few = toy(3, probability=product)
    many = toy(9, probability=product, n=1)
    for to_explain, settings, name in [
        (few, {}, "Shapley values of features, by regression"),
        (few, {"algorithm": "exact"}, "ExactExplainer of shap"),
        (many, {"algorithm": "permutation"}, "PermutationExplainer of shap"),
        (many, {"permutation_up_to": 8}, "Owen values of features"),
    ]:
        assert say(Shap(rounds=2, **settings).explain(to_explain).variant).startswith(name)


@examples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 20))
def test_systematic_samples_are_disjoint_and_of_the_right_size(rounds, rows, more) -> None:
    scores = np.random.default_rng(rows).normal(size=rounds * rows + more)
    chosen = systematic(scores, rounds, rows)
    assert chosen.shape == (rounds, rows)
    assert len(np.unique(chosen)) == rounds * rows


def test_the_background_has_nearly_the_mean_output_of_all_rows() -> None:
    scores = np.random.default_rng(0).beta(1, 4, size=400)
    assert abs(scores[systematic(scores, 4, 3)].mean() - scores.mean()) < 0.01


# --- The engine against the shap package, and its screening of wide tables ------------------------


def bent(rows: np.ndarray) -> np.ndarray:
    """A probability with interactions of every order."""
    slopes = np.linspace(-1, 1, rows.shape[1])
    return logistic(rows @ slopes + rows[:, 0] * rows[:, 1] * rows[:, 2])


def by_package(explained) -> np.ndarray:
    """Exact values against the whole background."""
    masker = package.maskers.Independent(explained.background)
    return package.ExactExplainer(bent, masker)(explained.inputs).values


def test_of_all_coalitions_gives_the_values_of_the_package() -> None:
    to_explain = toy(5, probability=bent, n_background=6)
    explanation = Shap(rounds=2, background_rows=3).explain(to_explain)
    np.testing.assert_allclose(explanation.values, by_package(to_explain), atol=1e-9)
    assert explanation.standard_error is None
    assert "every row, so the values are exact" in say(explanation.notes[-1])


def test_estimates_lie_within_a_few_standard_errors_of_the_package() -> None:
    to_explain = toy(10, probability=bent)
    explanation = Shap().explain(to_explain)
    distance = np.abs(explanation.values - by_package(to_explain))
    assert (distance <= 4 * explanation.standard_error).all()
    assert np.corrcoef(explanation.values.ravel(), by_package(to_explain).ravel())[0, 1] > 0.97


def test_values_and_the_mean_over_the_background_add_up_to_the_prediction() -> None:
    to_explain = toy(10, probability=bent)
    explanation = Shap(rounds=1, background_rows=1).explain(to_explain)
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-12)
    np.testing.assert_allclose(explanation.base_values, bent(to_explain.background).mean())


def test_of_a_linear_model_is_weight_times_distance_from_the_mean_of_the_whole_background() -> None:
    slopes = np.linspace(-0.02, 0.02, 10)
    classifier = ToyClassifier(toy_schema(10), probability=lambda x: 0.5 + x @ slopes)
    to_explain = context(classifier)
    explanation = Shap().explain(to_explain)
    distance = to_explain.inputs - to_explain.background.mean(axis=0)
    np.testing.assert_allclose(explanation.values, slopes * distance, atol=1e-9)


def test_more_rounds_than_background_rows_are_of_use() -> None:
    to_explain = toy(10, probability=bent, n_background=5)
    exact = by_package(to_explain)
    errors = [
        np.abs(Shap(rounds=rounds).explain(to_explain).values - exact).mean()
        for rounds in (2, 40, 200)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_goes_on_until_the_tolerance_is_reached_or_the_rows_are_spent() -> None:
    to_explain = toy(10, probability=bent, n=8)
    first = Shap().explain(to_explain)
    tolerance = float(np.median(first.standard_error.max(axis=1)))
    patient = Shap(tolerance=tolerance, max_evaluations=20_000)
    explanation = patient.explain(to_explain)
    assert (explanation.standard_error.max(axis=1) <= tolerance).all()
    enough = first.standard_error.max(axis=1) <= tolerance
    np.testing.assert_allclose(explanation.values[enough].sum(), first.values[enough].sum())
    planned = patient.planned_calls(8, 10, 30)
    assert first.n_model_calls < explanation.n_model_calls < planned
    spent = Shap(background_rows=3, tolerance=1e-9, max_evaluations=400).explain(to_explain)
    assert spent.n_model_calls == 2000 + 30 + 8 * 401


def test_small_batches_give_the_same_values(monkeypatch) -> None:
    to_explain = toy(10, probability=bent, n=4)
    whole = Shap().explain(to_explain)
    monkeypatch.setattr(shapley_engine, "MOST_CELLS", 500)
    np.testing.assert_allclose(Shap().explain(to_explain).values, whole.values, atol=1e-12)


def test_equal_rows_are_asked_once() -> None:
    """Where an instance differs from two rows in three features, 7 of 12 rows differ."""
    to_explain = toy(6, probability=bent, n=1, n_background=2)
    background = np.repeat(to_explain.background[:1], 2, axis=0)
    inputs = background[:1].copy()
    background[1, 5] += 1
    inputs[0, :2] += 1
    explained = replace(to_explain, inputs=inputs, background=background)
    explanation = Shap(rounds=100).explain(explained)
    assert explanation.n_model_calls == 1 + 2 + 7
    assert (explanation.values[0, 2:5] == 0).all()


@pytest.mark.parametrize("features", [1, 2])
def test_of_one_or_two_features_is_exact(features) -> None:
    def product(rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-rows.prod(axis=1)))

    to_explain = toy(features, probability=product, n_background=4)
    explanation = Shap().explain(to_explain)
    masker = package.maskers.Independent(to_explain.background)
    exact = package.ExactExplainer(product, masker)(to_explain.inputs).values
    np.testing.assert_allclose(explanation.values, exact, atol=1e-12)
    assert explanation.standard_error is None


def test_a_surrogate_makes_sampled_values_sharper_and_leaves_them_right() -> None:
    def stepped(table: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-2 * table[:, 0] * (table[:, 1] > 0) - table[:, 2] ** 2 + 1))

    to_explain = toy(12, probability=stepped, n=12, n_background=30)
    plain = Shap(surrogate_rows=0).explain(to_explain)
    helped = Shap().explain(to_explain)
    assert helped.standard_error.mean() < 0.7 * plain.standard_error.mean()
    exact = Shap(rounds=400, surrogate_rows=0).explain(to_explain).values
    inside = np.abs(helped.values - exact) <= 1.96 * helped.standard_error + 1e-3
    assert inside.mean() > 0.93
    np.testing.assert_allclose(helped.completeness_gap, 0, atol=1e-9)


def of_a_line(weights: np.ndarray):
    return lambda rows: logistic(rows @ weights)


def test_of_two_rows_the_effects_are_weights_times_distances(monkeypatch) -> None:
    weights = np.array([0.5, -1.0, 0.0, 0.25, 0.0])
    to_explain = toy(5, probability=of_a_line(weights), n=1)
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
        to_explain = toy(columns, probability=lambda rows: logistic(rows[:, 0]), n=1)
        before = to_explain.classifier.calls
        elementary_effects(to_explain, walks=3)
        asked_rows = to_explain.classifier.calls - before
        assert asked_rows == planned_questions(3, columns) == 3 * shapley_engine.MOST_STEPS


def test_halving_comes_to_the_columns_that_do_something() -> None:
    """With one row for every hundred columns, the effects of three columns are those of a walk
    that asks after each column; all others share next to nothing."""
    weights = np.zeros(4000)
    weights[[17, 1717, 3999]] = 1.0, -0.5, 2.0
    to_explain = toy(4000, probability=of_a_line(weights), n=1)
    to_explain.background[:2] = [[-0.5], [0.5]]
    object.__setattr__(to_explain, "background", to_explain.background[:2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapley_engine, "MOST_STEPS", 120)
        effects = elementary_effects(to_explain, walks=2)
    np.testing.assert_allclose(effects, np.abs(weights), atol=1e-9)


def test_effects_of_a_dead_model_are_zero() -> None:
    to_explain = toy(1200, probability=of_a_line(np.zeros(1200)), n=1)
    before = to_explain.classifier.calls
    np.testing.assert_array_equal(elementary_effects(to_explain, walks=1), 0)
    assert to_explain.classifier.calls - before == planned_questions(1, 1200)


def test_with_few_questions_columns_that_matter_are_told_apart_from_the_rest() -> None:
    rng = np.random.default_rng(5)
    informative = rng.choice(1200, 12, replace=False)
    weights = np.zeros(1200)
    weights[informative] = rng.choice([-1.0, 1.0], 12)
    to_explain = toy(1200, probability=of_a_line(weights), n=12)
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
