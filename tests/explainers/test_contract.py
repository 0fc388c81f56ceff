"""What every explainer promises, on a toy model that has all capabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.explainers.attention.attention_rollout import AttentionRollout
from deepseek_report.explainers.control.random import Random
from deepseek_report.explainers.gradients.input_x_gradient import InputXGradient
from deepseek_report.explainers.gradients.integrated_gradients import IntegratedGradients
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.explainers.surrogates.lime import Lime
from tests.worded import say

EXPLAINERS = [
    Shap(algorithm="permutation", rounds=3, background_rows=2, chunk=2),
    Shap(rounds=2, background_rows=4),
    Lime(num_samples=60),
    IntegratedGradients(n_steps=4, chunk=2),
    InputXGradient(chunk=2),
    AttentionRollout(chunk=2),
    Random(),
]
every = pytest.mark.parametrize("explainer", EXPLAINERS, ids=lambda one: type(one).__name__)


@pytest.fixture
def given(toy_schema, toy_classifier, attention_module, context) -> Any:
    rng = np.random.default_rng(0)
    attention = {"global": rng.dirichlet(np.ones(5), size=(2, 5))}
    module = attention_module(rng.normal(size=(4, 3)), [(attention, None)])
    return context(toy_classifier(toy_schema(4, n_classes=3), module=module))


@every
def test_gives_one_finite_value_per_instance_and_feature(explainer, given) -> None:
    found = explainer.explain(given)
    assert found.values.shape == given.inputs.shape
    assert np.isfinite(found.values).all()
    estimates = explainer.samples and not isinstance(explainer, Random)  # it estimates nothing
    assert (found.standard_error is not None) == estimates
    np.testing.assert_array_equal(found.positions, given.positions)


@every
def test_makes_exactly_the_planned_number_of_calls(explainer, given) -> None:
    before = given.classifier.calls
    found = explainer.explain(given)
    planned = explainer.planned_calls(*given.inputs.shape, len(given.background))
    assert found.n_model_calls == planned == given.classifier.calls - before


@every
def test_the_same_seed_gives_the_same_values(explainer, given) -> None:
    first, second = explainer.explain(given), explainer.explain(given)
    np.testing.assert_array_equal(first.values, second.values)
    assert first.params == second.params


@every
def test_an_instance_is_explained_alike_whatever_else_is_explained(explainer, given) -> None:
    whole = explainer.explain(given)
    part = explainer.explain(
        replace(given, inputs=given.inputs[2:4], positions=given.positions[2:4])
    )
    np.testing.assert_allclose(part.values, whole.values[2:4], rtol=1e-6, atol=1e-9)


@every
def test_leaves_the_model_and_the_global_generator_as_they_were(explainer, given) -> None:
    module = given.classifier.module.train()
    weights, state = module.weights.detach().clone(), np.random.get_state()[1].copy()  # noqa: NPY002
    explainer.explain(given)
    assert module.training
    assert module.weights.grad is None
    assert (module.weights == weights).all()
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@every
def test_can_be_saved_and_read_again(explainer, given, tmp_path) -> None:
    found = explainer.explain(given)
    found.save(tmp_path)
    again = Explanation.load(tmp_path)
    np.testing.assert_array_equal(again.values, found.values)
    assert (again.method, again.notes, again.signed) == (found.method, found.notes, found.signed)


class Plain:
    capabilities = frozenset()


@pytest.mark.parametrize(
    ("explainer", "part"),
    [
        (AttentionRollout(), "needs attention weights; Plain has none"),
        (IntegratedGradients(), "needs gradients of the model"),
        (InputXGradient(), "needs gradients of the model"),
    ],
)
def test_refuses_a_model_that_lacks_what_it_needs_with_the_reason(explainer, part) -> None:
    assert part in say(explainer.refuses(Plain(), DataTraits()))


@pytest.mark.parametrize("explainer", [Shap(), Lime(), Random()])
def test_methods_that_only_ask_the_model_refuse_nothing(explainer) -> None:
    assert explainer.refuses(Plain(), DataTraits()) is None
