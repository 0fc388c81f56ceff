from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepseek_report.data_kinds.base import typical_row
from deepseek_report.explainers.gradients.embedding_gradients import log_odds
from deepseek_report.explainers.gradients.local_gradients import InputXGradient
from deepseek_report.explainers.gradients.path_gradients import IntegratedGradients
from tests.explainers.toys import LinearModule, OddsModule, ToyClassifier, context, toy, toy_schema
from tests.worded import say

WEIGHTS = np.array([[0.0, 1.0], [0.0, -2.0], [0.0, 0.5]])


@pytest.fixture
def to_explain():
    return toy(3, module=LinearModule(WEIGHTS))


def test_integrated_gradients_of_a_linear_model_are_weight_times_distance(to_explain) -> None:
    explanation = IntegratedGradients(n_steps=2, references=1).explain(to_explain)
    baseline = typical_row(to_explain.background, to_explain.classifier.schema)
    np.testing.assert_allclose(
        explanation.values, WEIGHTS[:, 1] * (to_explain.inputs - baseline), atol=1e-5
    )
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-5)


def test_from_several_rows_they_are_weight_times_distance_from_the_mean_of_these(
    to_explain,
) -> None:
    rows = to_explain.background
    every = IntegratedGradients(references=len(rows)).explain(to_explain)
    distance = to_explain.inputs - rows.mean(axis=0)
    np.testing.assert_allclose(every.values, WEIGHTS[:, 1] * distance, atol=1e-5)
    np.testing.assert_allclose(every.base_values, to_explain.margin(rows).mean(), atol=1e-6)


def test_asked_about_the_baseline_the_path_starts_there(to_explain) -> None:
    explanation = IntegratedGradients().explain(replace(to_explain, question="baseline"))
    baseline = typical_row(to_explain.background, to_explain.classifier.schema)
    distance = to_explain.inputs - baseline
    np.testing.assert_allclose(explanation.values, WEIGHTS[:, 1] * distance, atol=1e-5)
    assert explanation.game == "baseline"
    assert IntegratedGradients().explain(to_explain).game == "background"


def test_a_value_that_equals_the_typical_one_gets_its_due(to_explain) -> None:
    """From one start it gets 0 whatever the model does, which is counted against the method."""
    typical = typical_row(to_explain.background, to_explain.classifier.schema)
    alike = replace(to_explain, inputs=np.tile(typical, (len(to_explain.inputs), 1)))
    single, several = (IntegratedGradients(references=count).explain(alike) for count in (1, 8))
    assert (single.values == 0).all()
    assert single.params["baseline"] == typical.tolist()
    assert (np.abs(several.values) > 1e-3).mean() > 0.9
    assert "baseline" not in several.params


def test_the_base_is_near_the_mean_over_the_background_and_not_of_one_class(to_explain) -> None:
    outputs = to_explain.margin(to_explain.background)
    base = IntegratedGradients().explain(to_explain).base_values[0]
    assert abs(base - outputs.mean()) < 0.25 * outputs.std()


def test_input_times_gradient_of_a_linear_model_is_weight_times_input(to_explain) -> None:
    explanation = InputXGradient().explain(to_explain)
    np.testing.assert_allclose(explanation.values, WEIGHTS[:, 1] * to_explain.inputs, atol=1e-5)
    assert explanation.base_values is None


def test_integrated_gradients_of_three_classes_add_up_to_the_log_odds() -> None:
    weights = np.random.default_rng(1).normal(size=(3, 3))
    classifier = ToyClassifier(toy_schema(3, n_classes=3), module=LinearModule(weights))
    explanation = IntegratedGradients(n_steps=256).explain(context(classifier, target=2))
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-4)


def test_the_gap_is_told_as_a_share_of_the_distance(to_explain) -> None:
    assert "below 0.1" in say(IntegratedGradients().explain(to_explain).notes[1])


def test_log_odds_are_those_of_the_softmax() -> None:
    logits = torch.tensor([[0.3, -1.0, 2.0]], dtype=torch.float64)
    p = torch.softmax(logits, dim=1)[:, 1]
    assert torch.allclose(log_odds(logits, 1), torch.log(p / (1 - p)))


def test_in_a_text_the_path_starts_at_the_mask_of_every_place_that_is_there(layout_schema) -> None:
    inputs = np.array([[5.0, 3, *[np.nan] * 6], [2.0] * 8])
    to_explain = context(
        ToyClassifier(layout_schema("text"), module=OddsModule(lambda x: x.sum(dim=1), 8)),
        inputs=inputs,
    )
    explanation = IntegratedGradients(n_steps=4).explain(
        replace(to_explain, positions=np.arange(2))
    )
    np.testing.assert_allclose(explanation.values[0], [4, 2, 0, 0, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(explanation.base_values, [2, 8], atol=1e-6)
    assert "every token masked" in say(explanation.notes[0])
