"""Labels against decisions: the table of errors, and the rates of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Direction, Measurement
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.metrics.plugin import ClassMetric
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.resampling import Resampling


@dataclass(frozen=True)
class ConfusionMatrix(ClassMetric):
    """Labels against decisions, with the error rates of the explained class.

    The share of favourable decisions is left out where nobody declares the favourable class.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "matrix": TableType(
            columns_of("actual decided n:count share:share"),
            release=TableRelease(counts=("n",), lines=(("actual",), ("decided",))),
        ),
        "classes": TableType(
            (
                *columns_of("class n:count"),
                estimate("recall", "share", "recall"),
                Column("decided", "count"),
                estimate("precision", "share", "precision"),
            ),
            release=TableRelease(counts=("n", "decided"), lines=((),)),
        ),
    }
    bounds = {
        "true_positive_rate": SHARE,
        "false_positive_rate": SHARE,
        "precision": SHARE,
        "selection_rate": SHARE,
    }
    category = "performance"
    reads = frozenset({"predictions", "dataset"})

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        decided, truths = p.decisions == p.explained, p.truths
        about = message("notes.confusion_matrix.of_class", name=target.explained_class)
        rows: list[tuple[str, Direction, Any, Any, Text]] = [
            ("true_positive_rate", "higher", truths & decided, truths, about),
            ("false_positive_rate", "lower", ~truths & decided, ~truths, about),
            ("precision", "higher", truths & decided, decided, about),
        ]
        if target.is_judged:
            note = message("notes.confusion_matrix.favourable", name=target.favourable_class)
            favoured = p.decisions == target.declared_favourable
            rows.append(("selection_rate", "none", favoured, truths | ~truths, note))
        drawn = Resampling.of(p)
        scores = tuple(
            self.score(
                name, drawn.rate(hits, among), direction, unit="share", bounds=SHARE, note=note
            )
            for name, direction, hits, among, note in rows
        )
        return Measurement(
            scores,
            {
                "matrix": confusion_table(p.labels, p.decisions, target.classes),
                "classes": class_table(p.labels, p.decisions, target.classes, drawn),
            },
        )


def confusion_table(labels: Ints, decisions: Ints, classes: tuple[str, ...]) -> pd.DataFrame:
    """Counts per actual and decided class; `share` is of the actual class."""
    k = len(classes)
    counts = np.bincount(labels * k + decisions, minlength=k * k).reshape(k, k)
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return pd.DataFrame(
        {
            "actual": np.repeat(classes, k),
            "decided": np.tile(classes, k),
            "n": counts.ravel(),
            "share": (counts / totals).ravel(),
        }
    )


def class_table(
    labels: Ints, decisions: Ints, classes: tuple[str, ...], resampling: Resampling
) -> pd.DataFrame:
    """Recall and precision of each class with their intervals; NaN where nothing was decided."""
    rows = []
    for k, name in enumerate(classes):
        actual, decided = labels == k, decisions == k
        recall, precision = (resampling.rate(labels == decisions, of) for of in (actual, decided))
        rows.append(
            {
                "class": name,
                "n": recall.n,
                **recall.cells("recall", "recall"),
                "decided": precision.n,
                **precision.cells("precision", "precision"),
            }
        )
    return pd.DataFrame(rows)
