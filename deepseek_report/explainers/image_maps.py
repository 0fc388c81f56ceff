"""What places of an image speak for a class: Grad-CAM of a convolution, RISE by random masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
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
from deepseek_report.explainers.attributions import Explainer, ModuleExplainer, chunks

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
    with ExitStack() as hooks:
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                hook = part.register_forward_hook(lambda _, inputs, output: seen.append(output))
                hooks.enter_context(hook)
        yield seen


@dataclass(frozen=True)
class Rise(Explainer):
    """Answers for an image behind random smooth masks, and how they hang on each place.

    A mask is a coarse grid of cells that are shown or hidden at random, drawn out to the size of
    the image and shifted; what is hidden becomes the typical pixels of training rows, and what is
    half hidden a mixture. The value of a place is the covariance of the answer and its mask, over
    that of the sum of a mask and its mask: what showing it adds. So the values of a model that adds
    up its pixels sum to what these add, and a place without effect gets 0 but for sampling. RISE as
    published divides by a constant instead, and so gives every place a positive offset.

    masks : for each image. cells : along each side, at most half the pixels. shown : share of the
    cells that a mask shows.

    Reference: Petsiuk, Das & Saenko 2018, arXiv:1806.07421.
    """

    reveals = "aggregate"
    modalities = frozenset({"image"})
    masks: Annotated[int, Field(ge=10, le=1_000_000)] = 1000
    cells: Annotated[int, Field(ge=2, le=64)] = 7
    shown: Annotated[float, Field(gt=0, lt=1)] = 0.5

    method = "rise"

    def explain(self, context: ExplainContext) -> Explanation:
        """Ask about every mask of every image.

        Returns values in units of the output with their standard errors; they need not add up to
        the prediction.
        """
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        predictions = context.output(context.inputs)
        reference = kind_of(classifier.schema).baseline(context.inputs, context.known_rows)
        values, errors = np.zeros(context.inputs.shape), np.zeros(context.inputs.shape)
        rows, columns, channels = kind_of(classifier.schema).shape
        shared = channels * shared_by((rows, columns), self.cells, self.shown)
        shared = np.repeat(shared.ravel(), channels)
        context.progress.start(self.method, n)
        for at, key in enumerate(context.draws):
            masks = self._drawn(context, np.random.default_rng([context.seed, key]))
            mixed = reference[at] + masks * (context.inputs[at] - reference[at])
            answers = np.concatenate(
                [context.output(mixed[part]) for part in chunks(self.masks, 500)]
            )
            values[at], errors[at] = slopes(answers, masks, shared)
            context.progress.advance()
        return self.explanation(
            context,
            before,
            values=values,
            standard_error=errors,
            predictions=predictions,
            variant=message("explainer_variants.rise", masks=self.masks),
            game="baseline",
            notes=(message("explainer_notes.rise"),),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return n_instances * (1 + self.masks)

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """In two sizes: the error falls with the root of the masks."""
        return [
            Offer(turn, replace(self, masks=masks), message("recommendation.rise", masks=masks))
            for turn, masks in ((Turn.SPARE, self.masks), (Turn.FINEST, 4 * self.masks))
        ]

    def _drawn(self, context: ExplainContext, rng: np.random.Generator) -> Floats:
        """(mask, column): how much of each pixel is shown, all channels of it alike."""
        rows, columns, channels = kind_of(context.classifier.schema).shape
        drawn = masks_of((rows, columns), self.cells, self.shown, self.masks, rng)
        return np.repeat(drawn.reshape(self.masks, -1), channels, axis=1)


def masks_of(
    size: tuple[int, int], cells: int, shown: float, count: int, rng: np.random.Generator
) -> Floats:
    """(mask, row, column) in [0, 1]: grids of cells drawn out by straight lines, and shifted.

    size : rows and columns. cells : along each side, at most half of the pixels of that side.
    """
    sides = [max(min(cells, side // 2), 1) for side in size]
    steps = [-(-side // cells_of) for side, cells_of in zip(size, sides, strict=True)]
    grid = (rng.random((count, sides[0] + 2, sides[1] + 2)) < shown).astype(np.float64)
    places = [
        (np.arange(side) + rng.integers(0, step, (count, 1))) / step
        for side, step in zip(size, steps, strict=True)
    ]
    which = np.arange(count)[:, None, None]
    (top, below), (left, beside) = ((at.astype(np.int64), at % 1) for at in places)
    top, below = top[:, :, None], below[:, :, None]
    left, beside = left[:, None, :], beside[:, None, :]
    upper = grid[which, top, left] * (1 - beside) + grid[which, top, left + 1] * beside
    lower = grid[which, top + 1, left] * (1 - beside) + grid[which, top + 1, left + 1] * beside
    return np.asarray(upper * (1 - below) + lower * below)


def shared_by(size: tuple[int, int], cells: int, shown: float) -> Floats:
    """(row, column) the covariance of a whole mask, the sum of its places, with each of its places.

    Exact for the masks of `masks_of`: the mean over all shifts of what two places have in common.
    """
    alike = []
    for side in size:
        step = -(-side // max(min(cells, side // 2), 1))
        mean = np.zeros(side)
        for shift in range(step):
            places = (np.arange(side) + shift) / step
            first = places.astype(np.int64)
            weights = np.zeros((side, int(first.max()) + 2))
            weights[np.arange(side), first] = 1 - places % 1
            weights[np.arange(side), first + 1] = places % 1
            mean += weights @ weights.sum(axis=0) / step
        alike.append(mean)
    return np.asarray(shown * (1 - shown) * np.outer(*alike))


def slopes(answers: Floats, masks: Floats, shared: Floats) -> tuple[Floats, Floats]:
    """(column,) how answers hang on each column of the masks, and the standard errors.

    `v = c + Cov(f − c s, m) / Cov(s, m)` with s the sum of a mask, Cov(s, m) known, and c the
    slope of the answers f on s: what all columns have alike is told apart from what each has
    beyond it, whose sampling error is smaller.

    answers : (mask,). masks : (mask, column). shared : (column,) covariance of the sum of a mask
    with each column.
    """
    total = masks.sum(axis=1)
    total = total - total.mean()
    even = float((total @ (answers - answers.mean())) / max(total @ total, np.finfo(float).tiny))
    left = answers - even * total
    products = (left - left.mean())[:, None] * (masks - masks.mean(axis=0))
    values = even + products.mean(axis=0) / shared
    return values, products.std(axis=0) / np.sqrt(len(answers)) / shared
