"""Whether the model is worth its complexity: the same numbers for plain predictors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Target
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import TableType
from deepseek_report.data_kinds.base import MOST_WORDS, encoding_of
from deepseek_report.metrics.performance.performance_rows import ComparedPredictor
from deepseek_report.metrics.plugin import EntityMetric, Resamples
from deepseek_report.statistics.one_thread import libraries_on_one_thread
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import Task, task_of
from deepseek_report.tasks.classification import TREES, iterations
from deepseek_report.tasks.task import REFERENCES

#: What a config can name; `Task.references` says what stands for it where a number is predicted.
Predictor = Literal["majority", "logistic_regression", "gradient_boosting"]
Result = TypeVar("Result")
#: (instance, feature) original units -> (instance, output).
Predict = Callable[[Floats], Floats]
#: Columns that gradient boosting sees, so that wide data stay affordable.
MOST_BOOSTED = 200
#: Rows that are encoded and predicted at a time.
_BLOCK = 50_000
#: Texts by which the words for boosting are chosen.
_MOST_WEIGHED = 5000
#: scikit-learn bins a category code into at most this many.
_MOST_CATEGORIES = 250


def fit_predictor(
    task: Task,
    kind: Predictor,
    features: Sequence[Feature],
    inputs: Floats,
    labels: Array,
    n_outputs: int,
    seed: int,
) -> Predict:
    """Fit one reference predictor.

    kind : "majority" gives the class shares of the labels, or their mean, to everyone;
        "logistic_regression" is on standardised numbers and one-hot categories with an L2 penalty
        (C = 1, with more than 200 features 0.1), of a number ridge regression whose penalty is
        chosen by leave-one-out; "gradient_boosting" is scikit-learn's histogram gradient boosting,
        untuned. Texts are weighted words (see `encoding.Words`) for both; `limits_of` says what
        boosting leaves out.
    inputs : (instance, feature) original units. labels : (instance,) classes 0 … n_outputs − 1, or
        numbers in the target's unit.

    Returns a function from inputs to (instance, output): probabilities, where a class without
    labels gets 0, or the number.
    """
    if kind == "majority" or len(np.unique(labels)) == 1:
        answer = task.constant(labels, n_outputs)
        return lambda rows: np.tile(answer, (len(rows), 1))
    fit = _fit_linear if kind == "logistic_regression" else _fit_boosting
    lesson = _Lesson(task, features, inputs, labels, n_outputs, seed)
    return _on_one_thread(_in_blocks(_on_one_thread(fit)(lesson)))


def fit_monotone(
    task: Task,
    features: Sequence[Feature],
    inputs: Floats,
    labels: Array,
    directions: Floats,
    seed: int,
) -> Predict:
    """Gradient boosting of two classes whose answers never move against declared directions.

    directions : (feature,) 1 where more of it may only raise the probability of class 1, −1 where
        it may only lower it, 0 where nothing is declared; 0 of categories, which have no order.

    Returns as `fit_predictor` does.
    """
    if len(np.unique(labels)) == 1:
        return fit_predictor(task, "majority", features, inputs, labels, 2, seed)
    lesson = _Lesson(task, features, inputs, labels, 2, seed)
    return _on_one_thread(_in_blocks(_on_one_thread(_fit_boosting)(lesson, directions)))


@dataclass(frozen=True)
class _Lesson:
    """What a predictor is fitted to, see `fit_predictor`."""

    task: Task
    features: Sequence[Feature]
    inputs: Floats
    labels: Array
    n_outputs: int
    seed: int


def _in_blocks(predict: Predict) -> Predict:
    """The same answers without the codes of all rows in memory at once."""

    def by_blocks(rows: Floats) -> Floats:
        if len(rows) <= _BLOCK:
            return predict(rows)
        starts = range(0, len(rows), _BLOCK)
        return np.concatenate([predict(rows[start : start + _BLOCK]) for start in starts])

    return by_blocks


def _on_one_thread(function: Callable[..., Result]) -> Callable[..., Result]:
    """The same function without threads, see `libraries_on_one_thread`."""
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401 - both loaded before, so that their threads are known

    def limited(*args: object) -> Result:
        with libraries_on_one_thread():
            return function(*args)

    return limited


def _fit_linear(lesson: _Lesson) -> Predict:
    from sklearn.exceptions import ConvergenceWarning

    task, features = lesson.task, lesson.features
    encoder = encoding_of(features, lesson.inputs)
    model = task.linear_model(wide=len(features) > MOST_BOOSTED, seed=lesson.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(encoder.transform(lesson.inputs), lesson.labels)
    return lambda rows: task.outputs(model, encoder.transform(rows), lesson.n_outputs)


def _fit_boosting(lesson: _Lesson, directions: Floats | None = None) -> Predict:
    task = lesson.task
    columns, categorical = _boosted_columns(lesson)
    model = task.boosted_model(lesson.labels, categorical, lesson.seed)
    if directions is not None:
        model.set_params(monotonic_cst=columns(directions[None])[0].astype(np.int64).tolist())
    model.fit(columns(lesson.inputs), lesson.labels)
    return lambda rows: task.outputs(model, columns(rows), lesson.n_outputs)


def _boosted_columns(lesson: _Lesson) -> tuple[Predict, list[bool]]:
    """What makes the columns that boosting sees, and which of them are categories."""
    task, features, inputs, labels = lesson.task, lesson.features, lesson.inputs, lesson.labels
    if _are_words(features):
        words = encoding_of(features, inputs)
        some = words.transform(inputs[:_MOST_WEIGHED]).toarray()
        chosen = task.telling(some, labels[:_MOST_WEIGHED], MOST_BOOSTED)
        return (lambda rows: words.transform(rows)[:, chosen].toarray()), []
    chosen = task.telling(inputs, labels, MOST_BOOSTED)
    categorical = [
        features[j].kind == "categorical" and len(features[j].categories) <= _MOST_CATEGORIES
        for j in chosen
    ]
    return (lambda rows: rows[:, chosen]), categorical


def _are_words(features: Sequence[Feature]) -> bool:
    return bool(features) and all(feature.kind == "token" for feature in features)


def limits_of(
    task: Task, kind: Predictor, features: Sequence[Feature], n_outputs: int
) -> Text | None:
    """What a predictor does not look at, as a sentence, or None where it looks at everything."""
    limits, of_words = [], _are_words(features)
    if of_words:
        limits.append(message("notes.reference_limits.words", n=MOST_WORDS))
    if kind == "gradient_boosting":
        if of_words or len(features) > MOST_BOOSTED:
            columns = message(
                "notes.reference_limits.columns",
                n=MOST_BOOSTED,
                of_words=of_words,
                tells=task.tells,
            )
            limits.append(columns)
        if iterations(n_outputs) < TREES:
            limits.append(message("notes.reference_limits.trees", n=iterations(n_outputs)))
    if kind == "majority" or not limits:
        return None
    return message(
        "notes.reference_limits.sentence",
        reference=REFERENCES[task.references[kind]],
        limits=limits,
    )


#: Training rows that the plain predictors are fitted to; of more, so many at even distances.
MOST_FITTED = 100_000

_Estimates = Mapping[str, Estimate]


@dataclass(frozen=True)
class Baselines(EntityMetric):
    """The main numbers of plain predictors on the same rows, and the model's gain over each.

    predictors : where a number is predicted, the mean stands for the majority and ridge regression
    for logistic regression. n_resamples : draws for bootstrap intervals.
    """

    reveals = "aggregate"
    tables = {"comparison": TableType.of(ComparedPredictor, release=WHOLE)}
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
    return Baselines.frame(
        "comparison",
        (
            (predictor, measure.key, summary[measure.key], summary[measure.key].n)
            for predictor, summary in estimates.items()
            for measure in task.compared
        ),
    )


def _notes(task: Task, context: MeasureContext, kinds: tuple[Predictor, ...]) -> tuple[Text, ...]:
    """How the baselines were made, and what they do not look at."""
    schema = context.dataset.schema
    n_classes = len(schema.target.classes)
    limits = (limits_of(task, kind, schema.features, n_classes) for kind in kinds)
    n_rows = len(context.dataset.train)
    trained = task.reference_notes(len(fitted_rows(n_rows)), n_rows, n_classes)
    return (*trained, *(limit for limit in limits if limit))
