"""RISE: what showing each place of an image adds, from answers for many random masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.models import ModelPlugin
from deepseek_report.artifacts.protocols.traits import ExplainerPart
from deepseek_report.data_kinds import kind_of
from deepseek_report.explainers.attributions import chunks, subject


@dataclass(frozen=True)
class Rise(ExplainerPart):
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

    def explain(self, context: ExplainContext) -> Explanation:
        """Ask about every mask of every image.

        Returns values in units of the output with their standard errors; they need not add up to
        the prediction.
        """
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        predictions = context.output(context.inputs)
        reference = kind_of(classifier.schema).baseline(context.inputs, context.background)
        values, errors = np.zeros(context.inputs.shape), np.zeros(context.inputs.shape)
        rows, columns, channels = kind_of(classifier.schema).shape
        shared = channels * shared_by((rows, columns), self.cells, self.shown)
        shared = np.repeat(shared.ravel(), channels)
        context.progress.start("rise", n)
        for at, key in enumerate(context.draws):
            masks = self._drawn(context, np.random.default_rng([context.seed, key]))
            mixed = reference[at] + masks * (context.inputs[at] - reference[at])
            answers = np.concatenate(
                [context.output(mixed[part]) for part in chunks(self.masks, 500)]
            )
            values[at], errors[at] = slopes(answers, masks, shared)
            context.progress.advance()
        return Explanation(
            values=values,
            standard_error=errors,
            predictions=predictions,
            method="rise",
            variant=message("explainer_variants.rise", masks=self.masks),
            output_space=context.output_space,
            game="baseline",
            n_model_calls=classifier.calls - before,
            params=asdict(self),
            notes=(message("explainer_notes.rise"),),
            **subject(context),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return n_instances * (1 + self.masks)

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """In two sizes: the error falls with the root of the masks."""
        return [
            Offer(turn, replace(self, masks=masks), message("recommendation.rise", masks=masks))
            for turn, masks in ((Turn.SPARE, self.masks), (Turn.FINEST, 4 * self.masks))
        ]

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> Message | None:
        return None

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
