"""AttnLRP: relevance of the output, passed back through attention, experts and norms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.explainers.attributions import ModuleExplainer, sum_units


@dataclass(frozen=True)
class AttnLRP(ModuleExplainer):
    """Layer-wise relevance propagation with rules for attention, norms and gated products.

    The log-odds of the target, or the number, are passed back to the inputs. Each linear map
    divides relevance among its terms, a product of two activations gives each of them half, a norm
    passes on as if its scale were constant, and a softmax by the first terms of its Taylor series.
    What is passed on is conserved but for what biases, learned tokens and the softmax keep, which
    the explanation tells. It takes a model apart instead of taking inputs away, so no game is
    played, and there is no base value. One gradient per instance.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Achtibat et al. 2024, AttnLRP: attention-aware layer-wise relevance propagation for
    transformers, arXiv:2402.05602.
    """

    reveals = "aggregate"
    chunk: Annotated[int, Field(ge=1)] = 100

    requires = frozenset({"gradients", "attention"})
    method = "attn_lrp"

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds of the target, or the number.

        Raises NotApplicableError : the model does something for which there is no rule.
        """
        explanation = self.in_one_pass(
            context, self._values, message("explainer_variants.attn_lrp")
        )
        carried = explanation.values.sum(axis=1)
        note = message(
            "explainer_notes.attn_lrp",
            carried=float(np.abs(carried).mean()),
            kept=float(np.abs(explanation.predictions - carried).mean()),
            space=context.margin_space,
        )
        return replace(explanation, notes=(note,))

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.BESIDE, self, message("recommendation.attn_lrp"), alone=False)]

    def _values(self, context: ExplainContext) -> Floats:
        from deepseek_report.explainers.attention import relevance_rules
        from deepseek_report.explainers.gradients import embedding_gradients as gradients

        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        with gradients.evaluating(module), relevance_rules.constant_weights(module):
            answer = gradients.embedded_log_odds(module, context.target)
            for part in self.parts(context):
                embedded = gradients.embed(module, context.inputs[part])
                per_unit = gradients.per_unit(relevance_rules.relevance(answer, embedded))
                values[part] = sum_units(per_unit, module.unit_features, context.inputs.shape[1])
        return values
