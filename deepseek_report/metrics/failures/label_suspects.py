"""Labels that look wrong: neither the model nor similar training rows agree with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.data_kinds.base import encoding_of
from deepseek_report.metrics.plugin import ClassMetric
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import thin
from deepseek_report.statistics.resampling import Resampling

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
class LabelSuspects(ClassMetric):
    """Test rows whose label both the model and similar training rows contradict."""

    counts_entities = True
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
