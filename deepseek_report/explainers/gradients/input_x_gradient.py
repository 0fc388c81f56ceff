"""Input times gradient (captum), in embedding space."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.number_arrays import Floats
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.models import ModelPlugin
from deepseek_report.artifacts.protocols.traits import ExplainerPart
from deepseek_report.explainers.shared.attributions import (
    chunks,
    missing_capability,
    subject,
    sum_units,
)


@dataclass(frozen=True)
class InputXGradient(ExplainerPart):
    """Gradient of the log-odds at the input, times the input's embedding (captum).

    e · ∂F / ∂e for the embedding e, summed over the units of a feature; F is the log-odds of the
    target class. One gradient per instance: the cheapest signed method.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Shrikumar, Greenside, Shcherbina & Kundaje 2016, arXiv:1605.01713.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    chunk: Annotated[int, Field(ge=1)] = 250

    requires: ClassVar[frozenset[Capability]] = frozenset({"gradients"})
    samples: ClassVar[bool] = False

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds of the target; values are in log-odds, to first order."""
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        predictions = context.margin(context.inputs)
        values = self._values(context)
        classifier.calls += n
        return Explanation(
            values=values,
            predictions=predictions,
            method="input_x_gradient",
            variant=message("explainer_variants.input_x_gradient"),
            output_space=context.margin_space,
            n_model_calls=classifier.calls - before,
            params=asdict(self),
            notes=(message("explainer_notes.local"),),
            **subject(context),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return 2 * n_instances

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> Message | None:
        return missing_capability(self.requires, model)

    def _values(self, context: ExplainContext) -> Floats:
        from captum.attr import InputXGradient as Captum

        from deepseek_report.explainers.gradients import embedding_gradients

        module, n = context.classifier.module, len(context.inputs)
        values = np.zeros((n, context.inputs.shape[1]))
        context.progress.start("input_x_gradient", n)
        with embedding_gradients.evaluating(module):
            method = Captum(embedding_gradients.embedded_log_odds(module, context.target))
            for part in chunks(n, self.chunk):
                embedded = embedding_gradients.embed(module, context.inputs[part]).requires_grad_()
                per_unit = embedding_gradients.per_unit(method.attribute(embedded))
                values[part] = sum_units(per_unit, module.unit_features, values.shape[1])
                context.progress.advance(part.stop - part.start)
        return values
