from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.data_kinds.coalitions import player_sums, spread_evenly
from deepseek_report.explainers.lime import Lime, cosine_distances
from tests.explainers.toys import ToyClassifier, context
from tests.worded import say


@pytest.mark.parametrize("modality", ["text", "image", "series"])
def test_of_an_additive_model_the_coefficients_are_the_effects_of_players(
    modality, layout_schema
) -> None:
    schema = layout_schema(modality)
    effects = np.random.default_rng(1).normal(0, 0.02, len(schema.features))

    def probability(rows: np.ndarray) -> np.ndarray:
        present = (rows == 2) if modality == "text" else np.nan_to_num(rows)
        return 0.5 + present @ effects

    to_explain = context(ToyClassifier(schema, probability=probability), n=3)
    centre = np.median(to_explain.background, axis=0)
    true = (to_explain.inputs - centre) * effects
    if modality == "text":
        inputs = np.full((3, 8), 2.0)
        inputs[0, 4:] = np.nan
        to_explain, true = replace(to_explain, inputs=inputs), (inputs == 2) * effects
    explainer = Lime(num_samples=300, ridge=1e-6)
    explanation = explainer.explain(to_explain)
    expected = spread_evenly(player_sums(true, schema.owners), schema.owners)
    np.testing.assert_allclose(explanation.values, expected, atol=1e-4)
    assert explanation.params["fidelity_worst"] > 0.999
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-3)
    planned = explainer.planned_calls(3, len(schema.player_labels), 30)
    assert explanation.n_model_calls == to_explain.classifier.calls <= planned
    assert (explanation.values[0][np.isnan(to_explain.inputs[0])] == 0).all()


def test_a_wide_table_is_explained_by_groups_of_columns() -> None:
    features = tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(300))
    schema = Schema(features, Target("y", "y", ("no", "yes"), 0))
    toy = ToyClassifier(schema, probability=lambda x: 1 / (1 + np.exp(-4 * x[:, 7])))
    to_explain = context(toy, n=2)
    to_explain.inputs[:, 7] = 2.0
    explainer = Lime()
    explanation = explainer.explain(to_explain)
    assert "64 groups of correlated columns" in say(explanation.variant)
    screened = 4 * 301
    assert explanation.n_model_calls == explainer.planned_calls(2, 300, 30) == 2 * 640 + screened
    assert (
        explanation.values[:, 7] > 5 * np.delete(explanation.values, 7, axis=1).max(axis=1)
    ).all()
    assert "4 walks from one training row to another" in " ".join(map(say, explanation.notes))


def test_without_screening_a_column_shares_with_its_group() -> None:
    features = tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(300))
    schema = Schema(features, Target("y", "y", ("no", "yes"), 0))
    toy = ToyClassifier(schema, probability=lambda x: 1 / (1 + np.exp(-4 * x[:, 7])))
    to_explain = context(toy, n=2)
    explainer = Lime(screening=0)
    explanation = explainer.explain(to_explain)
    assert explanation.n_model_calls == explainer.planned_calls(2, 300, 30) == 2 * 640
    assert ((explanation.values == explanation.values[:, [7]]).sum(axis=1) > 1).all()


def test_of_a_number_the_surrogate_is_in_its_unit_and_says_so(layout_schema) -> None:
    target = Target("y", "y", ("y",), 0, 0, task="regression")
    schema = Schema(tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(3)), target)

    class Number(ToyClassifier):
        def probabilities(self, inputs: np.ndarray) -> np.ndarray:
            self.calls += len(inputs)
            return 100 + 50 * inputs[:, :1]

    explanation = Lime(num_samples=500).explain(context(Number(schema), target=0))
    assert explanation.output_space == "value"
    assert "probability" not in " ".join(map(say, explanation.notes))
    np.testing.assert_allclose(explanation.predictions, 100 + 50 * explanation.inputs[:, 0])
    assert np.abs(explanation.values[:, 0]).mean() > 5 * np.abs(explanation.values[:, 1:]).mean()


@pytest.mark.parametrize("modality", ["text", "image", "series"])
def test_of_the_same_neighbours_the_package_makes_the_same_surrogates(
    modality, layout_schema
) -> None:
    schema = layout_schema(modality)
    effects = np.random.default_rng(1).normal(0, 0.2, len(schema.features))

    def probability(rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.nan_to_num(rows) @ effects))

    to_explain = context(ToyClassifier(schema, probability=probability), n=4)
    if modality == "text":
        to_explain = replace(to_explain, inputs=np.full((4, 8), 2.0))
        to_explain.inputs[0, 4:] = np.nan
    ours = Lime(num_samples=200).explain(to_explain)
    theirs = Lime(num_samples=200, algorithm="package").explain(to_explain)
    for field in ("values", "standard_error", "base_values", "predictions"):
        np.testing.assert_allclose(getattr(ours, field), getattr(theirs, field), atol=1e-9)
    np.testing.assert_allclose(ours.params["fidelity"], theirs.params["fidelity"], atol=1e-9)
    assert "LimeBase of lime" in say(theirs.variant)
    assert "LimeBase" not in say(ours.variant)


def test_distances_are_one_minus_the_cosine_with_all_ones() -> None:
    on = np.array([[1.0, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(cosine_distances(on[None], np.ones((1, 4)))[0], [0, 0.5, 1])
    present = np.array([[1.0, 1, 0, 0]])
    apart = cosine_distances(on[None], present)[0]
    np.testing.assert_allclose(apart, [0, 1 - np.sqrt(0.5), 1])
    np.testing.assert_array_equal(cosine_distances(on[None], np.zeros((1, 4)))[0], 0)
