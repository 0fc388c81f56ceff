"""Grad-CAM: where the last convolution of a network sees what speaks for a class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.attributions import ModuleExplainer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class GradCam(ModuleExplainer):
    """The maps of the last convolution, weighted by the mean gradient of each, and drawn out.

    `relu(Σ_k w_k A_k)` with A_k the k-th map and w_k the mean over its places of the gradient of
    the target's log-odds; drawn out to the size of the image by straight lines. Where a network
    has no convolution it is refused. The values are sizes without sign or unit, and no game is
    played.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74, arXiv:1610.02391.
    """

    reveals = "aggregate"
    modalities = frozenset({"image"})
    chunk: Annotated[int, Field(ge=1)] = 100

    requires = frozenset({"gradients", "module"})
    method = "grad_cam"

    def explain(self, context: ExplainContext) -> Explanation:
        """Draw the map of every image.

        Raises NotApplicableError : no convolution over two axes has a part in the answer.
        """
        variant = message("explainer_variants.grad_cam")
        return self.in_one_pass(
            context, self._values, variant, message("explainer_notes.grad_cam"), order=True
        )

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.BESIDE, self, message("recommendation.grad_cam"), alone=False)]

    def _values(self, context: ExplainContext) -> Floats:
        import torch
        from torch.nn.functional import interpolate

        from deepseek_report.explainers.gradients import embedding_gradients as gradients

        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        rows, columns, channels = kind_of(context.classifier.schema).shape
        with gradients.evaluating(module), torch.enable_grad(), _last_maps(module) as seen:
            for part in self.parts(context):
                logits = module(gradients.as_tensor(module, context.inputs[part]))
                odds = gradients.log_odds(logits, context.target)
                maps = seen[-1] if seen else None
                if maps is None or maps.dim() != 4 or not odds.requires_grad:
                    raise NotApplicableError(message("explainer_refusals.no_convolution"))
                (slopes,) = torch.autograd.grad(odds.sum(), maps, allow_unused=True)
                if slopes is None:
                    raise NotApplicableError(message("explainer_refusals.no_convolution"))
                weights = slopes.mean((2, 3), keepdim=True)
                drawn = torch.relu((weights * maps).sum(1, keepdim=True))
                whole = interpolate(drawn, (rows, columns), mode="bilinear", align_corners=False)
                flat = whole.detach().double().cpu().numpy().reshape(len(logits), -1)
                values[part] = np.repeat(flat, channels, axis=1) / channels
                seen.clear()
        return values


@contextmanager
def _last_maps(module: ExplainableModule) -> Iterator[list[Tensor]]:
    """Fills a list with what the convolutions give, in the order in which they run."""
    from torch import nn

    seen: list[Tensor] = []
    handles = [
        part.register_forward_hook(lambda _, inputs, output: seen.append(output))
        for part in module.modules()
        if isinstance(part, nn.Conv2d)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
