"""What is the same in every row adds nothing, and what is alike counts alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import differing, player_sums
from deepseek_report.explainers.gradients.deep_lift import DeepLift, DeepShap
from deepseek_report.explainers.gradients.path_gradients import GradientShap, IntegratedGradients
from deepseek_report.explainers.lime import Lime
from deepseek_report.explainers.occlusion import Occlusion
from deepseek_report.explainers.shapley.conditional_shap import ConditionalShap
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.models.estimators.estimator import read_trees
from tests.explainers.toys import LinearModule, OddsModule, ToyClassifier, context, toy_schema

COLUMNS = 12
#: Every method that compares an input with rows or a baseline, in each of its ways to do so.
COMPARING = {
    "shap of pairs and a surrogate": Shap(surrogate_rows=300),
    "shap of pairs": Shap(surrogate_rows=0),
    "shap until a tolerance": Shap(surrogate_rows=0, tolerance=1e-9, max_evaluations=300),
    "shap of all pairs": Shap(exact_up_to=12, rounds=1, background_rows=1),
    "shap of a surrogate": Shap(algorithm="surrogate", surrogate_rows=300),
    "shap against the baseline": Shap(reference="baseline"),
    "Owen values": Shap(permutation_up_to=4),
    "Owen values against the baseline": Shap(permutation_up_to=4, reference="baseline"),
    "walks against the baseline": Shap(algorithm="permutation", reference="baseline"),
    "shap's PermutationExplainer": Shap(algorithm="permutation"),
    "shap's ExactExplainer": Shap(algorithm="exact", rounds=2, background_rows=1),
    "conditional": ConditionalShap(rounds=3, algorithm="copula"),
    "LIME": Lime(num_samples=100),
    "LIME of the package": Lime(num_samples=100, algorithm="package"),
    "LIME of groups": Lime(num_samples=100, columns_up_to=4),
    "occlusion": Occlusion(),
    "occlusion by some rows": Occlusion(references=7),
    "occlusion by the baseline": Occlusion(reference="baseline"),
    "integrated gradients": IntegratedGradients(n_steps=16),
    "GradientSHAP": GradientShap(draws=64),
    "Deep SHAP": DeepShap(),
    "DeepLIFT": DeepLift(),
}
every = pytest.mark.parametrize("method", COMPARING)


def bent(x: torch.Tensor) -> torch.Tensor:
    """Log-odds in single precision, as the rows of a batch may differ in rounding."""
    steps = torch.linspace(-1, 1, x.shape[1])
    return x @ steps + torch.tanh(x[:, 0] * x[:, 1] + x[:, 2]) + 0.3 * x[:, 3] * x[:, -1]


def world(method: str) -> ExplainContext:
    """Column 1 is the same everywhere, column 4 in the background, and column 6 never known."""
    schema = toy_schema(COLUMNS)
    rng = np.random.default_rng(5)
    module: Any = OddsModule(bent, COLUMNS)
    if "Deep" in method:  # knows rules of some layers alone
        module = LinearModule(rng.normal(size=(COLUMNS, 2)))
    classifier = ToyClassifier(schema, module=module)
    training, inputs = rng.normal(size=(90, COLUMNS)), rng.normal(size=(6, COLUMNS))
    for rows in (training, inputs):
        rows[:, 1] = 0.75
        rows[:, 6] = 0.0 if "Deep" in method or "grad" in method.lower() else np.nan
    training[:30, 4] = inputs[:3, 4] = -1.5
    known = {"background": training[:30], "training": training, "inputs": inputs}
    return context(classifier, **known, positions=np.arange(6))


@every
def test_a_column_that_is_as_in_every_reference_gets_exactly_nothing(method: str) -> None:
    to_explain = world(method)
    explanation = COMPARING[method].explain(to_explain)
    values, error = explanation.values, explanation.standard_error
    own = [1, 6]
    assert (values[:, own] == 0).all()
    assert error is None or (error[:, own] == 0).all()
    if explanation.game == "background" and not explanation.params.get("references", 64) < 30:
        few = explanation.params.get("algorithm") in {"owen", "permutation", "exact"}
        assert (values[:3, 4] == 0).all()
        assert few or (values[3:, 4] != 0).any()
    others = np.delete(np.arange(COLUMNS), [1, 4, 6])
    assert (values[:, others] != 0).mean() > 0.9
    if explanation.completeness_gap is not None and method.startswith(("shap", "Owen", "walks")):
        np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-6)


@every
def test_the_draw_of_the_background_has_an_error_unless_nothing_is_drawn(method: str) -> None:
    drawn = world(method)
    whole = replace(drawn, background=drawn.training)
    explainer = COMPARING[method]
    explanation = explainer.explain(drawn)
    if explanation.game == "background" and explanation.params.get("algorithm") != "surrogate":
        assert explanation.standard_error is not None
        known = explanation.values != 0
        known[:, 4] = False  # of what no row of the background has the draw tells nothing
        assert (explanation.standard_error[known] > 0).all()
    if method in {"occlusion", "GradientSHAP", "Deep SHAP"}:
        larger = replace(explainer, references=90)
        known, unknown = (
            larger.explain(replace(whole, training=training)).standard_error
            for training in (whole.training, None)
        )
        if known is not None:
            np.testing.assert_array_equal(known, unknown)
        assert (known is None) == (method != "GradientSHAP")


@pytest.mark.parametrize("kind", ["text", "image", "series"])
@pytest.mark.parametrize("question", ["background", "baseline"])
@pytest.mark.parametrize(
    "explainer",
    [Shap(), Shap(permutation_up_to=2), Shap(algorithm="permutation"), Occlusion(), Lime()],
    ids=["pairs", "owen", "orders", "occlusion", "lime"],
)
def test_a_word_a_patch_or_a_window_that_is_its_reference_gets_exactly_nothing(
    kind: str, question: str, explainer: Any, layout_schema
) -> None:
    schema = layout_schema(kind)
    rng = np.random.default_rng(1)
    width, owners = len(schema.features), schema.owners
    slopes = rng.normal(size=width)

    def probability(rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.nan_to_num(rows) @ slopes / width))

    rows = rng.integers(2, 5, (12, width)).astype(float)
    reference = kind_of(schema).baseline(rows, rows)
    if question == "background":
        reference = rows = np.repeat(rows[:1], 12, axis=0)
    inputs = rng.integers(2, 5, (4, width)).astype(float)
    inputs[:2, owners == 1] = reference[:2, owners == 1]
    to_explain = context(
        ToyClassifier(schema, probability),
        inputs=inputs, positions=np.arange(4), background=rows, training=rows, question=question,
    )  # fmt: skip
    explanation = explainer.explain(to_explain)
    same = ~differing(inputs, reference[:, None][:4], owners)
    assert same[:2, 1].all()
    assert not same.all()
    values = player_sums(explanation.values, owners)
    if explanation.game == question:
        assert (values[same] == 0).all()
        assert (values[~same] != 0).mean() > 0.8


@pytest.mark.parametrize("explainer", [Shap(), ConditionalShap()], ids=["shap", "conditional"])
def test_trees_give_exactly_nothing_to_a_column_that_is_the_same_in_all_rows(
    explainer: Any,
) -> None:
    """Though the trees were fitted where it varied, and ask about it."""
    from sklearn.ensemble import GradientBoostingRegressor

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 6))
    estimator = GradientBoostingRegressor(random_state=0).fit(rows, rows[:, 2] * (rows[:, 0] + 1))
    model: Any = ToyClassifier(toy_schema(6), lambda x: estimator.predict(x)[:, None])
    model.capabilities, model.trees = frozenset({"trees"}), read_trees(estimator)
    model.columns, model.probabilities = lambda x: x, lambda x: estimator.predict(x)[:, None]
    rows[:, 2] = 0.3
    inputs = np.concatenate([rows[:4], rows[:1]])
    inputs[4, 2] = 0.8
    known = {"background": rows[:50], "training": rows, "inputs": inputs, "target": 0}
    explanation = explainer.explain(context(model, **known, positions=np.arange(5)))
    assert explanation.params["algorithm"] in {"tree", "trees"}
    assert (explanation.values[:4, 2] == 0).all()
    assert explanation.values[4, 2] != 0
    if explanation.game == "background":
        assert (explanation.standard_error[:4, 2] == 0).all()
        assert (explanation.standard_error[:, 0] > 0).all()


@pytest.mark.parametrize(
    "method",
    [
        "shap of all pairs",
        "shap's ExactExplainer",
        "occlusion",
        "integrated gradients",
        "Deep SHAP",
    ],
)
def test_columns_that_are_alike_and_count_alike_get_the_same(method: str) -> None:
    schema, rng = toy_schema(5), np.random.default_rng(2)
    module: Any = OddsModule(lambda x: torch.tanh(x[:, 0] + x[:, 1]) * x[:, 2] + x[:, 3], 5)
    if method == "Deep SHAP":
        module = LinearModule(np.repeat(rng.normal(size=(1, 2)), 5, axis=0))
    rows, inputs = rng.normal(size=(40, 5)), rng.normal(size=(4, 5))
    rows[:, 1], inputs[:, 1] = rows[:, 0], inputs[:, 0]
    known = {"background": rows[:16], "training": rows, "inputs": inputs}
    to_explain = context(ToyClassifier(schema, module=module), **known, positions=np.arange(4))
    explainer = replace(COMPARING[method], rounds=16) if "all" in method else COMPARING[method]
    explanation = explainer.explain(to_explain)
    for numbers in (explanation.values, explanation.standard_error):
        assert numbers is not None
        np.testing.assert_allclose(numbers[:, 0], numbers[:, 1], rtol=1e-4, atol=1e-6)
