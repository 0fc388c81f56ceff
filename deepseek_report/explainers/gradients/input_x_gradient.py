"""Input times gradient, in embedding space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.explainers.attributions import ModuleExplainer, sum_units


@dataclass(frozen=True)
class InputXGradient(ModuleExplainer):
    """Gradient of the log-odds at the input, times the input's embedding.

    e · ∂F / ∂e for the embedding e, summed over the units of a feature; F is the log-odds of the
    target class. One gradient per instance: the cheapest signed method. It takes nothing away, so
    it plays no game of its own: a slope at the instance is compared with nothing.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Shrikumar, Greenside, Shcherbina & Kundaje 2016, arXiv:1605.01713.
    """

    reveals = "aggregate"
    games = frozenset[Game]()
    chunk: Annotated[int, Field(ge=1)] = 250

    requires = frozenset({"gradients"})
    method = "input_x_gradient"

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds of the target; values are in log-odds, to first order."""
        variant = message("explainer_variants.input_x_gradient")
        return self.in_one_pass(context, self._values, variant, message("explainer_notes.local"))

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.BESIDE, self, message("recommendation.input_x_gradient"))]

    def _values(self, context: ExplainContext) -> Floats:
        from deepseek_report.explainers.gradients import embedding_gradients as gradients
        from deepseek_report.explainers.gradients.embedding_gradients import gradient

        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        with gradients.evaluating(module):
            answer = gradients.embedded_log_odds(module, context.target)
            for part in self.parts(context):
                embedded = gradients.embed(module, context.inputs[part])
                per_unit = gradients.per_unit(embedded * gradient(answer, embedded))
                values[part] = sum_units(per_unit, module.unit_features, context.inputs.shape[1])
        return values
