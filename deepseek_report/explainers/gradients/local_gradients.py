"""Gradients at the instance: input times gradient, and saliency, a size without a direction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.explainers.attributions import ModuleExplainer, seed_of, sum_units
from deepseek_report.statistics.intervals import error_of_mean

if TYPE_CHECKING:
    from torch import Tensor


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

        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        with gradients.evaluating(module):
            answer = gradients.embedded_log_odds(module, context.target)
            for part in self.parts(context):
                embedded = gradients.embed(module, context.inputs[part])
                per_unit = gradients.per_unit(embedded * gradients.gradient(answer, embedded))
                values[part] = sum_units(per_unit, module.unit_features, context.inputs.shape[1])
        return values


@dataclass(frozen=True)
class GradientSize(ModuleExplainer):
    """Base of methods that tell how large the gradient of the log-odds is, and not its sign."""

    requires = frozenset({"gradients"})

    def explain(self, context: ExplainContext) -> Explanation:
        """Sizes of gradients; unsigned, with output space "none", since they have no unit."""
        before = context.classifier.calls
        predictions = context.output(context.inputs)
        values, error = self._values(context)
        context.classifier.calls += len(context.inputs) * self._copies
        return self.explanation(
            context,
            before,
            values=values,
            standard_error=error,
            predictions=predictions,
            variant=self._variant,
            output_space="none",
            signed=False,
            notes=(message("explainer_notes.sizes"),),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return n_instances * (1 + self._copies)

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.BESIDE, self, message("recommendation.sizes"), alone=False)]

    @property
    def _copies(self) -> int:
        """How many gradients an instance gets."""
        return 1

    @property
    @abstractmethod
    def _variant(self) -> Message:
        """How the sizes came about."""

    def _values(self, context: ExplainContext) -> tuple[Floats, Floats | None]:
        """(instance, feature) sizes, and their standard errors where they are means."""
        from deepseek_report.explainers.gradients import embedding_gradients as gradients

        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        error = np.zeros(context.inputs.shape) if self.samples else None
        with gradients.evaluating(module):
            answer = gradients.embedded_log_odds(module, context.target)
            for part in self.parts(context):
                for place, embedded in enumerate(gradients.embed(module, context.inputs[part])):
                    index = part.start + place
                    points = self._points(embedded[None], context, index)
                    lengths = gradients.gradient(answer, points).flatten(2).norm(dim=-1)
                    lengths = lengths.double().cpu().numpy()
                    sizes = sum_units(lengths, module.unit_features, context.inputs.shape[1])
                    values[index] = sizes.mean(axis=0)
                    if error is not None:
                        error[index] = error_of_mean(sizes)
        return values, error

    def _points(self, embedded: Tensor, context: ExplainContext, index: int) -> Tensor:
        """(1, unit, …) an instance -> (point, unit, …) where its gradients are taken."""
        return embedded


@dataclass(frozen=True)
class Saliency(GradientSize):
    """Length of the gradient of the log-odds by the embedding of each unit, summed up to features.

    chunk : instances that are embedded at a time.

    Reference: Simonyan, Vedaldi & Zisserman 2014, arXiv:1312.6034.
    """

    chunk: Annotated[int, Field(ge=1)] = 250

    reveals = "aggregate"
    method = "saliency"

    @property
    def _variant(self) -> Message:
        return message("explainer_variants.saliency")


@dataclass(frozen=True)
class SmoothGrad(GradientSize):
    """The mean of saliency over copies of the input with normal noise on its embedding.

    copies : gradients per instance. noise : standard deviation of the noise, as a share of the
    range of the numbers in the instance's embedding. chunk : instances embedded at a time.

    Reference: Smilkov, Thorat, Kim, Viégas & Wattenberg 2017, arXiv:1706.03825.
    """

    copies: Annotated[int, Field(ge=2, le=10_000)] = 32
    noise: Annotated[float, Field(gt=0, le=1)] = 0.15
    chunk: Annotated[int, Field(ge=1)] = 250

    reveals = "aggregate"
    method = "smooth_grad"
    samples = True

    @property
    def _copies(self) -> int:
        return self.copies

    @property
    def _variant(self) -> Message:
        return message("explainer_variants.smooth_grad", copies=self.copies, noise=self.noise)

    def _points(self, embedded: Tensor, context: ExplainContext, index: int) -> Tensor:
        from deepseek_report.explainers.gradients.embedding_gradients import as_tensor

        rng = np.random.default_rng(seed_of(context.seed, context.draws[index]))
        noise = rng.standard_normal((self.copies, *embedded.shape[1:]))
        reach = self.noise * (embedded.max() - embedded.min())
        return embedded + reach * as_tensor(context.classifier.module, noise)
