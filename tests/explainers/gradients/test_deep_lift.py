"""DeepLIFT and Deep SHAP: completeness, captum, and the models that they are refused for."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import DeepLift as CaptumDeepLift
from captum.attr import DeepLiftShap
from torch import nn

from deepseek_report.data_kinds import kind_of
from deepseek_report.explainers.gradients.deep_lift import DeepLift, DeepShap
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from tests.explainers.toys import LinearModule, ToyClassifier, context, toy, toy_schema, untrained
from tests.worded import refused, say

METHODS = [DeepShap(), DeepLift()]


class Convolutional(nn.Module):
    """Two layers of convolution over eight steps, of which each is a unit."""

    unit_features = tuple(range(8))

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(
            nn.Conv1d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv1d(4, 3, 3), nn.Tanh(), nn.Flatten()
        )
        self.last = nn.Linear(18, 2)

    def embed(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[:, :, None]

    def forward_embedded(self, embedded: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(self.layers(embedded.swapaxes(1, 2)))
        return logits

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.forward_embedded(self.embed(inputs))


@pytest.fixture
def convolutional(layout_schema):
    classifier = ToyClassifier(layout_schema("series"), module=Convolutional())
    return context(classifier, n=6, n_background=12)


class Odds(nn.Module):
    """Log-odds of the second class, as captum takes them."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits = self.module.forward_embedded(inputs)
        return logits[:, [1]] - logits[:, [0]]


@pytest.mark.parametrize("explainer", METHODS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_of_a_perceptron_they_add_up_to_the_difference(explainer, n_classes) -> None:
    to_explain = context(untrained(MLP(), toy_schema(4, n_classes=n_classes)), n=12)
    explanation = explainer.explain(to_explain)
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-5)
    assert explanation.n_model_calls <= explainer.planned_calls(12, 4, 30)
    assert "rules of DeepLIFT hold" in say(explanation.notes[0])


def test_of_a_convolution_deep_shap_is_that_of_captum(convolutional) -> None:
    explanation = DeepShap().explain(convolutional)
    assert explanation.game == "background"
    module = convolutional.classifier.module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = DeepLiftShap(Odds(module)).attribute(
            module.embed(torch.as_tensor(convolutional.inputs, dtype=torch.float32)),
            module.embed(torch.as_tensor(convolutional.background, dtype=torch.float32)),
        )
    np.testing.assert_allclose(explanation.values, theirs[:, :, 0].detach().numpy(), atol=1e-5)


def test_of_a_convolution_deep_lift_is_that_of_captum(convolutional) -> None:
    explanation = DeepLift().explain(replace(convolutional, question="baseline"))
    assert explanation.game == "baseline"
    module, kind = convolutional.classifier.module, kind_of(convolutional.classifier.schema)
    typical = kind.baseline(convolutional.inputs, convolutional.background)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = CaptumDeepLift(Odds(module)).attribute(
            module.embed(torch.as_tensor(convolutional.inputs, dtype=torch.float32)),
            module.embed(torch.as_tensor(typical, dtype=torch.float32)),
        )
    np.testing.assert_allclose(explanation.values, theirs[:, :, 0].detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("explainer", METHODS)
def test_a_transformer_is_refused_with_the_measured_gap(explainer) -> None:
    model = DeepSeek(width=8, layers=2, heads=2, experts=4, expert_width=8)
    to_explain = context(untrained(model, toy_schema(4)), n=12)
    with refused(r"of deepseek .* on 8 instances .* by \d+\.\d\s% .* at most 1"):
        explainer.explain(to_explain)


def test_a_model_without_hidden_layers_gets_weight_times_difference() -> None:
    weights = np.array([[0.0, 1.0], [0.0, -2.0], [0.0, 0.5]])
    to_explain = toy(3, module=LinearModule(weights))
    distance = to_explain.inputs - to_explain.background.mean(axis=0)
    values = DeepShap().explain(to_explain).values
    np.testing.assert_allclose(values, weights[:, 1] * distance, atol=1e-5)
