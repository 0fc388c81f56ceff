"""A number is predicted: errors are distances in its unit, and means are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import Target, TaskName
from deepseek_report.artifacts.table import Column, columns_of, estimate, estimates_of
from deepseek_report.statistics.answer_errors import error_estimates, paired_gain
from deepseek_report.statistics.ranking import most_correlated
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import comparisons
from deepseek_report.tasks.loss import AbsoluteError
from deepseek_report.tasks.task import Disturbed, Drawn, Matched, Measure, Row, Side, Task

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


class Regression(Task):
    """A number in the target's unit; nothing is decided."""

    name: ClassVar[TaskName] = "regression"
    decides = False
    extreme = message("task_words.regression.extreme")
    within = message("task_words.regression.within")
    outcome = message("task_words.regression.outcome")
    watched = message("task_words.regression.watched")
    watched_bounds = (None, None)
    fit_unit = message("task_words.regression.fit_unit")
    tells = message("task_words.regression.tells")
    loss = AbsoluteError()
    part_gaps = (comparisons.AbsoluteErrorGap(), comparisons.MeanErrorGap())
    group_gaps = part_gaps
    slice_table = (estimate("mae"), Column("rest_mae", "number"), Column("mean_error", "number"))
    parts_drawn = (Drawn("mae", "mae"), Drawn("mean_error", "mean_error", signed=True))
    groups_drawn = parts_drawn
    part_table = (
        *estimates_of("mae mean_error"),
        *columns_of("mean_label:number mean_prediction:number"),
    )
    group_table = part_table
    group_columns = ("mae", "mean_error", "mean_label", "mean_prediction")
    references: ClassVar[Mapping[str, str]] = {
        "majority": "mean",
        "logistic_regression": "ridge",
        "gradient_boosting": "gradient_boosting",
    }
    not_told = frozenset()
    compared = (
        Measure("mae", "lower", (0.0, None), in_unit=True),
        Measure("rmse", "lower", (0.0, None), in_unit=True),
        Measure("r2", "higher", (None, 1.0)),
    )
    by_rows = (
        comparisons.MeanLoss("mae", "lower", in_unit=True, losses=lambda p: np.abs(p.errors)),
        comparisons.RootMeanSquare("rmse", "lower", in_unit=True),
    )
    skill = Measure("r2", "higher", (None, 1.0))
    skill_of_constant = 0.0
    useful_skill = 0.05
    cases_for_skill = 1000
    gain = Measure("mae_gain", "higher", in_unit=True)
    held = Measure("mae", "lower", (0.0, None), in_unit=True)
    moved = Measure("change", "lower", (0.0, None), in_unit=True)

    # --- labels and outputs -----------------------------------------------------------------------

    def display(self, target: Target, label: float) -> str:
        return quantity(float(label), target.unit)

    def strata(self, labels: Array, bands: int, side: Side = "right") -> Ints:
        edges = np.quantile(labels, np.arange(1, bands) / bands)
        kept = np.unique(edges) if side == "right" else edges
        return np.searchsorted(kept, labels, side=side)

    def spread(self, labels: Array) -> float:
        return float(np.std(labels)) or 1.0

    def stated(self, predictions: Predictions) -> Floats:
        return predictions.values

    def happened(self, predictions: Predictions) -> Floats:
        return np.asarray(predictions.labels, np.float64)

    def answers(self, predictions: Predictions) -> Floats:
        return predictions.logits

    def right_answers(self, predictions: Predictions) -> Floats:
        return np.asarray(predictions.labels[:, None], np.float64)

    def fit_losses(self, outputs: Floats, labels: Array) -> Floats:
        """Squared error over the variance of the labels, so that 1 is what their mean gives."""
        return np.asarray((outputs[:, 0] - labels) ** 2 / (np.var(labels) or 1.0))

    # --- parts and groups -------------------------------------------------------------------------

    def slice_facts(self, predictions: Predictions, inside: Bools, among: Bools) -> Row:
        """Whether predictions are too high or too low there."""
        return {"mean_error": float(predictions.errors[inside & among].mean())}

    def part_facts(self, predictions: Predictions, inside: Bools) -> Row:
        """How far predictions are off there, and to which side."""
        errors, drawn = predictions.errors, Resampling.of(predictions)
        return {
            "mean_label": float(predictions.labels[inside].mean()),
            "mean_prediction": float(predictions.values[inside].mean()),
            **_mean("mean_error", errors, inside, drawn),
            **_mean("mae", np.abs(errors), inside, drawn),
        }

    def group_facts(self, predictions: Predictions, target: Target, inside: Bools) -> Row:
        return self.part_facts(predictions, inside)

    def is_too_few(
        self, predictions: Predictions, target: Target, inside: Bools, floor: tuple[int, int]
    ) -> bool:
        return bool(inside.sum() < floor[0])

    # --- simple predictors ------------------------------------------------------------------------

    def telling(self, columns: Floats, labels: Array, most: int) -> Ints:
        return most_correlated(columns, labels, most)

    def constant(self, labels: Array, n_outputs: int) -> Floats:
        """(1,) the mean of the labels."""
        return np.array([float(labels.mean())])

    def linear_model(self, *, wide: bool, seed: int) -> object:
        """Its penalty is chosen on the training rows by leave-one-out, `wide` or not."""
        from sklearn.linear_model import RidgeCV

        return RidgeCV(alphas=np.logspace(-2, 4, 13))

    def boosted_model(self, labels: Array, categorical: Sequence[bool], seed: int) -> BaseEstimator:
        """Codes of categories are taken as numbers."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(
            max_iter=60,
            learning_rate=0.1,
            max_leaf_nodes=15,
            min_samples_leaf=20,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        )

    def outputs(self, model: BaseEstimator, columns: Array, n_outputs: int) -> Floats:
        return np.asarray(model.predict(columns), dtype=np.float64)[:, None]

    def as_predictions(self, outputs: Floats, model: Predictions, matched: Matched) -> Predictions:
        n = len(outputs)
        return Predictions(
            logits=outputs,
            probabilities=np.zeros((n, 0)),
            labels=model.labels,
            instance_ids=model.instance_ids,
            decisions=np.zeros(n, np.int64),
            threshold=None,
            rule=model.rule,
            explained=model.explained,
            entities=model.entities,
        )

    def require_variety(self, labels: Array) -> None:
        """Any numbers will do."""

    def summary(self, predictions: Predictions, n_resamples: int, seed: int) -> dict[str, Estimate]:
        p = predictions
        return error_estimates(p.labels, p.values, n_resamples, seed, Resampling.of(p))

    def gain_over(self, model: Predictions, other: Predictions) -> tuple[Estimate, float]:
        return paired_gain(model.errors, other.errors, Resampling.of(model))

    def gain_note(self, reference: Text, n: int) -> Text:
        return message("notes.baselines.gain_in_error", reference=reference, n=n)

    def reference_notes(self, n_rows: int, of: int, n_classes: int) -> tuple[Text, ...]:
        return (message("notes.baselines.trained_but_ridge", n=n_rows, of=of),)

    # --- perturbed inputs -------------------------------------------------------------------------

    def order(self, labels: Array, rng: np.random.Generator) -> Ints:
        return rng.permutation(len(labels))

    def effect(self, predictions: Predictions, rows: Ints, outputs: Floats) -> Disturbed:
        """Mean absolute error on the perturbed inputs, and mean change of the prediction."""
        values, p = outputs[:, 0], predictions
        before, after = np.abs(p.errors[rows]), np.abs(values - p.labels[rows])
        drawn = Resampling.of(p).take(rows)
        return Disturbed(
            held=_absolute_mean(after, drawn),
            moved=_absolute_mean(values - p.values[rows], drawn),
            before=float(before.mean()),
            lost=drawn.mean(after - before, message("interval_methods.students_of_mean")),
        )

    def moved_if_smooth(self, predictions: Predictions, rows: Ints, level: float) -> float:
        """Mean distance of a normal number with this standard deviation from 0."""
        return float(level * predictions.values[rows].std() * math.sqrt(2 / math.pi))


def _mean(name: str, values: Floats, inside: Bools, drawn: Resampling) -> Row:
    mean = drawn.take(inside).mean(values[inside], "", among=values)
    return {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}


def _absolute_mean(differences: Floats, drawn: Resampling) -> Estimate:
    mean = drawn.mean(np.abs(differences), message("interval_methods.students_of_mean"))
    return replace(mean, low=max(mean.low or 0.0, 0.0))
