"""Rows to doubt: labels that look wrong, and test rows that are nearly training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import encoding_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.failure_rows import CopyComparison
from deepseek_report.metrics.plugin import ClassMetric, EntityMetric
from deepseek_report.statistics.intervals import SHARE, compare_rates, difference_of_means
from deepseek_report.statistics.nearness import CHANCE, confirmed, near_copies
from deepseek_report.statistics.ranking import thin
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss

#: Training rows among which neighbours are looked for; of more, so many at even distances, so that
#: the search is linear in the rows.
MOST_SEARCHED = 20_000


def class_thresholds(labels: Ints, probabilities: Floats) -> Floats:
    """(class,) mean probability of each class among the instances that carry its label.

    A class without instances gets a threshold above 1, which nothing reaches.

    Reference: Northcutt et al. 2021, confident learning, doi:10.1613/jair.1.12125.
    """
    means = np.full(probabilities.shape[1], 2.0)
    for label in np.unique(labels):
        means[label] = probabilities[labels == label, label].mean()
    return means


def confidently_another(labels: Ints, probabilities: Floats, thresholds: Floats) -> Bools:
    """(instance,) whether another class reaches its threshold, and is the likeliest that does."""
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.asarray((reached.max(axis=1) >= 0) & (reached.argmax(axis=1) != labels))


def neighbours_agreeing(data: Dataset, positions: Ints, n_neighbours: int) -> Floats:
    """Share of the nearest training rows with the same label, for some rows of the test part.

    Distance is Euclidean over standardised numbers and one-hot categories, or weighted words. At
    most `MOST_SEARCHED` training rows are looked at.
    """
    from sklearn.neighbors import NearestNeighbors

    if not len(positions):
        return np.zeros(0)
    searched = thin(len(data.train), MOST_SEARCHED)
    train, labels = data.train.inputs[searched], data.train.labels[searched]
    encoder = encoding_of(data.schema.features, train)
    index = NearestNeighbors(n_neighbors=min(n_neighbours, len(train)), algorithm="brute")
    index.fit(encoder.transform(train).astype(np.float32))
    queries = encoder.transform(data.test.inputs[positions]).astype(np.float32)
    nearest = index.kneighbors(queries, return_distance=False)
    same = labels[nearest] == data.test.labels[positions][:, None]
    return np.asarray(same.mean(axis=1))


@dataclass(frozen=True)
class LabelSuspects(EntityMetric, ClassMetric):
    """Test rows whose label both the model and similar training rows contradict."""

    reveals = "aggregate"
    tables = {
        "suspects": TableType(
            columns_of("instance_id:row label probability:share nearest_agree:share"),
            section="bottlenecks",
            folded=True,
            most=20,
        )
    }
    bounds = {"label_suspects": SHARE}
    category = "data"
    reads = frozenset({"predictions", "validation_predictions", "dataset"})
    n_neighbours: Annotated[int, Field(ge=1, le=200)] = 10
    most_agreeing: Annotated[float, Field(ge=0, le=1)] = 0.2
    most: Annotated[int, Field(ge=1, le=5000)] = 200

    def measure(self, context: MeasureContext) -> Measurement:
        p, validation = context.predictions, context.validation_predictions
        thresholds = class_thresholds(validation.labels, validation.probabilities)
        doubted = np.flatnonzero(confidently_another(p.labels, p.probabilities, thresholds))
        agreeing = neighbours_agreeing(context.dataset, doubted, self.n_neighbours)
        kept = agreeing <= self.most_agreeing
        suspects = doubted[kept]
        score = self.score(
            "label_suspects",
            Resampling.of(p).rate(np.isin(np.arange(len(p)), suspects)),
            "lower",
            unit="share",
            reference="doi:10.1613/jair.1.12125",
            note=message(
                "notes.label_suspects.rule", share=self.most_agreeing, neighbours=self.n_neighbours
            ),
        )
        classes = context.dataset.schema.target.classes
        table = suspect_table(p, suspects, agreeing[kept], classes).head(self.most)
        notes = [message("notes.label_suspects.no_proof")]
        rows = len(context.dataset.train)
        if rows > MOST_SEARCHED:
            searched = message("notes.label_suspects.searched", n=MOST_SEARCHED, rows=rows)
            notes.append(searched)
        if len(suspects) > self.most:
            notes.append(message("notes.label_suspects.listed", n=len(suspects), most=self.most))
        return Measurement((score,), {"suspects": table}, notes=tuple(notes))


def suspect_table(
    p: Predictions, suspects: Ints, agreeing: Floats, classes: tuple[str, ...]
) -> pd.DataFrame:
    """The suspects, least likely label first; `probability` is that of the label given."""
    labels = p.labels[suspects]
    table = pd.DataFrame(
        {
            "instance_id": p.instance_ids[suspects],
            "label": np.array(classes, dtype=object)[labels],
            "probability": p.probabilities[suspects, labels],
            "nearest_agree": agreeing,
        }
    ).astype({"label": str})
    return table.sort_values(["probability", "instance_id"], ignore_index=True)


#: Fewer rows than these that are no copies say nothing of the model, nor of how labels agree.
_FEWEST_OTHERS = 30
#: Two numbers are the same label if they differ by at most this share of their spread.
_SAME = 0.01


@dataclass(frozen=True)
class NearCopies(EntityMetric):
    """How many test rows are near copies of a training row, and the error on the others.

    Distance is Euclidean over standardised numbers and one-hot categories, or weighted words; the
    columns of a table must confirm it (`statistics.nearness`). A model that has seen a copy of a
    row need not have learnt anything to be right about it, so the error that counts is that on the
    other rows.
    """

    reveals = "aggregate"
    tables = {"comparison": TableType.of(CopyComparison, "bottlenecks", release=WHOLE)}
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
        if kind_of(data.schema).named_columns:
            near = confirmed(near, data.test.inputs, data.train.inputs)
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
        row = (
            *(len(is_near), int(is_near.sum())),
            *_agreement(same, is_near, by_chance, resampling),
            *_losses(losses, is_near, task.loss, resampling),
        )
        notes = [message("notes.near_copies.no_proof")]
        if len(near.rows) < len(p):
            notes.append(message("notes.near_copies.searched", n=len(near.rows), rows=len(p)))
        tables = self.frames(comparison=[row])
        return Measurement(scores, tables, notes=tuple(notes))


def _same_label(labels: Array, others: Array) -> Bools:
    """(row,) whether two labels are one class, or nearly one number."""
    return np.asarray(np.abs(labels - others) <= _SAME * max(float(np.std(labels)), 1e-12))


def _agreement(
    same: Bools, is_near: Bools, by_chance: Bools, drawn: Resampling
) -> tuple[float, float, bool, float]:
    """How often near copies have the label of the training row, and how often others do.

    The others are the other test rows with their nearest, or, where these are too few (True), all
    test rows with a training row drawn at random. The last number is the p-value of a difference.
    """
    few = int((~is_near).sum()) < _FEWEST_OTHERS
    near, others = same[is_near], by_chance if few else same[~is_near]
    elsewhere = drawn.counts(by_chance) if few else drawn.counts(same, ~is_near)
    counts = *drawn.counts(same, is_near), *elsewhere
    own = float(near.mean()) if len(near) else np.nan
    return own, float(others.mean()), few, compare_rates(*counts)[1]


def _losses(
    losses: Floats, is_near: Bools, loss: Loss, drawn: Resampling
) -> tuple[float, float, float, Estimate]:
    """Mean loss of near copies and of the others, a test that the others fare worse, and by how
    much the copies flatter the score: the mean loss without them less that of all cases.
    """
    near, others = losses[is_near], losses[~is_near]
    if len(near) < 2 or len(others) < _FEWEST_OTHERS:
        return np.nan, np.nan, np.nan, UNDEFINED
    first, other = (loss.mean(losses, drawn, inside) for inside in (~is_near, is_near))
    share = len(near) / len(losses)
    value, low, high = (share * end for end in difference_of_means(first, other))
    flattered = Estimate(value, low, high)
    return other.value, first.value, loss.larger_p_value(losses, ~is_near, drawn), flattered
