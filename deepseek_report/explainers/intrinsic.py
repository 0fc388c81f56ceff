"""The account that a self-explaining model gives of its own output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.explainers.attributions import ModuleExplainer, subject
from deepseek_report.metrics.internals.tracing import own_terms

_OWN = message("explainer_notes.intrinsic.own")
_SEVERAL = message("explainer_notes.intrinsic.several_classes")


@dataclass(frozen=True)
class Intrinsic(ModuleExplainer):
    """The model's own account: the terms that a self-explaining model adds up.

    The base value is what the model's terms come to for its training part (an additive model: the
    mean output; a prototype model: the output at the mean distances). So it is compared with the
    training rows, whatever a run asks.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.
    """

    reveals = "aggregate"
    games = frozenset({"background"})
    chunk: Annotated[int, Field(ge=1)] = 250

    requires = frozenset({"intrinsic"})
    method = "intrinsic"

    def explain(self, context: ExplainContext) -> Explanation:
        """Read the model's terms; values are in log-odds, or in the target's unit."""
        classifier = context.classifier
        before = classifier.calls
        logits = classifier.logits(context.inputs)
        values, base = self._values(context)
        return Explanation(
            values=values,
            predictions=contrasted(logits, context.target),
            base_values=base,
            method=self.method,
            variant=message("explainer_variants.intrinsic"),
            output_space=context.margin_space,
            game="background",
            n_model_calls=classifier.calls - before,
            params=asdict(self),
            notes=(_OWN, *([_SEVERAL] if logits.shape[1] > 2 else [])),
            **subject(context),
        )

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.ACCOUNT, self, message("recommendation.intrinsic"))]

    def _values(self, context: ExplainContext) -> tuple[Floats, Floats]:
        values, base = np.zeros(context.inputs.shape), np.zeros(len(context.inputs))
        for part in self.parts(context):
            values[part], base[part] = own_terms(
                context.classifier, context.inputs[part], context.target
            )
        return values, base


def contrasted(logits: Floats, target: int) -> Floats:
    """(instance, class) -> (instance,) the target's logit less the mean of the others'.

    One column is a number, and stays as it is.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    return np.asarray(logits[:, target] - np.delete(logits, target, axis=1).mean(axis=1))
