from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.explainers.shapley.shap_rounds import shap as package
from deepseek_report.statistics.ranking import systematic
from tests.explainers.toys import toy
from tests.worded import say


def brute_force(value, n: int) -> np.ndarray:
    """Shapley values from their definition: the mean marginal gain over all orders."""
    total = np.zeros(n)
    for order in itertools.permutations(range(n)):
        present: set[int] = set()
        for j in order:
            total[j] += value(present | {j}) - value(present)
            present |= {j}
    return total / math.factorial(n)


def product(rows: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-rows[:, 0] * rows[:, 1] - rows[:, 2] + 0.5 * rows[:, 0] * rows[:, 2]))


def second_order(rows: np.ndarray) -> np.ndarray:
    return 0.5 + 0.1 * rows[:, 0] * rows[:, 1] + 0.05 * rows[:, 2]


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
    for row, values in zip(to_explain.inputs, explanation.values, strict=True):

        def value(present: set[int], row: np.ndarray = row) -> float:
            kept = np.isin(np.arange(3), list(present))
            return float(product(np.where(kept, row, background)).mean())

        np.testing.assert_allclose(values, brute_force(value, 3), atol=1e-9)


def test_permutation_values_are_those_of_the_package_by_hand() -> None:
    """One antithetic pass is exact up to interactions of two features."""
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


def test_one_round_has_no_standard_error_and_says_so() -> None:
    explanation = Shap(algorithm="permutation", rounds=1).explain(toy(3, probability=product))
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
