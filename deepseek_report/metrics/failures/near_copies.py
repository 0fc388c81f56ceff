"""Test rows that are nearly the same as a training row, and what the model is worth without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Array, Bools, Floats
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import TableType, columns_of, estimate
from deepseek_report.data_kinds.base import encoding_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.failure_rows import CopyComparison
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.intervals import SHARE, compare_rates, difference_of_means
from deepseek_report.statistics.nearness import CHANCE, near_copies
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss

#: Fewer rows than these that are no copies say nothing of the model, nor of how labels agree.
_FEWEST_OTHERS = 30
_FLATTERED = ("flattered", "flattered_low", "flattered_high")
#: Two numbers are the same label if they differ by at most this share of their spread.
_SAME = 0.01


@dataclass(frozen=True)
class NearCopies(ModelMetric):
    """How many test rows are near copies of a training row, and the error on the others.

    Distance is Euclidean over standardised numbers and one-hot categories, or weighted words; see
    `statistics.nearness`. A model that has seen a copy of a row need not have learnt anything to
    be right about it, so the error that counts is that on the other rows.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "comparison": TableType(
            (
                *columns_of("n:count near:count same_label:share other_same_label:share"),
                *columns_of("by_chance:yes_no same_p_value:p_value near_loss:number", shown=False),
                *columns_of("other_loss:number loss_p_value:p_value", shown=False),
                estimate("flattered", prefix="flattered", shown=False),
            ),
            section="bottlenecks",
            release=WHOLE,
            row=CopyComparison,
        )
    }
    category = "data"
    reads = frozenset({"dataset", "predictions"})
    bounds = {
        "near_copies": SHARE,
        "error_rate_without_copies": SHARE,
        "mae_without_copies": (0.0, None),
    }

    def measure(self, context: MeasureContext) -> Measurement:
        data, p = context.dataset, context.predictions
        encoding = encoding_of(data.schema.features, data.train.inputs)
        near = near_copies(
            encoding.transform(data.test.inputs), encoding.transform(data.train.inputs)
        )
        if near is None:
            raise NotApplicableError(message("refusals.no_nearness"))
        task, target = task_of(data.schema.target), data.schema.target
        losses, is_near = task.loss.of(p)[near.rows], near.is_near
        same = _same_label(data.test.labels[near.rows], data.train.labels[near.nearest])
        drawn = np.random.default_rng(0).integers(0, len(data.train), len(is_near))
        by_chance = _same_label(data.test.labels[near.rows], data.train.labels[drawn])
        resampling = Resampling.of(p).take(near.rows)
        without = task.loss.mean(losses, resampling, ~is_near)
        scores = (
            self.score(
                "near_copies",
                resampling.rate(is_near),
                "lower",
                unit="share",
                reference="Levina & Bickel 2004",
                note=message("notes.near_copies.rule", chance=CHANCE),
            ),
            self.score(
                f"{task.loss.key}_without_copies",
                without,
                "lower",
                unit=task.unit(target, task.loss),
                bounds=task.loss.bounds,
                note=message("notes.near_copies.without"),
            ),
        )
        row = {
            "n": len(is_near),
            "near": int(is_near.sum()),
            **_agreement(same, is_near, by_chance, resampling),
            **_losses(losses, is_near, task.loss, resampling),
        }
        notes = [message("notes.near_copies.no_proof")]
        if len(near.rows) < len(p):
            notes.append(message("notes.near_copies.searched", n=len(near.rows), rows=len(p)))
        return Measurement(scores, {"comparison": pd.DataFrame([row])}, notes=tuple(notes))


def _same_label(labels: Array, others: Array) -> Bools:
    """(row,) whether two labels are one class, or nearly one number."""
    return np.asarray(np.abs(labels - others) <= _SAME * max(float(np.std(labels)), 1e-12))


def _agreement(
    same: Bools, is_near: Bools, by_chance: Bools, drawn: Resampling
) -> dict[str, float | bool]:
    """How often near copies have the label of the training row, and how often others do.

    The others are the other test rows with their nearest, or, where these are too few, all test
    rows with a training row drawn at random.
    """
    few = int((~is_near).sum()) < _FEWEST_OTHERS
    near, others = same[is_near], by_chance if few else same[~is_near]
    elsewhere = drawn.counts(by_chance) if few else drawn.counts(same, ~is_near)
    counts = *drawn.counts(same, is_near), *elsewhere
    return {
        "same_label": float(near.mean()) if len(near) else np.nan,
        "other_same_label": float(others.mean()),
        "by_chance": few,
        "same_p_value": compare_rates(*counts)[1],
    }


def _losses(losses: Floats, is_near: Bools, loss: Loss, drawn: Resampling) -> dict[str, float]:
    """Mean loss of near copies and of the others, a test that the others fare worse, and by how
    much the copies flatter the score: the mean loss without them less that of all cases.
    """
    near, others = losses[is_near], losses[~is_near]
    names = ("near_loss", "other_loss", "loss_p_value", *_FLATTERED)
    if len(near) < 2 or len(others) < _FEWEST_OTHERS:
        return dict.fromkeys(names, np.nan)
    first, other = (loss.mean(losses, drawn, inside) for inside in (~is_near, is_near))
    flattered = (len(near) / len(losses) * end for end in difference_of_means(first, other))
    numbers = (other.value, first.value, loss.larger_p_value(losses, ~is_near, drawn), *flattered)
    return dict(zip(names, numbers, strict=True))
