"""Standard errors count the draw of the background: how often intervals hold the value against
the whole training part, over other draws of the background rows and of everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.explainers.gradients.deep_lift import DeepShap
from deepseek_report.explainers.gradients.path_gradients import GradientShap, IntegratedGradients
from deepseek_report.explainers.occlusion import Occlusion
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.models.estimators.estimator import read_trees
from deepseek_report.statistics.games.formula import enumerated_values
from deepseek_report.statistics.intervals import error_of_mean
from deepseek_report.statistics.resampling import batches_of, error_by_batches
from tests.builders import logistic
from tests.explainers.toys import OddsModule, ToyClassifier, context, toy_schema

ROWS, DRAWN, CASES, WORLDS = 400, 48, 3, 5

Model = Callable[[np.ndarray], np.ndarray]


def rows_of(columns: int, rng: np.random.Generator) -> np.ndarray:
    """Correlated, skewed, seldom and coded columns, as tables have them."""
    rows = rng.normal(size=(ROWS, columns))
    rows[:, 1] = 0.7 * rows[:, 0] + 0.7 * rows[:, 1]
    rows[:, 2] = np.exp(rows[:, 2]) - 1.6
    rows[:, 3] = rows[:, 3] > 0.5
    return rows


def bent(columns: int, rng: np.random.Generator) -> Model:
    slopes, (first, second) = rng.normal(size=columns), rng.choice(columns, 2, replace=False)

    def probability(rows: np.ndarray) -> np.ndarray:
        together = rows[:, first] * rows[:, second] + (rows[:, 0] > 0.5) * (rows[:, 1] > 0)
        return np.asarray(logistic(0.6 * rows @ slopes + 0.5 * together - 1))

    return probability


def coverage(explainer: Any, redraws: int, columns: int, worlds: int = WORLDS) -> float:
    """The share of intervals of 95 % that hold the value against all training rows."""
    held = []
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        training, probability = rows_of(columns, rng), bent(columns, rng)
        inputs = training[rng.choice(ROWS, CASES, replace=False)]
        truth = enumerated_values(probability, inputs, training, np.arange(columns))
        if isinstance(explainer, Occlusion):
            truth = np.zeros(inputs.shape)
            for column in range(columns):
                mixed = np.repeat(inputs, ROWS, axis=0)
                mixed[:, column] = np.tile(training[:, column], CASES)
                left = probability(mixed).reshape(CASES, ROWS).mean(axis=1)
                truth[:, column] = probability(inputs) - left
        classifier = ToyClassifier(toy_schema(columns), probability)
        held += [
            np.abs(each.values - truth) <= 1.96 * each.standard_error + 1e-12
            for each in explanations(explainer, classifier, training, inputs, redraws, rng)
        ]
    return float(np.mean(held))


def explanations(
    explainer: Any,
    classifier: Any,
    training: np.ndarray,
    inputs: np.ndarray,
    redraws: int,
    rng: np.random.Generator,
) -> list[Any]:
    """Against other rows, and by other draws of the method, each time."""
    made = []
    for seed in range(redraws):
        drawn = training[np.sort(rng.choice(ROWS, DRAWN, replace=False))]
        known = {"background": drawn, "training": training, "inputs": inputs, "seed": seed}
        made.append(explainer.explain(context(classifier, **known, positions=np.arange(CASES))))
    return made


@pytest.mark.parametrize(
    ("explainer", "columns", "redraws", "worlds"),
    [
        (Shap(), 5, 12, 5),
        (Shap(surrogate_rows=0), 9, 8, 5),
        (Shap(surrogate_rows=300), 9, 6, 3),
        (Shap(algorithm="exact"), 5, 8, 5),
        (Shap(algorithm="permutation"), 5, 8, 5),
        (Occlusion(), 5, 30, 5),
        (Occlusion(references=12), 5, 30, 5),
    ],
    ids=[
        "all coalitions",
        "pairs",
        "pairs and a surrogate",
        "exact",
        "orders",
        "occlusion",
        "occlusion by some rows",
    ],
)
def test_intervals_hold_the_value_against_all_training_rows(
    explainer, columns, redraws, worlds
) -> None:
    assert 0.93 <= coverage(explainer, redraws, columns, worlds) <= 0.97


def test_intervals_of_trees_hold_the_value_against_all_training_rows() -> None:
    from sklearn.ensemble import GradientBoostingRegressor

    held = []
    for seed in range(WORLDS):
        rng = np.random.default_rng(seed)
        training, probability = rows_of(5, rng), bent(5, rng)
        labels = probability(training)
        fitted = GradientBoostingRegressor(n_estimators=30, random_state=0).fit(training, labels)
        model: Any = ToyClassifier(toy_schema(5), fitted.predict)
        model.capabilities, model.trees = frozenset({"trees"}), read_trees(fitted)
        model.columns, model.probabilities = lambda rows: rows, column_of(fitted.predict)
        inputs = training[rng.choice(ROWS, CASES, replace=False)]
        whole = context(model, background=training, inputs=inputs, target=0)
        truth = Shap().explain(whole)
        assert truth.standard_error is None
        for seed_of_draw in range(15):
            drawn = training[np.sort(rng.choice(ROWS, DRAWN, replace=False))]
            against_draw = replace(whole, background=drawn, training=training, seed=seed_of_draw)
            each = Shap().explain(against_draw)
            held.append(np.abs(each.values - truth.values) <= 1.96 * each.standard_error)
    assert 0.93 <= np.mean(held) <= 0.97


def column_of(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: function(rows)[:, None]


@pytest.mark.parametrize(
    ("explainer", "redraws"),
    [(GradientShap(draws=256, tolerance=0.3), 20), (IntegratedGradients(), 20), (DeepShap(), 4)],
    ids=["GradientSHAP", "integrated gradients", "Deep SHAP"],
)
def test_intervals_of_gradients_hold_the_value_against_all_training_rows(
    explainer, redraws
) -> None:
    held = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        training = rows_of(4, rng)
        module: Any = OddsModule(lambda x: torch.tanh(x[:, 0] * x[:, 1]) + x[:, 2] * x[:, 3], 4)
        if isinstance(explainer, DeepShap):
            module = Layers(seed)
        classifier = ToyClassifier(toy_schema(4), module=module)
        inputs = training[rng.choice(ROWS, CASES, replace=False)]
        whole = context(classifier, background=training, inputs=inputs)
        exact = GradientShap(draws=20_000, tolerance=0, references=ROWS)
        if isinstance(explainer, DeepShap):
            exact = DeepShap(references=ROWS)
        truth = exact.explain(whole).values
        held += [
            np.abs(each.values - truth) <= 1.96 * each.standard_error
            for each in explanations(explainer, classifier, training, inputs, redraws, rng)
        ]
    assert 0.93 <= np.mean(held) <= 0.97


class Layers(torch.nn.Module):
    """A small perceptron of which every column is a unit."""

    unit_features = (0, 1, 2, 3)

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        parts = [torch.nn.Flatten(), torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)]
        self.layers = torch.nn.Sequential(*parts)

    def embed(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[:, :, None]

    def forward_embedded(self, embedded: torch.Tensor) -> torch.Tensor:
        return self.layers(embedded)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.forward_embedded(self.embed(inputs))


def test_without_a_draw_nothing_is_added() -> None:
    """The whole training part, in any order, has the errors of the pairs alone, or none."""
    rng = np.random.default_rng(0)
    training, probability = rows_of(9, rng), bent(9, rng)
    classifier = ToyClassifier(toy_schema(9), probability)
    known: dict[str, Any] = {"background": training, "inputs": training[:3], "positions": [0, 1, 2]}
    alone: ExplainContext = context(classifier, **known)
    whole = replace(alone, training=training)
    for explainer in (Shap(surrogate_rows=0), Occlusion(references=ROWS)):
        first, second = (explainer.explain(each).standard_error for each in (alone, whole))
        if isinstance(explainer, Occlusion):
            assert first is None
            assert second is None
        else:
            np.testing.assert_array_equal(first, second)
    drawn = Shap(surrogate_rows=0).explain(replace(whole, background=training[:DRAWN]))
    apart = Shap(surrogate_rows=0).explain(replace(alone, background=training[:DRAWN]))
    np.testing.assert_array_equal(drawn.values, apart.values)
    assert (drawn.standard_error > apart.standard_error).all()


@pytest.mark.parametrize("drawn", [8, 16, 64])
def test_errors_of_means_hold_them_as_often_as_they_say(drawn: int) -> None:
    """Of skewed values drawn without replacement, and of batches of them of unequal sizes."""
    rng = np.random.default_rng(0)
    population = np.exp(rng.normal(size=(300, 40)) * 0.5)
    mean, held = population.mean(axis=0), []
    for _ in range(300):
        rows = population[rng.choice(300, drawn, replace=False)]
        batches = np.stack([rows[batch].mean(axis=0) for batch in batches_of(drawn)])
        unseen = 1 - drawn / 300
        errors = error_of_mean(rows, unseen), error_by_batches(batches, drawn, unseen)
        held += [np.abs(rows.mean(axis=0) - mean) <= 1.96 * error for error in errors]
    assert 0.93 <= np.mean(held) <= 0.97
    assert (error_of_mean(population[:1]) == np.inf).all()
    assert (error_of_mean(population[:1], unseen=0.0) == 0).all()
