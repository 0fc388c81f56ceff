"""What every explainer promises, on a toy model that has all capabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.explainers.accounts import Random
from deepseek_report.explainers.attention_flow import AttentionRollout, AttnLRP
from deepseek_report.explainers.attributions import seed_of, sum_units
from deepseek_report.explainers.gradients import local_gradients
from deepseek_report.explainers.gradients.deep_lift import DeepLift, DeepShap
from deepseek_report.explainers.gradients.path_gradients import GradientShap, IntegratedGradients
from deepseek_report.explainers.lime import Lime
from deepseek_report.explainers.occlusion import Occlusion
from deepseek_report.explainers.shapley.conditional_shap import ConditionalShap
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from tests.explainers.toys import AttentionModule, context, toy, toy_schema, untrained
from tests.tolerances import rounding
from tests.worded import say

EXPLAINERS = [
    Shap(algorithm="permutation", rounds=3, background_rows=2, chunk=2),
    Shap(rounds=2, background_rows=4),
    ConditionalShap(rounds=3, exact_up_to=1, chunk=2),
    Lime(num_samples=60),
    IntegratedGradients(n_steps=4, chunk=2),
    local_gradients.InputXGradient(chunk=2),
    GradientShap(tolerance=0, draws=120, chunk=2),
    local_gradients.Saliency(chunk=2),
    local_gradients.SmoothGrad(copies=4, chunk=2),
    DeepShap(references=7),
    DeepLift(),
    Occlusion(references=7, chunk=2),
    AttentionRollout(chunk=2),
    AttnLRP(chunk=2),
    Random(),
]
every = pytest.mark.parametrize(
    "explainer", EXPLAINERS, ids=lambda explainer: type(explainer).__name__
)


@pytest.fixture
def to_explain() -> Any:
    rng = np.random.default_rng(0)
    attention = {"global": rng.dirichlet(np.ones(5), size=(2, 5))}
    module = AttentionModule(rng.normal(size=(4, 3)), [(attention, None)])
    return toy(4, n_classes=3, module=module)


@every
def test_gives_one_finite_value_per_instance_and_feature(explainer, to_explain) -> None:
    explanation = explainer.explain(to_explain)
    assert explanation.values.shape == to_explain.inputs.shape
    assert np.isfinite(explanation.values).all()
    estimates = explainer.samples and not isinstance(explainer, Random)  # it estimates nothing
    drawn = isinstance(explainer, (DeepShap, IntegratedGradients))  # of the rows that there are
    assert (explanation.standard_error is not None) == (estimates or drawn)
    np.testing.assert_array_equal(explanation.positions, to_explain.positions)


@every
def test_makes_exactly_the_planned_number_of_calls(explainer, to_explain) -> None:
    before = to_explain.classifier.calls
    explanation = explainer.explain(to_explain)
    planned = explainer.planned_calls(*to_explain.inputs.shape, len(to_explain.background))
    assert explanation.n_model_calls == planned == to_explain.classifier.calls - before


@every
def test_the_same_seed_gives_the_same_values(explainer, to_explain) -> None:
    first, second = explainer.explain(to_explain), explainer.explain(to_explain)
    np.testing.assert_array_equal(first.values, second.values)
    assert first.params == second.params


@every
@pytest.mark.parametrize("question", ["background", "baseline", "conditional"])
def test_the_question_is_answered_by_a_game_that_the_method_says_it_plays(
    explainer, to_explain, question
) -> None:
    games = explainer.games
    played = explainer.explain(replace(to_explain, question=question)).game
    assert games is None or played in (games or {None})
    if games and question in games:
        assert played in {question, "neighbours"}


def assert_alike(ours: np.ndarray, theirs: np.ndarray, to_explain: Any) -> None:
    """Values of the same rows agree, but for the rounding of logits, gradients and four points."""
    weights = to_explain.classifier.module.weights.detach().abs().double().numpy()
    terms = (np.abs(to_explain.inputs) @ weights).sum(axis=1, keepdims=True)
    operations = 2 * sum(weights.shape) + 4
    np.testing.assert_allclose(ours / terms, theirs / terms, rtol=0, atol=rounding(operations))


@every
def test_an_instance_is_explained_alike_whatever_else_is_explained(explainer, to_explain) -> None:
    whole = explainer.explain(to_explain)
    some = replace(to_explain, inputs=to_explain.inputs[2:4], positions=to_explain.positions[2:4])
    assert_alike(explainer.explain(some).values, whole.values[2:4], some)


@every
def test_a_row_is_explained_alike_wherever_it_stands(explainer, to_explain) -> None:
    whole = explainer.explain(to_explain)
    order = np.arange(len(to_explain.inputs))[::-1]
    moved = replace(to_explain, inputs=to_explain.inputs[order], positions=order + 5000)
    assert_alike(explainer.explain(moved).values, whole.values[order], moved)


@every
def test_a_moved_row_can_get_the_draws_of_the_row_before_the_move(explainer, to_explain) -> None:
    before = to_explain.inputs
    alike = replace(to_explain, inputs=before + 0.0, drawn_as=before)
    np.testing.assert_array_equal(
        explainer.explain(alike).values, explainer.explain(to_explain).values
    )
    assert alike.draws == to_explain.draws
    assert replace(to_explain, inputs=before + 1).draws != to_explain.draws


@every
def test_leaves_the_model_and_the_global_generator_as_they_were(explainer, to_explain) -> None:
    module = to_explain.classifier.module.train()
    weights, state = module.weights.detach().clone(), np.random.get_state()[1].copy()  # noqa: NPY002
    explainer.explain(to_explain)
    assert module.training
    assert module.weights.grad is None
    assert (module.weights == weights).all()
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@every
def test_can_be_saved_and_read_again(explainer, to_explain, tmp_path) -> None:
    explanation = explainer.explain(to_explain)
    explanation.save(tmp_path)
    again = Explanation.load(tmp_path)
    np.testing.assert_array_equal(again.values, explanation.values)
    assert (again.method, again.notes, again.signed) == (
        explanation.method,
        explanation.notes,
        explanation.signed,
    )


class Plain:
    called, capabilities = "Plain", frozenset()


@pytest.mark.parametrize(
    ("explainer", "part"),
    [
        (AttentionRollout(), "needs attention weights; Plain has none"),
        (AttnLRP(), "needs attention weights; Plain has none"),
        (IntegratedGradients(), "needs gradients of the model"),
        (local_gradients.InputXGradient(), "needs gradients of the model"),
        (GradientShap(), "needs gradients of the model"),
        (local_gradients.Saliency(), "needs gradients of the model"),
        (DeepShap(), "needs gradients of the model"),
    ],
)
def test_refuses_a_model_that_lacks_what_it_needs_with_the_reason(explainer, part) -> None:
    assert part in say(explainer.refuses(Plain(), DataTraits()))


@pytest.mark.parametrize("explainer", [Shap(), Lime(), Occlusion(), Random()])
def test_methods_that_only_ask_the_model_refuse_nothing(explainer) -> None:
    assert explainer.refuses(Plain(), DataTraits()) is None


# --- On the package's own models, untrained -------------------------------------------------------


OWN_MODELS = [
    DeepSeek(width=8, layers=2, heads=2, experts=4, expert_width=8),
    DeepSeek(width=8, layers=1, heads=2, experts=4, expert_width=8, pool="mean"),
    MLP(),
]


@pytest.mark.parametrize("model", OWN_MODELS, ids=["deepseek", "deepseek-mean", "mlp"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_model_is_explained_or_refused(model, n_classes) -> None:
    fast = [
        Shap(rounds=2, background_rows=2),
        Lime(num_samples=60),
        IntegratedGradients(n_steps=8),
        local_gradients.InputXGradient(),
        GradientShap(tolerance=0, draws=64),
        local_gradients.Saliency(),
        local_gradients.SmoothGrad(copies=4),
        Occlusion(),
        AttentionRollout(),
        AttnLRP(),
        Random(),
    ]
    schema = toy_schema(3, n_classes=n_classes, categories=4)
    classifier = untrained(model, schema)
    to_explain = context(classifier, n=4, target=n_classes - 1)
    to_explain.inputs[0, 0] = np.nan
    for explainer in fast:
        if explainer.refuses(model, DataTraits()):
            assert not explainer.requires <= model.capabilities
            continue
        before = classifier.calls
        explanation = explainer.explain(to_explain)
        planned = explainer.planned_calls(4, 4, len(to_explain.background))
        assert np.isfinite(explanation.values).all(), explanation.method
        assert explanation.n_model_calls == classifier.calls - before, explanation.method
        assert explanation.n_model_calls <= planned, explanation.method
        if not isinstance(explainer, (Shap, Occlusion)):  # which ask once about rows that are equal
            assert explanation.n_model_calls == planned, explanation.method


def test_integrated_gradients_of_a_smooth_model_are_complete() -> None:
    schema = toy_schema(3, categories=4)
    classifier = untrained(MLP(), schema)
    explanation = IntegratedGradients(n_steps=200).explain(context(classifier))
    distance = np.abs(explanation.predictions - explanation.base_values).mean()
    assert np.abs(explanation.completeness_gap).mean() < 0.02 * distance


# --- Values at random, units and seeds ------------------------------------------------------------


def test_an_input_that_changes_gets_unrelated_values() -> None:
    to_explain = toy(200, probability=lambda x: np.full(len(x), 0.5))
    moved = replace(to_explain, inputs=to_explain.inputs + 1e-9)
    first, second = Random().explain(to_explain).values, Random().explain(moved).values
    rho = [np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)]
    assert np.abs(rho).max() < 0.25


def test_another_seed_gives_other_values() -> None:
    to_explain = toy(4, probability=lambda x: np.full(len(x), 0.5))
    again = Random().explain(replace(to_explain, seed=8))
    assert not np.isclose(Random().explain(to_explain).values, again.values).any()


def test_units_are_summed_to_the_features_that_they_belong_to() -> None:
    values = np.array([[1.0, 10.0, 100.0, 1000.0]])
    np.testing.assert_array_equal(sum_units(values, (0, -1, 1, 0), 3), [[1001.0, 100.0, 0.0]])


def test_seeds_of_different_draws_differ() -> None:
    assert len({seed_of(7, a, b) for a in range(10) for b in range(10)}) == 100
