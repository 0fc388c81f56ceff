"""Whether the model is worth its complexity: the same numbers for plain predictors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.metrics.performance.reference_predictors import (
    Predictor,
    fit_monotone,
    fit_predictor,
    limits_of,
)
from deepseek_report.metrics.plugin import ModelMetric, Resamples
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import Task, task_of
from deepseek_report.tasks.task import REFERENCES

#: Training rows that the plain predictors are fitted to; of more, so many at even distances.
MOST_FITTED = 100_000

_Estimates = Mapping[str, Estimate]


@dataclass(frozen=True)
class Baselines(ModelMetric):
    """The main numbers of plain predictors on the same rows, and the model's gain over each.

    predictors : where a number is predicted, the mean stands for the majority and ridge regression
    for logistic regression. n_resamples : draws for bootstrap intervals.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "comparison": TableType(
            (*columns_of("predictor metric:metric"), estimate("value"), Column("n", "count")),
            release=WHOLE,
        )
    }
    category = "performance"
    reads = frozenset({"dataset", "predictions", "validation_predictions", "seed"})
    predictors: tuple[Predictor, ...] = ("majority", "logistic_regression", "gradient_boosting")
    n_resamples: Resamples = 1000
    bounds = {"roc_auc_gain": (-1.0, 1.0), "mae_gain": (None, None)}

    def measure(self, context: MeasureContext) -> Measurement:
        target, model = context.dataset.schema.target, context.predictions
        task = task_of(target)
        task.require_variety(model.labels)
        estimates = {"model": task.summary(model, self.n_resamples, context.seed)}
        scores: list[Score] = []
        for kind in self.predictors:
            name = task.references[kind]
            other = reference_predictions(kind, context)
            estimates[name] = task.summary(other, self.n_resamples, context.seed)
            scores += _scores(task, target, name, estimates[name])
            scores.append(_gain(task, target, name, task.gain_over(model, other)))
        return Measurement(
            tuple(scores),
            {"comparison": _comparison(task, estimates)},
            notes=_notes(task, context, self.predictors),
        )


def fitted_rows(n_rows: int) -> Ints:
    """Positions of the training rows that a baseline is fitted to: all, or so many at distances.

    With ten times as many a plain predictor hardly gets better.
    """
    return thin(n_rows, MOST_FITTED)


def reference_predictions(
    kind: Predictor, context: MeasureContext, columns: Ints | None = None, rows: Ints | None = None
) -> Predictions:
    """The answers of a baseline for the test part; see `Task.as_predictions`.

    columns, rows : positions of the inputs that it sees, and of the training rows that it is fitted
    to; by default all columns and `fitted_rows`.
    """
    answers = fitted_reference(kind, context, columns, rows)
    return answers(context.dataset.test, context.predictions)


def fitted_reference(
    kind: Predictor,
    context: MeasureContext,
    columns: Ints | None = None,
    rows: Ints | None = None,
    directions: Floats | None = None,
) -> Callable[[Split, Predictions], Predictions]:
    """Fit a baseline, see `reference_predictions`.

    directions : (input,) in which each of two classes' answers may move alone, see `fit_monotone`;
    boosting is then fitted whatever the kind.

    Returns a function from a part of the data, and what the model says of it, to the baseline's
    answers.
    """
    data = context.dataset
    task = task_of(data.schema.target)
    n_outputs = len(data.schema.target.classes)
    columns = np.arange(len(data.schema.features)) if columns is None else columns
    rows = fitted_rows(len(data.train)) if rows is None else rows
    train = data.train.take(rows)
    features = [data.schema.features[column] for column in columns]
    inputs, labels = train.inputs[:, columns], train.labels
    if directions is None:
        learnt = fit_predictor(task, kind, features, inputs, labels, n_outputs, context.seed)
    else:
        learnt = fit_monotone(task, features, inputs, labels, directions[columns], context.seed)

    def predict(inputs: Floats) -> Floats:
        return learnt(inputs[:, columns])

    @cache
    def matched() -> tuple[Floats, Predictions]:
        return predict(data.validation.inputs), context.validation_predictions

    def answers(part: Split, model: Predictions) -> Predictions:
        outputs = matched()[0] if part is data.validation else predict(part.inputs)
        return task.as_predictions(outputs, model, None if kind == "majority" else matched)

    return answers


def _scores(task: Task, target: Target, name: str, estimates: _Estimates) -> list[Score]:
    return [
        estimates[measure.key].score(
            measure.key,
            "performance",
            measure.direction,
            predictor=name,
            unit=task.unit(target, measure),
        )
        for measure in task.compared
    ]


def _gain(task: Task, target: Target, name: str, gain: tuple[Estimate, float]) -> Score:
    estimate, p_value = gain
    return estimate.score(
        task.gain.key,
        "performance",
        task.gain.direction,
        predictor=name,
        p_value=p_value,
        unit=task.unit(target, task.gain),
        bounds=task.gain.bounds,
        reference=task.gain_reference,
        note=task.gain_note(REFERENCES[name], estimate.n),
    )


def _comparison(task: Task, estimates: Mapping[str, _Estimates]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "predictor": predictor,
            "metric": measure.key,
            **summary[measure.key].cells("value"),
            "n": summary[measure.key].n,
        }
        for predictor, summary in estimates.items()
        for measure in task.compared
    )


def _notes(task: Task, context: MeasureContext, kinds: tuple[Predictor, ...]) -> tuple[Text, ...]:
    """How the baselines were made, and what they do not look at."""
    schema = context.dataset.schema
    n_classes = len(schema.target.classes)
    limits = (limits_of(task, kind, schema.features, n_classes) for kind in kinds)
    n_rows = len(context.dataset.train)
    trained = task.reference_notes(len(fitted_rows(n_rows)), n_rows, n_classes)
    return (*trained, *(limit for limit in limits if limit))
