"""What each threshold would make of the decisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import TableType
from deepseek_report.metrics.performance.performance_rows import SweptThreshold, ThresholdStep
from deepseek_report.metrics.plugin import DecisionMetric, require_two_classes
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.loss import ThresholdSteps, tally

#: What has an interval at some of the steps.
STEP_RATES = ("true_positive_rate", "false_positive_rate", "precision", "accuracy")


@dataclass(frozen=True)
class ThresholdSweep(DecisionMetric):
    """What each of 99 thresholds would make of the decisions, for two classes.

    The thresholds that readers step through (`ThresholdSteps`) come with counts and intervals.
    The selection rate is the share decided favourably; of the explained class where nobody
    declares which class is favourable.
    """

    reveals = "aggregate"
    tables = {
        "sweep": TableType.of(
            SweptThreshold,
            folded=True,
            release=TableRelease(
                coarse={"true_positive_rate": "explained", "false_positive_rate": "others"}
            ),
        ),
        "steps": TableType.of(ThresholdStep),
    }
    bounds = {}
    needs_two_classes = True
    reads = frozenset({"predictions", "dataset"})

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
            tables={
                "sweep": threshold_table(p.truths, p.scores, selected == p.explained),
                "steps": step_table(p),
            },
            notes=(classes, message("notes.threshold_sweep.test_rows")),
        )


def threshold_table(truths: Bools, scores: Floats, explained_is_favourable: bool) -> pd.DataFrame:
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


def step_table(predictions: Predictions) -> pd.DataFrame:
    """Counts at each of the `ThresholdSteps`; rates and their intervals at those that have them."""
    p, steps = predictions, ThresholdSteps.of(predictions)
    counts = tally(p.truths, p.scores, steps.thresholds)
    alarms, positives = counts.decided - counts.hits, counts.positives
    table = pd.DataFrame(
        {
            "threshold": steps.thresholds,
            "in_use": np.arange(len(steps.thresholds)) == steps.in_use,
            "hits": counts.hits,
            "false_alarms": alarms,
            "missed": positives - counts.hits,
            "rejected": counts.n - positives - alarms,
        }
    )
    kept = np.flatnonzero(steps.with_interval)
    rates = rates_at(p, steps.thresholds[kept])
    for name in STEP_RATES:
        for end, key in (("value", name), ("low", f"{name}_low"), ("high", f"{name}_high")):
            known = [getattr(stepped[name], end) for stepped in rates]
            table[key] = pd.Series(known, kept, np.float64)
    return table


def rates_at(predictions: Predictions, thresholds: Floats) -> list[dict[str, Estimate]]:
    """The rates of the decisions that each threshold would give, with their intervals."""
    p, everyone = predictions, np.ones(len(predictions), bool)
    tried = [
        cell
        for decided in (p.scores >= threshold for threshold in thresholds)
        for cell in (
            (decided, p.truths),
            (decided, ~p.truths),
            (p.truths, decided),
            (decided == p.truths, everyone),
        )
    ]
    rates, size = Resampling.of(p).rates(tried), len(STEP_RATES)
    return [
        dict(zip(STEP_RATES, rates[first : first + size], strict=True))
        for first in range(0, len(rates), size)
    ]
