"""What each threshold would make of the decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.artifacts.table import Column, TableType, TableTypes
from deepseek_report.metrics.shared.plugin import ClassMetric, require_two_classes
from deepseek_report.tasks.decisions import tally


@dataclass(frozen=True)
class ThresholdSweep(ClassMetric):
    """What each of 99 thresholds would make of the decisions, for two classes.

    The selection rate is the share decided favourably; of the explained class where nobody
    declares which class is favourable.
    """

    counts_entities: ClassVar[bool] = True
    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "sweep": TableType(
            (
                Column("threshold", "declared", mark="in_use"),
                Column("true_positive_rate", "share"),
                Column("false_positive_rate", "share"),
                Column("precision", "share"),
                Column("balanced_accuracy", "share"),
                Column("accuracy", "share", shown=False),
                Column("selection_rate", "share"),
            ),
            folded=True,
            release=TableRelease(coarse={"selection_rate": "all"}),
        )
    }
    bounds: ClassVar[Bounds] = {}
    category: ClassVar[Category] = "performance"
    needs_two_classes: ClassVar[bool] = True
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset"})

    def measure(self, context: MeasureContext) -> Measurement:
        target = context.dataset.schema.target
        require_two_classes(context.dataset.schema)
        p = context.predictions
        selected = target.counted_class
        classes = message(
            "notes.threshold_sweep.classes",
            explained=target.explained_class,
            selected=target.classes[selected],
        )
        return Measurement(
            tables={"sweep": threshold_table(p.truths, p.scores, selected == p.explained)},
            notes=(classes, message("notes.threshold_sweep.test_rows")),
        )


def threshold_table(
    truths: NDArray[np.bool_], scores: NDArray[np.float64], explained_is_favourable: bool
) -> pd.DataFrame:
    """Rates at the thresholds 0.01, 0.02, …, 0.99 of the explained class's probability."""
    thresholds = np.round(np.arange(1, 100) / 100, 2)
    counts = tally(truths, scores, thresholds)
    decided = counts.decided / counts.n
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "selection_rate": decided if explained_is_favourable else 1 - decided,
            "true_positive_rate": counts.true_positive_rate,
            "false_positive_rate": counts.false_positive_rate,
            "precision": counts.precision,
            "accuracy": counts.accuracy,
            "balanced_accuracy": counts.balanced_accuracy,
        }
    )
