"""How well the model decides: accuracy, ranking, probabilities, single labels, training rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Direction
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import HIDDEN, Cell
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.performance.performance_rows import (
    ClassRecall,
    Confusion,
    TrainTestGap,
)
from deepseek_report.metrics.performance.predicting import choose_threshold, predict_alike
from deepseek_report.metrics.plugin import DecisionMetric, EntityMetric, LabelsMetric, Resamples
from deepseek_report.statistics import answer_errors
from deepseek_report.statistics.intervals import SHARE, difference_of_means
from deepseek_report.statistics.ranking import (
    auc_estimate,
    average_precision_statistic,
    macro_auc_estimate,
    thin,
)
from deepseek_report.statistics.resampling import (
    Resampling,
    bootstrap,
    bootstrapped,
    weighted_means,
)
from deepseek_report.tasks.loss import tally

_CURVE_ROWS = 200


@dataclass(frozen=True)
class RocPoint:
    """A point of the ROC curve: a row of `roc_auc.curve`."""

    false_positive_rate: Annotated[float, "share"]
    true_positive_rate: Annotated[float, "share"]
    threshold: float


@dataclass(frozen=True)
class RecallPoint:
    """A point of the curve of precision by recall: a row of `average_precision.curve`."""

    recall: Annotated[float, "share"]
    precision: Annotated[float, "share"]
    threshold: float


@dataclass(frozen=True)
class PrecisionBand:
    """The interval of precision at a recall: a row of `ranking_curves.precision_recall`."""

    recall: Annotated[float, "share"]
    precision: Annotated[Estimate, "share"]


@dataclass(frozen=True)
class GainDepth:
    """What is found among the cases with the highest scores: a row of `ranking_curves.gain`.

    depth : the share of the cases taken. gain : share of the explained class that is among them.
    lift : as a multiple of what is found by taking cases by chance.
    """

    depth: Annotated[float, "declared_share"]
    n: int
    gain: Annotated[Estimate, "share"]
    lift: Estimate


def _many_classes(schema: Schema, metric: str) -> tuple[Text, ...]:
    if len(schema.target.classes) == 2:
        return ()
    return (message("notes.mean_over_classes", metric=metric),)


@dataclass(frozen=True)
class Accuracy(DecisionMetric):
    """Share of decisions that agree with the label."""

    reveals = "aggregate"
    bounds = {"accuracy": SHARE}
    reads = frozenset({"predictions"})

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        estimate = Resampling.of(p).rate(p.correct)
        return Measurement((self.score("accuracy", estimate, "higher", unit="share"),))


@dataclass(frozen=True)
class BalancedAccuracy(DecisionMetric):
    """Mean over the classes of the share decided correctly, so that rare classes count alike."""

    reveals = "aggregate"
    bounds = {"balanced_accuracy": SHARE}
    reads = frozenset({"predictions", "seed"})
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        answer_errors.require_both(p.labels)
        estimate = answer_errors.balanced_accuracy(
            p.labels, p.decisions, self.n_resamples, context.seed, Resampling.of(p)
        )
        score = self.score("balanced_accuracy", estimate, "higher", unit="share")
        return Measurement((score,))


@dataclass(frozen=True)
class BrierScore(DecisionMetric):
    """Mean squared error of the probabilities; 0 is perfect."""

    reveals = "aggregate"
    bounds = {"brier_score": (0.0, 2.0)}
    reads = frozenset({"predictions", "seed"})
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        errors = answer_errors.brier_errors(p.labels, p.probabilities, p.explained)
        draws = Resampling.of(p), self.n_resamples, context.seed
        replicates = bootstrap(weighted_means(errors), *draws)
        bounds = (0.0, 1.0 if p.probabilities.shape[1] == 2 else 2.0)
        estimate = answer_errors.brier_estimate(replicates, errors, context.seed, bounds)
        score = self.score(
            "brier_score",
            estimate,
            "lower",
            bounds=bounds,
            reference="doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
        )
        return Measurement((score,))


@dataclass(frozen=True)
class RocAuc(DecisionMetric):
    """Chance that a case of the explained class is ranked above another, with DeLong's interval."""

    reveals = "aggregate"
    tables = {
        "curve": TableType.of(
            RocPoint,
            release=TableRelease(
                coarse={"true_positive_rate": "explained", "false_positive_rate": "others"},
                rounded=("threshold",),
            ),
        )
    }
    bounds = {"roc_auc": SHARE}
    reads = frozenset({"predictions", "dataset"})

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        answer_errors.require_both(p.labels)
        estimate = macro_auc_estimate(p.labels, p.probabilities, p.explained, Resampling.of(p))
        score = self.score("roc_auc", estimate, "higher", reference="doi:10.2307/2531595")
        return Measurement(
            (score,),
            {"curve": roc_points(p.truths, p.scores)},
            notes=_many_classes(context.dataset.schema, "roc_auc"),
        )


def roc_points(truths: Bools, scores: Floats) -> pd.DataFrame:
    """At most 200 points of the ROC curve of the explained class, from (0, 0) to (1, 1)."""
    thresholds = np.append(np.inf, _along_the_curve(truths, scores, _CURVE_ROWS - 1))
    counts = tally(truths, scores, thresholds)
    rates = counts.false_positive_rate, counts.true_positive_rate
    return RocAuc.frame("curve", zip(*rates, np.minimum(thresholds, 1.0 + 1e-9), strict=True))


def _along_the_curve(truths: Bools, scores: Floats, most: int) -> Floats:
    """At most so many of the different scores, the highest first.

    They are spread evenly over the cases and over those of the explained class: of a rare class
    all that is found may lie above a handful of scores.
    """
    different = np.unique(scores)[::-1]
    if len(different) <= most:
        return different
    counts = tally(truths, scores, different)
    way = counts.decided / counts.n + counts.hits / max(counts.positives, 1)
    return different[np.unique(np.searchsorted(way, np.linspace(way[0], way[-1], most)))]


@dataclass(frozen=True)
class AveragePrecision(DecisionMetric):
    """Precision averaged over recall; guessing gives the share of the explained class."""

    reveals = "aggregate"
    tables = {
        "curve": TableType.of(
            RecallPoint,
            release=TableRelease(coarse={"recall": "explained"}, rounded=("threshold",)),
        )
    }
    bounds = {"average_precision": SHARE}
    reads = frozenset({"predictions", "dataset", "seed"})
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        answer_errors.require_both(p.labels)
        estimate, _ = answer_errors.average_precision_and_brier(
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
    thresholds = _along_the_curve(truths, scores, _CURVE_ROWS)
    counts = tally(truths, scores, thresholds)
    rows = zip(counts.true_positive_rate, counts.precision, thresholds, strict=True)
    return AveragePrecision.frame("curve", rows)


@dataclass(frozen=True)
class ConfusionMatrix(DecisionMetric):
    """Labels against decisions, with the error rates of the explained class.

    The share of favourable decisions is left out where nobody declares the favourable class.
    """

    reveals = "aggregate"
    tables = {
        "matrix": TableType.of(
            Confusion, release=TableRelease(counts=("n",), lines=(("actual",), ("decided",)))
        ),
        "classes": TableType.of(
            ClassRecall, release=TableRelease(counts=("n", "decided"), lines=((),))
        ),
    }
    bounds = {
        "true_positive_rate": SHARE,
        "false_positive_rate": SHARE,
        "precision": SHARE,
        "selection_rate": SHARE,
    }
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
    rates = [
        [resampling.rate(labels == decisions, codes == k) for codes in (labels, decisions)]
        for k in range(len(classes))
    ]
    return ConfusionMatrix.frame(
        "classes",
        (
            (name, recall.n, recall, precision.n, precision)
            for name, (recall, precision) in zip(classes, rates, strict=True)
        ),
    )


#: Shares of the cases that are looked at, those with the highest scores first.
_DEPTHS = np.array([1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100]) / 100


@dataclass(frozen=True)
class RankingCurves(DecisionMetric):
    """Gain, lift and precision of the cases with the highest scores, with pointwise intervals.

    Gain is the share of all cases of the explained class among so many with the highest
    probability; lift is their share of that class over that of all cases, 1 by chance. Precision is
    that share where so much of the class is found. Cases of one score count as one group, of which
    a part is taken in proportion. Intervals are pointwise, from a bootstrap of instances.

    points : of precision, evenly over the share found. n_resamples : draws for bootstrap intervals.
    """

    reveals = "aggregate"
    tables = {
        "gain": TableType.of(
            GainDepth, "performance", folded=True, release=TableRelease(counts=("n",))
        ),
        "precision_recall": TableType.of(
            PrecisionBand, release=TableRelease(coarse={"recall": "explained"})
        ),
    }
    bounds = {}
    reads = frozenset({"predictions", "dataset", "seed"})

    points: Annotated[int, Field(ge=5, le=100)] = 40
    n_resamples: Resamples = 500

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        answer_errors.require_both(p.truths.astype(np.int64))
        ranking = Ranking.of(p.truths, p.scores)
        recalls = np.linspace(1 / self.points, 1, self.points)
        depths = len(_DEPTHS)

        def statistic(weights: Floats) -> Floats:
            hits, taken = ranking.totals(weights)
            curves = zip(taken, hits, strict=True)
            gain = np.stack([np.interp(_DEPTHS, across, up) for across, up in curves])
            needed = _first_reaching(hits, taken, recalls)
            base = ranking.base_rates(weights)
            precision = recalls * base / np.maximum(needed, 1e-300)
            return np.concatenate([gain, gain / _DEPTHS, precision], axis=1)

        replicates = bootstrap(statistic, Resampling.of(p), self.n_resamples, context.seed)
        low, high = replicates.interval(least=0.0)
        ends = np.stack([replicates.value, low, high])
        gain, lift, precision = np.split(ends, [depths, 2 * depths], axis=1)
        return Measurement(
            tables={
                "gain": pd.DataFrame(
                    {
                        "depth": _DEPTHS,
                        "n": np.round(_DEPTHS * len(p)).astype(np.int64),
                        **_named("gain", np.minimum(gain, 1.0)),
                        **_named("lift", lift),
                    }
                ),
                "precision_recall": pd.DataFrame(
                    {"recall": recalls, **_named("precision", np.minimum(precision, 1.0))}
                ),
            },
            notes=(
                message(
                    "notes.ranking_curves.about",
                    explained=context.dataset.schema.target.explained_class,
                ),
            ),
        )


@dataclass(frozen=True)
class Ranking:
    """Instances from the highest score to the lowest; those of one score are one group.

    order : (instance,) positions. positive : (instance,) whether of the class, in that order.
    ends : (group,) the place of the last instance of each group.
    """

    order: Ints
    positive: Floats
    ends: Ints

    @classmethod
    def of(cls, truths: Bools, scores: Floats) -> Ranking:
        order = np.argsort(-scores, kind="stable")
        last = np.append(np.diff(scores[order]) != 0, [True])
        return cls(order, truths[order].astype(np.float64), np.flatnonzero(last))

    def totals(self, weights: Floats) -> tuple[Floats, Floats]:
        """Shares of the class, and of all, up to each group, from 0 to 1: (resample, 1 + group)."""
        drawn = weights[:, self.order]
        return self._shares(drawn * self.positive), self._shares(drawn)

    def _shares(self, weights: Floats) -> Floats:
        sums = np.cumsum(weights, axis=1)[:, self.ends]
        shares = sums / np.maximum(sums[:, -1:], 1e-300)
        return np.pad(shares, ((0, 0), (1, 0)))

    def base_rates(self, weights: Floats) -> Floats:
        """(resample, 1) share of the class among all."""
        drawn = weights[:, self.order]
        return np.asarray((drawn @ self.positive / drawn.sum(axis=1))[:, None])


def _first_reaching(up: Floats, across: Floats, at: Floats) -> Floats:
    """(resample, place) how far across each rising curve first is so far up."""
    needed = np.empty((len(up), len(at)))
    for row, (heights, places) in enumerate(zip(up, across, strict=True)):
        after = np.clip(np.searchsorted(heights, at - 1e-12, side="left"), 1, len(heights) - 1)
        below, above = heights[after - 1], heights[after]
        part = (at - below) / np.maximum(above - below, 1e-300)
        needed[row] = places[after - 1] + np.clip(part, 0, 1) * (places[after] - places[after - 1])
    return needed


def _named(name: str, ends: Floats) -> dict[str, Floats]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


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

    label: Annotated[str, Cell(mark="reported")]
    reported: Annotated[bool, HIDDEN]
    n: Annotated[int, HIDDEN]
    prevalence: Annotated[float, "share"]
    roc_auc: Estimate
    average_precision: Estimate
    f1: Estimate
    threshold: float


@dataclass(frozen=True)
class LabelsTable(EntityMetric, LabelsMetric):
    """Each label's ROC AUC, average precision and F1, and how well whole sets are predicted.

    A label is decided where its probability reaches the threshold with the highest F1 on the
    validation part; each label has its own.
    """

    reveals = "aggregate"
    tables = {
        "labels": TableType.of(
            PredictedLabel,
            "performance",
            release=TableRelease(counts=("n",), shares=(("prevalence", "n"),)),
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
        estimates = [bootstrapped(replicates.of(k), n, seed) for k in range(len(replicates.value))]
        k = truths.shape[1]
        scores = tuple(
            self.score(
                name, measured, direction, unit="share" if name in _SHARES else "", bounds=SHARE
            )
            for (name, direction), measured in zip(OF_SET.items(), estimates[k:], strict=True)
        )
        target = context.dataset.schema.target
        rows = [
            (
                *(name, j == target.label_index, n, float(truths[:, j].mean())),
                *self._ranked(truths[:, j], shares[:, j], drawn, seed),
                *(estimates[j], float(thresholds[j])),
            )
            for j, name in enumerate(target.labels)
        ]
        return Measurement(
            scores, self.frames(labels=rows), notes=(message("notes.labels_table.thresholds"),)
        )

    def _ranked(
        self, truths: Bools, shares: Floats, drawn: Resampling, seed: int
    ) -> tuple[Estimate, Estimate]:
        """The area of a label and its average precision; undefined where all or none have it."""
        if truths.all() or not truths.any():
            return UNDEFINED, UNDEFINED
        statistic = average_precision_statistic(truths, shares)
        ranked = bootstrap(statistic, drawn, self.n_resamples, seed)
        return auc_estimate(truths, shares, drawn), bootstrapped(ranked, len(truths), seed)


def _labels_of(p: Predictions) -> tuple[Bools, Floats]:
    """(instance, label) which labels are given, and the probability of each."""
    if p.all_labels is None or p.all_probabilities is None:
        raise NotApplicableError(message("refusals.one_label"))
    return p.all_labels > 0, p.all_probabilities


def own_thresholds(truths: Bools, shares: Floats) -> Floats:
    """(label,) the threshold of each label with the highest F1; 0.5 where it is never given."""
    return np.array(
        [
            choose_threshold("f1", scores, truth) if truth.any() else 0.5
            for scores, truth in zip(shares.T, truths.T, strict=True)
        ]
    )


@dataclass(frozen=True)
class TrainAndTest(DecisionMetric):
    """The main numbers of the model on training rows beside those on test rows.

    Both are decided by the threshold in use. Rows of the two parts are independent, so that the
    intervals of both are joined for their difference, train less test.

    rows : training rows that the model is asked about, at even distances.

    Reference: Zou & Donner 2008, doi:10.1002/sim.3095 (interval of a difference).
    """

    reveals = "aggregate"
    tables = {"measures": TableType.of(TrainTestGap, release=WHOLE)}
    bounds = {"train_test_gap": (-1.0, 1.0)}
    reads = frozenset({"predictions", "dataset", "classifier"})
    rows: Annotated[int, Field(ge=100)] = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        """Refuses a model of which nothing but answers for its own rows is known."""
        test, train = context.predictions, context.dataset.train
        if context.classifier.logits_of(test.instance_ids) is not None:
            raise NotApplicableError(message("refusals.answers_alone"))
        seen = train.take(thin(len(train), self.rows))
        known = predict_alike(context.classifier, seen, test)
        answer_errors.require_both(test.labels)
        answer_errors.require_both(known.labels)
        joined = message("interval_methods.joined")
        constants = {"accuracy": float(np.bincount(test.labels).max() / len(test))}
        gaps, rows = [], []
        for (name, own), (_, other) in zip(_estimates(test), _estimates(known), strict=True):
            gaps.append(Estimate(*difference_of_means(other, own), len(test), joined))
            rows.append((name, other, own, gaps[-1], constants.get(name), other.n, own.n))
        score = self.score("train_test_gap", gaps[0], "lower")
        note = message("notes.train_and_test.rows", rows=len(seen), of=len(train))
        tables = self.frames(measures=rows)
        return Measurement((score,), tables, notes=(note,))


def _estimates(predictions: Predictions) -> Iterator[tuple[str, Estimate]]:
    """The area first, then rates of the decisions; of two classes those about the explained one."""
    p, drawn = predictions, Resampling.of(predictions)
    yield "roc_auc", macro_auc_estimate(p.labels, p.probabilities, p.explained, drawn)
    yield "accuracy", drawn.rate(p.correct)
    if p.probabilities.shape[1] == 2:
        decided = p.decisions == p.explained
        yield "true_positive_rate", drawn.rate(decided, p.truths)
        yield "precision", drawn.rate(p.truths, decided)
