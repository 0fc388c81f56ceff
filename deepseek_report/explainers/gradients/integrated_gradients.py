"""Integrated gradients along the straight path from a typical or masked input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.data_kinds import kind_of
from deepseek_report.explainers.shared.attributions import (
    subject,
    sum_units,
)
from deepseek_report.explainers.shared.module_explainer import ModuleExplainer


@dataclass(frozen=True)
class IntegratedGradients(ModuleExplainer):
    """Gradients of the log-odds, summed along a straight path from a typical input.

    Of a number the gradients are its own. In a text the path starts where every token is masked.

    (e − e′) · ∫ ∂F(e′ + α(e − e′)) / ∂e dα for the embedding e of the input and e′ of the baseline,
    summed over the units of a feature. F is the log-odds of the target class.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Sundararajan, Taly & Yan 2017, arXiv:1703.01365.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    n_steps: Annotated[int, Field(ge=1, le=1000)] = 32
    rule: Literal["gausslegendre", "riemann_middle", "riemann_trapezoid"] = "gausslegendre"
    chunk: Annotated[int, Field(ge=1)] = 12

    requires: ClassVar[frozenset[Capability]] = frozenset({"gradients"})
    method: ClassVar[str] = "integrated_gradients"

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds of the target.

        Returns
        -------
        Values in log-odds; base value plus their sum is the prediction, up to the error of the
        `n_steps` points of the integral, which is reported.
        """
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        kind = kind_of(classifier.schema)
        baseline = kind.baseline(context.inputs, context.background)
        predictions, base = context.margin(context.inputs), context.margin(baseline)
        values = self._values(context, baseline)
        classifier.calls += n * self.n_steps
        gap = values.sum(axis=1) - (predictions - base)
        return Explanation(
            values=values,
            predictions=predictions,
            base_values=base,
            method=self.method,
            variant=message(
                "explainer_variants.integrated_gradients", points=self.n_steps, rule=self.rule
            ),
            output_space=context.margin_space,
            n_model_calls=classifier.calls - before,
            params=asdict(self) | _about_baseline(baseline),
            notes=(
                message(f"explainer_notes.path.{kind.name}"),
                _about_gap(gap, predictions - base),
                *(
                    [message("explainer_notes.jumps")]
                    if "experts" in classifier.capabilities
                    else []
                ),
            ),
            **subject(context),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return n_instances * (self.n_steps + 2)

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """A quarter of the points, half of them, all: what they miss is measured, and reported."""
        points = dict.fromkeys(-(-self.n_steps // part) for part in (4, 2, 1))
        return [
            Offer(
                Turn.SECOND if number == 0 else Turn.USUAL,
                replace(self, n_steps=steps),
                message("recommendation.integrated_gradients", points=steps),
            )
            for number, steps in enumerate(points)
        ]

    def _values(self, context: ExplainContext, baseline: Floats) -> Floats:
        from deepseek_report.explainers.gradients import embedding_gradients as gradients
        from deepseek_report.explainers.gradients.path_integral import path_integral

        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        with gradients.evaluating(module):
            answer = gradients.embedded_log_odds(module, context.target)
            for part in self.parts(context):
                end = gradients.embed(module, context.inputs[part])
                start = gradients.embed(module, baseline[part])
                integral = path_integral(answer, end, start, self.rule, self.n_steps)
                per_unit = gradients.per_unit(integral)
                values[part] = sum_units(per_unit, module.unit_features, context.inputs.shape[1])
        return values


def _about_baseline(baseline: Floats) -> dict[str, Any]:
    """The baseline, where all instances have the same."""
    same = len(baseline) > 0 and not np.ptp(baseline, axis=0).any()
    return {"baseline": baseline[0].tolist()} if same else {}


def _about_gap(gap: Floats, distance: Floats) -> Message:
    scale = np.abs(distance).mean()
    share = float(np.abs(gap).mean() / scale) if scale > 0 else None
    return message("explainer_notes.gap", share=share, n=len(gap))
