"""Every explainer on the package's own models, untrained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.split import Split
from deepseek_report.explainers.accounts import Random
from deepseek_report.explainers.attention_flow import AttentionRollout, AttnLRP
from deepseek_report.explainers.gradients import local_gradients
from deepseek_report.explainers.gradients.path_gradients import GradientShap, IntegratedGradients
from deepseek_report.explainers.lime import Lime
from deepseek_report.explainers.occlusion import Occlusion
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from tests.explainers.toys import context, toy_schema

MODELS = [
    DeepSeek(width=8, layers=2, heads=2, experts=4, expert_width=8),
    DeepSeek(width=8, layers=1, heads=2, experts=4, expert_width=8, pool="mean"),
    MLP(),
]
EXPLAINERS = [
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


@pytest.mark.parametrize("model", MODELS, ids=["deepseek", "deepseek-mean", "mlp"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_model_is_explained_or_refused(model, n_classes) -> None:
    schema = toy_schema(3, n_classes=n_classes, categories=4)
    classifier = model.wrap(_built(model, schema), schema, "cpu")
    to_explain = context(classifier, n=4, target=n_classes - 1)
    to_explain.inputs[0, 0] = np.nan
    for explainer in EXPLAINERS:
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
    classifier = MLP().wrap(_built(MLP(), schema), schema, "cpu")
    explanation = IntegratedGradients(n_steps=200).explain(context(classifier))
    distance = np.abs(explanation.predictions - explanation.base_values).mean()
    assert np.abs(explanation.completeness_gap).mean() < 0.02 * distance


def _built(model: Any, schema: Any) -> Any:
    rng = np.random.default_rng(0)
    columns = [
        rng.normal(size=60) if feature.is_numeric else rng.integers(0, 4, 60).astype(float)
        for feature in schema.features
    ]
    labels = rng.integers(0, len(schema.target.classes), 60)
    train = Split(np.stack(columns, axis=1), labels, np.arange(60))
    return model.build(schema, train, seed=0).eval()
