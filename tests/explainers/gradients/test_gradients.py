"""Gradients: closed forms, captum, their stated errors, and what no gradient sees."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from captum import attr as captum
from torch import nn

from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import typical_row
from deepseek_report.explainers.gradients.deep_lift import DeepLift, DeepShap
from deepseek_report.explainers.gradients.embedding_gradients import (
    gradient,
    log_odds,
    path_integral,
    points_of,
)
from deepseek_report.explainers.gradients.local_gradients import (
    InputXGradient,
    Saliency,
    SmoothGrad,
)
from deepseek_report.explainers.gradients.path_gradients import GradientShap, IntegratedGradients
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from tests.explainers.toys import (
    LinearModule,
    OddsModule,
    ToyClassifier,
    context,
    toy,
    toy_schema,
    untrained,
)
from tests.tolerances import rounding
from tests.worded import refused, say

# --- On paths -------------------------------------------------------------------------------------


WEIGHTS = np.array([[0.0, 1.0], [0.0, -2.0], [0.0, 0.5]])


@pytest.fixture
def of_line():
    return toy(3, module=LinearModule(WEIGHTS))


def test_integrated_gradients_of_a_linear_model_are_weight_times_distance(of_line) -> None:
    explanation = IntegratedGradients(n_steps=2, references=1).explain(of_line)
    baseline = typical_row(of_line.background, of_line.classifier.schema)
    np.testing.assert_allclose(
        explanation.values, WEIGHTS[:, 1] * (of_line.inputs - baseline), atol=1e-5
    )
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-5)


def test_from_several_rows_they_are_weight_times_distance_from_the_mean_of_these(of_line) -> None:
    rows = of_line.background
    every = IntegratedGradients(references=len(rows)).explain(of_line)
    distance = of_line.inputs - rows.mean(axis=0)
    np.testing.assert_allclose(every.values, WEIGHTS[:, 1] * distance, atol=1e-5)
    np.testing.assert_allclose(every.base_values, of_line.margin(rows).mean(), atol=1e-6)


def test_asked_about_the_baseline_the_path_starts_there(of_line) -> None:
    explanation = IntegratedGradients().explain(replace(of_line, question="baseline"))
    baseline = typical_row(of_line.background, of_line.classifier.schema)
    distance = of_line.inputs - baseline
    np.testing.assert_allclose(explanation.values, WEIGHTS[:, 1] * distance, atol=1e-5)
    assert explanation.game == "baseline"
    assert IntegratedGradients().explain(of_line).game == "background"


def test_a_value_that_equals_the_typical_one_gets_its_due(of_line) -> None:
    """From one start it gets 0 whatever the model does, which is counted against the method."""
    typical = typical_row(of_line.background, of_line.classifier.schema)
    alike = replace(of_line, inputs=np.tile(typical, (len(of_line.inputs), 1)))
    single, several = (IntegratedGradients(references=count).explain(alike) for count in (1, 8))
    assert (single.values == 0).all()
    assert single.params["baseline"] == typical.tolist()
    assert (np.abs(several.values) > 1e-3).mean() > 0.9
    assert "baseline" not in several.params


def test_the_base_is_near_the_mean_over_the_background_and_not_of_one_class(of_line) -> None:
    outputs = of_line.margin(of_line.background)
    base = IntegratedGradients().explain(of_line).base_values[0]
    assert abs(base - outputs.mean()) < 0.25 * outputs.std()


def test_input_times_gradient_of_a_linear_model_is_weight_times_input(of_line) -> None:
    explanation = InputXGradient().explain(of_line)
    np.testing.assert_allclose(explanation.values, WEIGHTS[:, 1] * of_line.inputs, atol=1e-5)
    assert explanation.base_values is None


def test_integrated_gradients_of_three_classes_add_up_to_the_log_odds() -> None:
    weights = np.random.default_rng(1).normal(size=(3, 3))
    classifier = ToyClassifier(toy_schema(3, n_classes=3), module=LinearModule(weights))
    explanation = IntegratedGradients(n_steps=256).explain(context(classifier, target=2))
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-4)


def test_the_gap_is_told_as_a_share_of_the_distance(of_line) -> None:
    assert "below 0.1" in say(IntegratedGradients().explain(of_line).notes[1])


def test_log_odds_are_those_of_the_softmax() -> None:
    logits = torch.tensor([[0.3, -1.0, 2.0]], dtype=torch.float64)
    p = torch.softmax(logits, dim=1)[:, 1]
    assert torch.allclose(log_odds(logits, 1), torch.log(p / (1 - p)))


def test_in_a_text_the_path_starts_at_the_mask_of_every_place_that_is_there(layout_schema) -> None:
    inputs = np.array([[5.0, 3, *[np.nan] * 6], [2.0] * 8])
    of_line = context(
        ToyClassifier(layout_schema("text"), module=OddsModule(lambda x: x.sum(dim=1), 8)),
        inputs=inputs,
    )
    explanation = IntegratedGradients(n_steps=4).explain(replace(of_line, positions=np.arange(2)))
    np.testing.assert_allclose(explanation.values[0], [4, 2, 0, 0, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(explanation.base_values, [2, 8], atol=1e-6)
    assert "every token masked" in say(explanation.notes[0])


def curved_odds(x: torch.Tensor) -> torch.Tensor:
    """x₀ x₁ + x₀² x₂, whose expected gradients are known for every row."""
    return x[:, 0] * x[:, 1] + x[:, 0] ** 2 * x[:, 2]


def expected_gradients(row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """By Simpson's rule, which is exact for gradients of second order along a line."""
    total = np.zeros(3)
    for start in background:
        for place, weight in ((0, 1 / 6), (0.5, 4 / 6), (1, 1 / 6)):
            x = start + place * (row - start)
            slopes = np.array([x[1] + 2 * x[0] * x[2], x[0], x[0] ** 2])
            total += weight * (row - start) * slopes
    return total / len(background)


@pytest.fixture
def curved():
    return toy(3, module=OddsModule(curved_odds), n=60, n_background=40)


def test_of_a_linear_model_they_are_exact_whatever_is_drawn() -> None:
    of_line = toy(3, module=LinearModule(WEIGHTS))
    explanation = GradientShap().explain(of_line)
    distance = of_line.inputs - of_line.background.mean(axis=0)
    np.testing.assert_allclose(explanation.values, WEIGHTS[:, 1] * distance, atol=1e-5)
    np.testing.assert_allclose(explanation.standard_error, 0, atol=1e-6)
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-5)
    assert explanation.game == "background"
    assert explanation.params["draws_mean"] == 60  # two from each row, since no more are needed


def test_intervals_hold_the_closed_form_in_95_of_100_cases(curved) -> None:
    exact = np.array([expected_gradients(row, curved.background) for row in curved.inputs])
    held, gaps = [], []
    for seed in range(8):
        explanation = GradientShap(tolerance=0, draws=80).explain(replace(curved, seed=seed))
        held.append(np.abs(explanation.values - exact) <= 1.96 * explanation.standard_error)
        gaps.append(np.abs(explanation.completeness_gap) <= explanation.params["stated_error"])
    assert 0.92 < np.mean(held) < 0.98
    assert np.mean(gaps) >= 0.95


def test_the_mean_of_many_draws_is_that_of_captum(curved) -> None:
    ours = GradientShap(tolerance=0, draws=20_000).explain(
        replace(curved, inputs=curved.inputs[:4])
    )
    np.random.seed(0)  # noqa: NPY002 (captum draws from it)
    theirs = captum.GradientShap(curved_odds).attribute(
        torch.as_tensor(curved.inputs[:4], dtype=torch.float32),
        torch.as_tensor(curved.background, dtype=torch.float32),
        n_samples=20_000,
        stdevs=0.0,
    )
    np.testing.assert_allclose(ours.values, theirs.numpy(), atol=0.1)


def test_drawing_ends_where_the_error_is_as_small_as_was_asked(curved) -> None:
    rough, fine = (
        GradientShap(tolerance=share, draws=5000).explain(curved) for share in (0.2, 0.05)
    )
    for share, explanation in ((0.2, rough), (0.05, fine)):
        error = np.linalg.norm(explanation.standard_error, axis=1)
        assert (error <= share * np.linalg.norm(explanation.values, axis=1)).mean() > 0.9
    assert fine.n_model_calls > 2 * rough.n_model_calls
    assert fine.n_model_calls <= GradientShap(tolerance=0.05, draws=5000).planned_calls(60, 3, 40)


def test_a_run_that_asks_about_a_baseline_gets_the_path_from_it(curved) -> None:
    explanation = GradientShap(tolerance=0.01, draws=2000).explain(
        replace(curved, question="baseline")
    )
    typical = np.median(curved.background, axis=0)
    exact = np.array([expected_gradients(row, typical[None]) for row in curved.inputs])
    assert explanation.game == "baseline"
    np.testing.assert_allclose(explanation.values, exact, atol=0.02 * np.abs(exact).max())


def test_a_jump_of_the_model_is_stated_beside_the_sampling_error() -> None:
    of_line = toy(3, module=OddsModule(lambda x: 0.1 * x[:, 0] + (x[:, 1] > 0)), n=40)
    explanation = GradientShap().explain(of_line)
    within = np.abs(explanation.completeness_gap) <= explanation.params["stated_error"]
    assert within.mean() >= 0.95
    assert "no gradient sees a jump" in say(explanation.notes[1])


def test_a_smooth_model_is_not_said_to_jump(curved) -> None:
    assert "jump" not in say(GradientShap().explain(curved).notes[1])


def test_of_a_large_background_as_many_rows_are_taken_as_were_asked_for(curved) -> None:
    explanation = GradientShap(references=10, tolerance=0, draws=40).explain(curved)
    outputs = curved.margin(curved.background)
    assert abs(explanation.base_values[0] - outputs.mean()) < 0.3 * outputs.std()
    assert "10 training rows" in say(explanation.notes[0])


# --- Integrals along a line -----------------------------------------------------------------------


def answers(points: torch.Tensor) -> torch.Tensor:
    """(instance, unit, width) -> (instance,), curved in every entry."""
    return torch.tanh(points[:, 0] * points[:, 1]).sum(dim=1) + (points[:, 2] ** 3).sum(dim=1)


@pytest.fixture
def ends() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(5)
    return torch.as_tensor(rng.normal(size=(4, 3, 2))), torch.as_tensor(rng.normal(size=(4, 3, 2)))


@pytest.mark.parametrize("rule", ["gausslegendre", "riemann_middle"])
def test_the_integral_is_that_of_captum(ends, rule) -> None:
    end, start = ends
    theirs = captum.IntegratedGradients(answers).attribute(end, start, n_steps=7, method=rule)
    ours = path_integral(answers, end, start, rule, 7)
    of_steps = rounding(7) * float(theirs.abs().max())  # captum keeps them in float32
    torch.testing.assert_close(ours, theirs, rtol=0, atol=of_steps)


def test_the_gradient_is_that_of_captum(ends) -> None:
    end, _ = ends
    theirs = captum.InputXGradient(answers).attribute(end.clone().requires_grad_())
    torch.testing.assert_close(end * gradient(answers, end), theirs.detach())


@pytest.mark.parametrize("rule", ["gausslegendre", "riemann_middle", "riemann_trapezoid"])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_weights_of_every_rule_sum_to_one(rule, count: int) -> None:
    places, weights = points_of(rule, count)
    assert weights.sum() == pytest.approx(1)
    assert (places >= 0).all()
    assert (places <= 1).all()


def test_the_trapezoid_is_exact_where_the_gradient_is_linear(ends) -> None:
    end, start = ends
    integral = path_integral(lambda p: (p**2).sum(dim=(1, 2)), end, start, "riemann_trapezoid", 2)
    torch.testing.assert_close(integral, end**2 - start**2)


# --- Sizes of gradients, which have no sign, no unit and no base ----------------------------------


def odds_of(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x[:, 0] * x[:, 1]) + x[:, 2] ** 3


@pytest.fixture
def to_explain():
    return toy(3, module=OddsModule(odds_of), n=12)


def test_saliency_is_that_of_captum(to_explain) -> None:
    theirs = captum.Saliency(odds_of).attribute(torch.as_tensor(to_explain.inputs).requires_grad_())
    ours, size = Saliency().explain(to_explain).values, float(theirs.max())
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=rounding(8) * size)


def test_smooth_grad_of_many_copies_is_that_of_captum(to_explain) -> None:
    ours = SmoothGrad(copies=4000, noise=0.2).explain(to_explain)
    torch.manual_seed(0)
    for row, values in zip(to_explain.inputs, ours.values, strict=True):
        tunnel = captum.NoiseTunnel(captum.Saliency(odds_of))
        theirs = tunnel.attribute(
            torch.as_tensor(row[None]), nt_samples=4000, stdevs=0.2 * float(np.ptp(row))
        )
        np.testing.assert_allclose(values, theirs[0].numpy(), rtol=0.1, atol=0.02)


def test_intervals_of_smooth_grad_hold_the_mean_of_many_copies(to_explain) -> None:
    exact = SmoothGrad(copies=8000).explain(replace(to_explain, seed=99)).values
    held = [
        np.abs(drawn.values - exact) <= 1.96 * drawn.standard_error
        for drawn in (SmoothGrad().explain(replace(to_explain, seed=seed)) for seed in range(30))
    ]
    assert 0.92 < np.mean(held) < 0.98


@pytest.mark.parametrize("explainer", [Saliency(), SmoothGrad()])
def test_they_are_told_to_be_sizes_and_no_more_than_an_order(explainer, to_explain) -> None:
    explanation = explainer.explain(to_explain)
    assert not explanation.signed
    assert (explanation.output_space, explanation.game) == ("none", None)
    assert explanation.base_values is None
    assert (explanation.values >= 0).all()
    assert "not in which direction" in say(explanation.notes[0])


# --- DeepLIFT and Deep SHAP, and the models that they are refused for -----------------------------


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


def assert_alike(ours: np.ndarray, theirs: Any, rows: np.ndarray, starts: np.ndarray) -> None:
    """Values agree but for rounding, there and back through the layers of `Convolutional`.

    The rescale rule divides by differences, which magnify the rounding of their terms.
    """
    layers, magnified = Convolutional().double().layers, []
    for before in (layers[:1], layers[:3]):
        ends, begins = (before(torch.as_tensor(part)[:, None]) for part in (rows, starts))
        terms = torch.maximum(ends[:, None].abs(), begins.abs())
        magnified.append((terms / (ends[:, None] - begins).abs()).detach().mean(dim=(1, 2, 3)))
    theirs = theirs[:, :, 0].detach().numpy()
    scale = torch.maximum(*magnified).numpy()[:, None] * np.abs(theirs).sum(axis=1, keepdims=True)
    operations = 2 * (4 + 13 + 19)
    np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=rounding(operations))


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
        theirs = captum.DeepLiftShap(Odds(module)).attribute(
            module.embed(torch.as_tensor(convolutional.inputs, dtype=torch.float32)),
            module.embed(torch.as_tensor(convolutional.background, dtype=torch.float32)),
        )
    assert_alike(explanation.values, theirs, convolutional.inputs, convolutional.background)


def test_of_a_convolution_deep_lift_is_that_of_captum(convolutional) -> None:
    explanation = DeepLift().explain(replace(convolutional, question="baseline"))
    assert explanation.game == "baseline"
    module, kind = convolutional.classifier.module, kind_of(convolutional.classifier.schema)
    typical = kind.baseline(convolutional.inputs, convolutional.background)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = captum.DeepLift(Odds(module)).attribute(
            module.embed(torch.as_tensor(convolutional.inputs, dtype=torch.float32)),
            module.embed(torch.as_tensor(typical, dtype=torch.float32)),
        )
    assert_alike(explanation.values, theirs, convolutional.inputs, typical[:1])


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
