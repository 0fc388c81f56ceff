"""All labels of a multi-label target side by side, and the measures of the whole set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Direction
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.artifacts.table_rows import From
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.performance.predicting import choose_threshold
from deepseek_report.metrics.plugin import LabelsMetric, Resamples
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import auc_estimate, average_precision_statistic
from deepseek_report.statistics.resampling import Replicates, Resampling, bootstrap, bootstrapped

#: Measures of the set, and which way is better.
OF_SET: dict[str, Direction] = {
    "micro_f1": "higher",
    "macro_f1": "higher",
    "hamming_loss": "lower",
    "subset_accuracy": "higher",
}
#: Of these the shares; F1 is none.
_SHARES = frozenset({"hamming_loss", "subset_accuracy"})


def set_measures(weights: Floats, truths: Bools, decided: Bools) -> Floats:
    """(resample, label + 4) F1 of each label, then the measures of `OF_SET` in their order.

    F1 = 2 tp / (2 tp + fp + fn), 0 where a label is neither given nor decided. Micro: counts are
    summed over labels first; macro: the plain mean over labels. Hamming loss: share of all
    decisions on single labels that are wrong. Subset accuracy: share of instances with no wrong
    label.

    weights : (resample, instance).
    truths, decided : (instance, label) whether each label is given, and whether it is decided.
    """
    hits = weights @ (truths & decided).astype(np.float64)
    missed = weights @ (truths ^ decided).astype(np.float64)
    total = weights.sum(axis=1)
    each = _f1(hits, missed)
    micro = _f1(hits.sum(axis=1), missed.sum(axis=1))
    hamming = missed.sum(axis=1) / (total * truths.shape[1])
    subset = weights @ (truths == decided).all(axis=1).astype(np.float64) / total
    return np.column_stack([each, micro, each.mean(axis=1), hamming, subset])


def _f1(hits: Floats, missed: Floats) -> Floats:
    return np.asarray(2 * hits / np.maximum(2 * hits + missed, 1e-12))


@dataclass(frozen=True)
class PredictedLabel:
    """How well one of several labels is predicted: a row of `labels_table.labels`.

    reported : whether the report is about it. prevalence : share of the cases that have it.
    """

    label: str
    reported: bool
    prevalence: float
    roc_auc: Annotated[Estimate, From(prefix="roc_auc")]
    f1: Annotated[Estimate, From(prefix="f1")]


@dataclass(frozen=True)
class LabelsTable(LabelsMetric):
    """Each label's ROC AUC, average precision and F1, and how well whole sets are predicted.

    A label is decided where its probability reaches the threshold with the highest F1 on the
    validation part; each label has its own.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "labels": TableType(
            (
                Column("label", mark="reported"),
                *columns_of("reported:yes_no n:count", shown=False),
                Column("prevalence", "share"),
                estimate("roc_auc", prefix="roc_auc"),
                estimate("average_precision", prefix="average_precision"),
                estimate("f1", prefix="f1"),
                Column("threshold", "number"),
            ),
            section="performance",
            release=TableRelease(counts=("n",), shares=(("prevalence", "n"),)),
            row=PredictedLabel,
        )
    }
    category = "performance"
    reads = frozenset({"predictions", "validation_predictions", "dataset", "seed"})
    bounds = {"micro_f1": SHARE, "macro_f1": SHARE, "hamming_loss": SHARE, "subset_accuracy": SHARE}
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        truths, shares = _labels_of(context.predictions)
        thresholds = own_thresholds(*_labels_of(context.validation_predictions))
        decided = shares >= thresholds
        n, seed, drawn = len(truths), context.seed, Resampling.of(context.predictions)
        replicates = bootstrap(
            lambda weights: set_measures(weights, truths, decided), drawn, self.n_resamples, seed
        )
        estimates = [_part(replicates, k, n, seed) for k in range(replicates.value.shape[0])]
        k = truths.shape[1]
        scores = tuple(
            self.score(
                name, measured, direction, unit="share" if name in _SHARES else "", bounds=SHARE
            )
            for (name, direction), measured in zip(OF_SET.items(), estimates[k:], strict=True)
        )
        target = context.dataset.schema.target
        rows = [
            self._row(name, (truths[:, j], shares[:, j]), drawn, seed)
            | {"reported": j == target.label_index}
            | {"threshold": float(thresholds[j])}
            | estimates[j].cells("f1", "f1")
            for j, name in enumerate(target.labels)
        ]
        return Measurement(
            scores,
            {"labels": pd.DataFrame(rows)},
            notes=(message("notes.labels_table.thresholds"),),
        )

    def _row(
        self, name: str, label: tuple[Bools, Floats], drawn: Resampling, seed: int
    ) -> dict[str, object]:
        truths, shares = label
        row = {"label": name, "reported": False, "n": len(truths), "prevalence": truths.mean()}
        if truths.all() or not truths.any():
            nothing = Estimate(np.nan)
            return row | _ranked(nothing, nothing)
        statistic = average_precision_statistic(truths, shares)
        ranked = bootstrap(statistic, drawn, self.n_resamples, seed)
        precision = bootstrapped(ranked, len(truths), seed)
        return row | _ranked(auc_estimate(truths, shares, drawn), precision)


def _labels_of(p: Predictions) -> tuple[Bools, Floats]:
    """(instance, label) which labels are given, and the probability of each."""
    if p.all_labels is None or p.all_probabilities is None:
        raise NotApplicableError(message("refusals.one_label"))
    return p.all_labels > 0, p.all_probabilities


def own_thresholds(truths: Bools, shares: Floats) -> Floats:
    """(label,) the threshold of each label with the highest F1; 0.5 where it is never given."""
    columns: Sequence[tuple[Floats, Bools]] = list(zip(shares.T, truths.T, strict=True))
    return np.array(
        [choose_threshold("f1", scores, truth) if truth.any() else 0.5 for scores, truth in columns]
    )


def _part(replicates: Replicates, k: int, n: int, seed: int) -> Estimate:
    return bootstrapped(
        Replicates(
            replicates.value[k],
            replicates.resamples[:, k],
            replicates.jackknife[:, k],
            replicates.blocks,
        ),
        n,
        seed,
    )


def _ranked(auc: Estimate, precision: Estimate) -> dict[str, float]:
    return auc.cells("roc_auc", "roc_auc") | precision.cells(
        "average_precision", "average_precision"
    )
