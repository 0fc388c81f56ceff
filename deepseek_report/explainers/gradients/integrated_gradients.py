"""Integrated gradients along straight paths from training rows, or from a masked input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.data_kinds import kind_of
from deepseek_report.explainers.attributions import ModuleExplainer, playable, subject, sum_units


@dataclass(frozen=True)
class IntegratedGradients(ModuleExplainer):
    """Gradients of the log-odds, summed along straight paths.

    Asked what is added compared with training rows, as is usual for a table, the paths start at
    `references` of these, at even distances in the order of the model's output, and the
    attributions are averaged over them: one start would give 0 to every value that equals it,
    whatever the model does, and might be a case of the class itself. Asked about the baseline, or
    with one reference, the path starts where all players are taken away: at the mask, or the median
    or most frequent value of each feature.

    (e − e′) · ∫ ∂F(e′ + α(e − e′)) / ∂e dα for the embedding e of the input and e′ of a start,
    summed over the units of a feature. F is the log-odds of the target class, or the number.

    n_steps : gradients per instance, spread over the references.
    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Sundararajan, Taly & Yan 2017, arXiv:1703.01365; Erion, Janizek, Sturmfels, Lundberg
    & Lee 2021, doi:10.1038/s42256-021-00343-w (several starts).
    """

    reveals = "aggregate"
    games = frozenset({"background", "baseline"})
    n_steps: Annotated[int, Field(ge=1, le=1000)] = 40
    references: Annotated[int, Field(ge=1, le=1000)] = 8
    rule: Literal["gausslegendre", "riemann_middle", "riemann_trapezoid"] = "gausslegendre"
    chunk: Annotated[int, Field(ge=1)] = 12

    requires = frozenset({"gradients"})
    method = "integrated_gradients"

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds of the target.

        Returns values in log-odds; base value plus their sum is the prediction, up to the error of
        the points of the integral, which is reported. The base value is the mean over the starts.
        """
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        kind = kind_of(classifier.schema)
        predictions = context.margin(context.inputs)
        starts, base = self._starts(context)
        values = self._values(context, starts)
        classifier.calls += n * len(starts) * self._points(len(starts))
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
            game="background" if len(starts) > 1 else "baseline",
            n_model_calls=classifier.calls - before,
            params=asdict(self) | {"references": len(starts)} | _about_baseline(starts),
            notes=(
                message("explainer_notes.several_paths", n=len(starts))
                if len(starts) > 1
                else message(f"explainer_notes.path.{kind.name}"),
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
        starts = max(min(self.references, n_background), 1)
        at_starts = n_background if starts > 1 else n_instances
        return n_instances * (1 + starts * self._points(starts)) + at_starts

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

    def _points(self, starts: int) -> int:
        return max(self.n_steps // starts, 1)

    def _starts(self, context: ExplainContext) -> tuple[list[Floats], Floats]:
        """(instance, column) where each path starts, and the (instance,) mean output there."""
        kind, rows = kind_of(context.classifier.schema), context.background
        count = min(self.references, len(rows))
        if playable(context) == "baseline" or count < 2:
            baseline = kind.baseline(context.inputs, rows)
            return [baseline], context.margin(baseline)
        outputs, n = context.margin(rows), len(context.inputs)
        order = np.argsort(outputs, kind="stable")
        chosen = order[((np.arange(count) + 0.5) * len(rows) / count).astype(np.int64)]
        starts = [np.tile(rows[place], (n, 1)) for place in chosen]
        return starts, np.full(n, outputs[chosen].mean())

    def _values(self, context: ExplainContext, starts: list[Floats]) -> Floats:
        from deepseek_report.explainers.gradients import embedding_gradients as gradients
        from deepseek_report.explainers.gradients.embedding_gradients import path_integral

        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        points = self._points(len(starts))
        with gradients.evaluating(module):
            answer = gradients.embedded_log_odds(module, context.target)
            for part in self.parts(context):
                end = gradients.embed(module, context.inputs[part])
                for rows in starts:
                    start = gradients.embed(module, rows[part])
                    integral = path_integral(answer, end, start, self.rule, points)
                    per_unit, width = gradients.per_unit(integral), context.inputs.shape[1]
                    values[part] += sum_units(per_unit, module.unit_features, width)
        return np.asarray(values / len(starts))


def _about_baseline(starts: list[Floats]) -> dict[str, Any]:
    """The only start, where all instances have the same."""
    same = len(starts) == 1 and len(starts[0]) > 0 and not np.ptp(starts[0], axis=0).any()
    return {"baseline": starts[0][0].tolist()} if same else {}


def _about_gap(gap: Floats, distance: Floats) -> Message:
    scale = np.abs(distance).mean()
    share = float(np.abs(gap).mean() / scale) if scale > 0 else None
    return message("explainer_notes.gap", share=share, n=len(gap))
