"""One of several classes is decided: errors are wrong decisions, and rates are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Target, TaskName
from deepseek_report.artifacts.table import Column, columns_of, estimate, estimates_of
from deepseek_report.statistics import answer_errors
from deepseek_report.statistics.intervals import SHARE, enough_events
from deepseek_report.statistics.logistic import log_odds
from deepseek_report.statistics.ranking import (
    auc_estimate,
    macro_auc,
    macro_auc_estimate,
    most_telling,
    paired_difference,
)
from deepseek_report.statistics.resampling import Resampling, stratified_order
from deepseek_report.tasks.comparisons import AccuracyGap, MeanLoss, RankingMeasure, RightDecisions
from deepseek_report.tasks.loss import (
    ErrorRate,
    calibration_subject,
    decide,
    effective_threshold,
    threshold_for_share,
)
from deepseek_report.tasks.task import Disturbed, Drawn, Matched, Measure, Row, Side, Task

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


#: Bins of the calibration error of some of the cases, fewer than of all.
ECE_BINS = 10


def _brier(predictions: Predictions) -> Floats:
    return answer_errors.brier_errors(
        predictions.labels, predictions.probabilities, predictions.explained
    )


#: Trees for each class where there are two; with more classes fewer, see `iterations`.
TREES = 60


class Classification(Task):
    """One of several classes; with two of them a threshold decides, else the most probable one."""

    name: ClassVar[TaskName] = "classification"
    decides = True
    extreme = message("task_words.classification.extreme")
    within = message("task_words.classification.within")
    outcome = message("task_words.classification.outcome")
    watched = message("task_words.classification.watched")
    watched_bounds = SHARE
    fit_unit = message("task_words.classification.fit_unit")
    tells = message("task_words.classification.tells")
    loss = ErrorRate()
    part_gaps = (AccuracyGap(),)
    group_gaps = ()
    slice_table = (
        estimate("error_rate", "share"),
        *columns_of("expected_error_rate:share rest_error_rate:share"),
        Column("errors", "count", shown=False),
        *columns_of("missed_rate:share rest_missed_rate:share"),
    )
    parts_drawn = (Drawn("accuracy", "accuracy", is_share=True),)
    part_table = (
        *estimates_of("accuracy:share"),
        estimate("base_rate", "share", prefix="base"),
        *estimates_of("roc_auc"),
        *columns_of("mean_score:share ece:share"),
    )
    group_table = (
        Column("n_favourable", "count"),
        estimate("selection_rate", "share", prefix="selection"),
        estimate("base_rate", "share", prefix="base"),
        *estimates_of("tpr:share fpr:share precision:share"),
        *part_table[:1],
        *part_table[2:],
    )
    group_columns = ("selection_rate", "base_rate", "tpr", "fpr")
    group_quality = ("accuracy", "roc_auc", "mean_score", "ece")
    groups_drawn = (
        Drawn("selection_rate", "selection", is_share=True),
        Drawn("fnr", "fnr", is_share=True),
        Drawn("fpr", "fpr", is_share=True),
    )
    references: ClassVar[Mapping[str, str]] = {
        "majority": "majority",
        "logistic_regression": "logistic_regression",
        "gradient_boosting": "gradient_boosting",
    }
    not_told = frozenset({"majority"})
    compared = (
        Measure("accuracy", "higher", SHARE, is_share=True),
        Measure("balanced_accuracy", "higher", SHARE, is_share=True),
        Measure("roc_auc", "higher", SHARE),
        Measure("average_precision", "higher", SHARE),
        Measure("brier_score", "lower"),
    )
    by_rows = (
        RankingMeasure("roc_auc", "higher"),
        RightDecisions("accuracy", "higher", is_share=True),
        MeanLoss("brier_score", "lower", losses=_brier),
    )
    skill = Measure("roc_auc", "higher", SHARE)
    skill_of_constant = 0.5
    useful_skill = 0.6
    cases_for_skill = 100
    gain = Measure("roc_auc_gain", "higher", (-1.0, 1.0))
    gain_reference = "doi:10.2307/2531595"
    held = Measure("roc_auc", "higher", SHARE)
    moved = Measure("flipped", "lower", SHARE, is_share=True)

    # --- labels and outputs -----------------------------------------------------------------------

    def display(self, target: Target, label: float) -> str:
        return target.classes[int(label)]

    def strata(self, labels: Array, bands: int, side: Side = "right") -> Ints:
        return np.asarray(labels)

    def spread(self, labels: Array) -> float:
        return 1.0

    def stated(self, predictions: Predictions) -> Floats:
        two = predictions.probabilities.shape[1] == 2
        return predictions.scores if two else predictions.probabilities.max(axis=1)

    def happened(self, predictions: Predictions) -> Floats:
        return calibration_subject(predictions)[0].astype(np.float64)

    def answers(self, predictions: Predictions) -> Floats:
        return predictions.probabilities

    def right_answers(self, predictions: Predictions) -> Floats:
        classes = np.arange(predictions.probabilities.shape[1])
        return np.asarray(predictions.labels[:, None] == classes, np.float64)

    def fit_losses(self, outputs: Floats, labels: Array) -> Floats:
        """Cross-entropy in nats."""
        return answer_errors.cross_entropy(outputs, labels)

    # --- parts and groups -------------------------------------------------------------------------

    def slice_facts(self, predictions: Predictions, inside: Bools, among: Bools) -> Row:
        """How many are decided wrongly, and how many of the explained class are missed."""
        p = predictions
        missed, positive = p.truths & (p.decisions != p.explained), p.truths & among
        return {
            "errors": int(np.count_nonzero(~p.correct & inside & among)),
            "missed_rate": _share(missed, positive & inside),
            "rest_missed_rate": _share(missed, positive & ~inside),
        }

    def part_facts(self, predictions: Predictions, inside: Bools) -> Row:
        """How often the explained class occurs, and how well it is told."""
        drawn = Resampling.of(predictions)
        return {
            **_rate("base_rate", "base", drawn.rate(predictions.truths, inside)),
            **_rate("accuracy", "accuracy", drawn.rate(predictions.correct, inside)),
            **ranking(predictions, inside),
        }

    def group_facts(self, predictions: Predictions, target: Target, inside: Bools) -> Row:
        """Rates of the favourable decision, with what the people were labelled."""
        good = target.declared_favourable
        favoured, deserving = predictions.decisions == good, predictions.labels == good
        everyone, drawn = np.ones(len(favoured), bool), Resampling.of(predictions)
        row: Row = {"n_favourable": int((favoured & inside).sum())}
        for name, ends, hits, among in (
            ("selection_rate", "selection", favoured, everyone),
            ("base_rate", "base", deserving, everyone),
            ("tpr", "tpr", favoured, deserving),
            ("fpr", "fpr", favoured, ~deserving),
            ("precision", "precision", deserving, favoured),
            ("accuracy", "accuracy", predictions.correct, everyone),
        ):
            row |= _rate(name, ends, drawn.rate(hits, among & inside))
        return row | ranking(predictions, inside)

    def is_too_few(
        self, predictions: Predictions, target: Target, inside: Bools, floor: tuple[int, int]
    ) -> bool:
        favoured = predictions.decisions == target.declared_favourable
        n = int(inside.sum())
        return bool(n < floor[0] or not enough_events(n, favoured.mean(), floor[1]))

    # --- simple predictors ------------------------------------------------------------------------

    def telling(self, columns: Floats, labels: Array, most: int) -> Ints:
        return most_telling(columns, labels, most)

    def constant(self, labels: Array, n_outputs: int) -> Floats:
        """(class,) the shares of the labels."""
        return np.asarray(np.bincount(labels, minlength=n_outputs) / len(labels))

    def linear_model(self, *, wide: bool, seed: int) -> BaseEstimator:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=0.1 if wide else 1.0, max_iter=300, tol=1e-3, random_state=seed)

    def boosted_model(self, labels: Array, categorical: Sequence[bool], seed: int) -> BaseEstimator:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=iterations(len(np.unique(labels))),
            learning_rate=0.1,
            max_leaf_nodes=15,
            min_samples_leaf=20,
            l2_regularization=1.0,
            categorical_features=list(categorical) if any(categorical) else None,
            early_stopping=False,
            random_state=seed,
        )

    def outputs(self, model: BaseEstimator, columns: Array, n_outputs: int) -> Floats:
        """(instance, class) probabilities; a class that training did not see gets 0."""
        full = np.zeros((columns.shape[0], n_outputs))
        full[:, model.classes_] = model.predict_proba(columns)
        return full

    def as_predictions(self, outputs: Floats, model: Predictions, matched: Matched) -> Predictions:
        """With two classes it decides for the explained one as often as the model does."""
        threshold = None
        if outputs.shape[1] == 2 and matched is not None:
            known, validation = matched()
            share = float(np.mean(validation.decisions == validation.explained))
            threshold = threshold_for_share(known[:, model.explained], share)
        return Predictions(
            logits=np.log(np.clip(outputs, 1e-12, 1.0)),
            probabilities=outputs,
            labels=model.labels,
            instance_ids=model.instance_ids,
            decisions=decide(outputs, threshold, model.explained),
            threshold=threshold,
            rule="as_often_as_the_model",
            explained=model.explained,
            entities=model.entities,
        )

    def require_variety(self, labels: Array) -> None:
        answer_errors.require_both(labels)

    def summary(self, predictions: Predictions, n_resamples: int, seed: int) -> dict[str, Estimate]:
        p, drawn = predictions, Resampling.of(predictions)
        ranked, brier = answer_errors.average_precision_and_brier(
            p.labels, p.probabilities, p.explained, n_resamples, seed, drawn
        )
        return {
            "accuracy": drawn.rate(p.correct),
            "balanced_accuracy": answer_errors.balanced_accuracy(
                p.labels, p.decisions, n_resamples, seed, drawn
            ),
            "roc_auc": macro_auc_estimate(p.labels, p.probabilities, p.explained, drawn),
            "average_precision": ranked,
            "brier_score": brier,
        }

    def gain_over(self, model: Predictions, other: Predictions) -> tuple[Estimate, float]:
        first, second = (macro_auc(p.labels, p.probabilities, p.explained) for p in (model, other))
        return paired_difference(first, second, model.labels, Resampling.of(model))

    def gain_note(self, reference: Text, n: int) -> Text:
        return message("notes.baselines.gain_in_auc", reference=reference, n=n)

    def reference_notes(self, n_rows: int, of: int, n_classes: int) -> tuple[Text, ...]:
        trained = message("notes.baselines.trained", n=n_rows, of=of)
        if n_classes != 2:
            return trained, message("notes.baselines.most_probable")
        return trained, message("notes.baselines.matched_threshold")

    # --- perturbed inputs -------------------------------------------------------------------------

    def order(self, labels: Array, rng: np.random.Generator) -> Ints:
        return stratified_order(labels, rng)

    def effect(self, predictions: Predictions, rows: Ints, outputs: Floats) -> Disturbed:
        """ROC AUC on the perturbed inputs, and the share of decisions that changed."""
        p = predictions
        decisions = decide(outputs, p.threshold, p.explained)
        drawn = Resampling.of(p).take(rows)
        before, after = (
            macro_auc(p.labels[rows], probabilities, p.explained)
            for probabilities in (p.probabilities[rows], outputs)
        )
        return Disturbed(
            held=macro_auc_estimate(p.labels[rows], outputs, p.explained, drawn),
            moved=drawn.rate(decisions != p.decisions[rows]),
            before=before[0],
            lost=paired_difference(before, after, p.labels[rows], drawn)[0],
        )

    def moved_if_smooth(self, predictions: Predictions, rows: Ints, level: float) -> float:
        """The share of cases whose log-odds are nearer to the threshold than noise moves them."""
        margins, spread = _margins(predictions, rows)
        moves = level * spread
        if moves <= 0:
            return 0.0
        return float(np.mean([math.erfc(m / moves / math.sqrt(2)) / 2 for m in margins.tolist()]))


def _margins(predictions: Predictions, rows: Ints) -> tuple[Floats, float]:
    """(row,) distance of the log-odds from where the decision turns, and their spread over cases.

    With two classes it is that from the threshold, else that of the two most probable classes.
    """
    p = predictions.probabilities[rows]
    if p.shape[1] == 2:
        stated = log_odds(predictions.scores[rows])
        turn = log_odds(np.array([effective_threshold(predictions)]))[0]
        return np.abs(stated - turn), float(stated.std())
    logs = np.log(np.clip(p, 1e-9, 1.0))
    ordered = np.sort(logs, axis=1)
    centred = logs - logs.mean(axis=1, keepdims=True)
    return ordered[:, -1] - ordered[:, -2], float(math.sqrt(2 * centred.var(axis=0).mean()))


def iterations(n_classes: int) -> int:
    """Rounds of boosting; fewer with many classes, as each round fits one tree for each of them."""
    return min(TREES, max(5 * TREES // n_classes, 15))


def ranking(predictions: Predictions, inside: Bools) -> Row:
    """ROC AUC, mean probability and calibration error of the explained class among some."""
    drawn = Resampling.of(predictions).take(inside)
    area = auc_estimate(predictions.truths[inside], predictions.scores[inside], drawn)
    happened, stated = calibration_subject(predictions)
    happened, stated = happened[inside], stated[inside]
    bins, _ = answer_errors.equal_mass_bins(stated, ECE_BINS)
    off = answer_errors.calibration_error(happened, stated, bins)[0]
    return {
        "roc_auc": area.value,
        "roc_auc_low": area.low,
        "roc_auc_high": area.high,
        "mean_score": float(predictions.scores[inside].mean()),
        "ece": float(off) if predictions.states_probabilities else math.nan,
    }


def _rate(name: str, ends: str, estimate: Estimate) -> Row:
    return {name: estimate.value, f"{ends}_low": estimate.low, f"{ends}_high": estimate.high}


def _share(hits: Bools, among: Bools) -> float:
    return float(hits[among].mean()) if among.any() else math.nan


class MultiLabel(Classification):
    """Several labels at once; the one that is reported is decided as two classes are."""

    name = "multi_label"
    several = True

    def n_outputs(self, target: Target) -> int:
        return len(target.labels)
