"""How well the model does: accuracy, ranking, and the error of the probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.metrics.plugin import ClassMetric, Resamples
from deepseek_report.statistics.classification_errors import (
    average_precision_and_brier,
    balanced_accuracy,
    brier_errors,
    brier_estimate,
    require_both,
)
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import macro_auc_estimate, thin
from deepseek_report.statistics.resampling import Resampling, bootstrap, weighted_means
from deepseek_report.tasks.decisions import tally

_CURVE_ROWS = 200


def _many_classes(schema: Schema, metric: str) -> tuple[Text, ...]:
    if len(schema.target.classes) == 2:
        return ()
    return (message("notes.mean_over_classes", metric=metric),)


@dataclass(frozen=True)
class Accuracy(ClassMetric):
    """Share of decisions that agree with the label."""

    counts_entities = True
    reveals = "aggregate"
    bounds = {"accuracy": SHARE}
    category = "performance"
    reads = frozenset({"predictions"})

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        estimate = Resampling.of(p).rate(p.correct)
        return Measurement((self.score("accuracy", estimate, "higher", unit="share"),))


@dataclass(frozen=True)
class BalancedAccuracy(ClassMetric):
    """Mean over the classes of the share decided correctly, so that rare classes count alike."""

    counts_entities = True
    reveals = "aggregate"
    bounds = {"balanced_accuracy": SHARE}
    category = "performance"
    reads = frozenset({"predictions", "seed"})
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        require_both(p.labels)
        estimate = balanced_accuracy(
            p.labels, p.decisions, self.n_resamples, context.seed, Resampling.of(p)
        )
        score = self.score("balanced_accuracy", estimate, "higher", unit="share")
        return Measurement((score,))


@dataclass(frozen=True)
class BrierScore(ClassMetric):
    """Mean squared error of the probabilities; 0 is perfect."""

    counts_entities = True
    reveals = "aggregate"
    bounds = {"brier_score": (0.0, 2.0)}
    category = "performance"
    reads = frozenset({"predictions", "seed"})
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        errors = brier_errors(p.labels, p.probabilities, p.explained)
        draws = Resampling.of(p), self.n_resamples, context.seed
        replicates = bootstrap(weighted_means(errors), *draws)
        bounds = (0.0, 1.0 if p.probabilities.shape[1] == 2 else 2.0)
        estimate = brier_estimate(replicates, errors, context.seed, bounds)
        score = self.score(
            "brier_score",
            estimate,
            "lower",
            bounds=bounds,
            reference="doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
        )
        return Measurement((score,))


@dataclass(frozen=True)
class RocAuc(ClassMetric):
    """Chance that a case of the explained class is ranked above another, with DeLong's interval."""

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "curve": TableType(
            columns_of("false_positive_rate:share true_positive_rate:share threshold:number"),
            release=TableRelease(
                coarse={"true_positive_rate": "explained", "false_positive_rate": "others"},
                rounded=("threshold",),
            ),
        )
    }
    bounds = {"roc_auc": SHARE}
    category = "performance"
    reads = frozenset({"predictions", "dataset"})

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        require_both(p.labels)
        estimate = macro_auc_estimate(p.labels, p.probabilities, p.explained, Resampling.of(p))
        score = self.score("roc_auc", estimate, "higher", reference="doi:10.2307/2531595")
        return Measurement(
            (score,),
            {"curve": roc_points(p.truths, p.scores)},
            notes=_many_classes(context.dataset.schema, "roc_auc"),
        )


def roc_points(truths: Bools, scores: Floats) -> pd.DataFrame:
    """At most 200 points of the ROC curve of the explained class, from (0, 0) to (1, 1)."""
    thresholds = np.unique(scores)[::-1]
    thresholds = np.concatenate([[np.inf], thresholds[thin(len(thresholds), _CURVE_ROWS - 1)]])
    counts = tally(truths, scores, thresholds)
    return pd.DataFrame(
        {
            "false_positive_rate": counts.false_positive_rate,
            "true_positive_rate": counts.true_positive_rate,
            "threshold": np.minimum(thresholds, 1.0 + 1e-9),
        }
    )


@dataclass(frozen=True)
class AveragePrecision(ClassMetric):
    """Precision averaged over recall; guessing gives the share of the explained class."""

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "curve": TableType(
            columns_of("recall:share precision:share threshold:number"),
            release=TableRelease(coarse={"recall": "explained"}, rounded=("threshold",)),
        )
    }
    bounds = {"average_precision": SHARE}
    category = "performance"
    reads = frozenset({"predictions", "dataset", "seed"})
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        require_both(p.labels)
        estimate, _ = average_precision_and_brier(
            *(p.labels, p.probabilities, p.explained, self.n_resamples, context.seed),
            Resampling.of(p),
        )
        note = message("notes.average_precision.guessing", share=float(p.truths.mean()))
        score = self.score("average_precision", estimate, "higher", note=note)
        return Measurement(
            (score,),
            {"curve": precision_points(p.truths, p.scores)},
            notes=_many_classes(context.dataset.schema, "average_precision"),
        )


def precision_points(truths: Bools, scores: Floats) -> pd.DataFrame:
    """At most 200 points of recall and precision, from the highest threshold to the lowest."""
    thresholds = np.unique(scores)[::-1]
    thresholds = thresholds[thin(len(thresholds), _CURVE_ROWS)]
    counts = tally(truths, scores, thresholds)
    return pd.DataFrame(
        {
            "recall": counts.true_positive_rate,
            "precision": counts.precision,
            "threshold": thresholds,
        }
    )
