"""The account that a self-explaining model gives of its own output."""

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
from deepseek_report.explainers.shared.attributions import chunks, missing_capability, subject

_OWN = message("explainer_notes.intrinsic.own")
_SEVERAL = message("explainer_notes.intrinsic.several_classes")


@dataclass(frozen=True)
class Intrinsic(ExplainerPart):
    """The model's own account: the terms that a self-explaining model adds up.

    The base value is what the model's terms come to for its training part (an additive model: the
    mean output; a prototype model: the output at the mean distances).

    chunk : instances that are explained and stored at a time; a killed run goes on after them.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    chunk: Annotated[int, Field(ge=1)] = 250

    requires: ClassVar[frozenset[Capability]] = frozenset({"intrinsic"})
    samples: ClassVar[bool] = False

    def explain(self, context: ExplainContext) -> Explanation:
        """Read the model's terms; values are in log-odds, or in the target's unit."""
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        logits = classifier.logits(context.inputs)
        values, base = self._values(context)
        classifier.calls += n
        return Explanation(
            values=values,
            predictions=contrasted(logits, context.target),
            base_values=base,
            method="intrinsic",
            variant=message("explainer_variants.intrinsic"),
            output_space=context.margin_space,
            n_model_calls=classifier.calls - before,
            params=asdict(self),
            notes=(_OWN, *([_SEVERAL] if logits.shape[1] > 2 else [])),
            **subject(context),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return 2 * n_instances

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> Message | None:
        return missing_capability(self.requires, model)

    def _values(self, context: ExplainContext) -> tuple[Floats, Floats]:
        import torch

        from deepseek_report.explainers.gradients import embedding_gradients

        module, n = context.classifier.module, len(context.inputs)
        values, base = np.zeros(context.inputs.shape), np.zeros(n)
        context.progress.start("intrinsic", n)
        with embedding_gradients.evaluating(module), torch.no_grad():
            for part in chunks(n, self.chunk):
                rows = embedding_gradients.as_tensor(module, context.inputs[part])
                terms, reference = module.intrinsic(rows, context.target)
                values[part], base[part] = terms.cpu().numpy(), reference.cpu().numpy()
                context.progress.advance(part.stop - part.start)
        return values, base


def contrasted(logits: Floats, target: int) -> Floats:
    """(instance, class) -> (instance,) the target's logit less the mean of the others'.

    One column is a number, and stays as it is.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    return np.asarray(logits[:, target] - np.delete(logits, target, axis=1).mean(axis=1))
