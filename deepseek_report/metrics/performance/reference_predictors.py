"""Plain predictors that the model is compared with; they see the same features and rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.data_kinds.encoding import MOST_WORDS, encoding_of
from deepseek_report.tasks.classification import TREES, iterations
from deepseek_report.tasks.task import REFERENCES, Task

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
    labels: NDArray[Any],
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
    predict = _on_one_thread(fit)(task, features, inputs, labels, n_outputs, seed)
    return _on_one_thread(_in_blocks(predict))


def fit_monotone(
    task: Task,
    features: Sequence[Feature],
    inputs: Floats,
    labels: NDArray[Any],
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
    predict = _on_one_thread(_fit_boosting)(task, features, inputs, labels, 2, seed, directions)
    return _on_one_thread(_in_blocks(predict))


def _in_blocks(predict: Predict) -> Predict:
    """The same answers without the codes of all rows in memory at once."""

    def by_blocks(rows: Floats) -> Floats:
        if len(rows) <= _BLOCK:
            return predict(rows)
        starts = range(0, len(rows), _BLOCK)
        return np.concatenate([predict(rows[start : start + _BLOCK]) for start in starts])

    return by_blocks


def _on_one_thread(function: Callable[..., Result]) -> Callable[..., Result]:
    """The same function without threads of OpenMP and BLAS.

    These fits are small: threads gain little on an idle machine, lose a hundredfold where other
    work holds the cores, and add up floats in another order.
    """
    from threadpoolctl import threadpool_limits

    def limited(*args: Any) -> Result:
        with threadpool_limits(limits=1):
            return function(*args)

    return limited


def _fit_linear(
    task: Task,
    features: Sequence[Feature],
    inputs: Floats,
    labels: NDArray[Any],
    n_outputs: int,
    seed: int,
) -> Predict:
    from sklearn.exceptions import ConvergenceWarning

    encoder = encoding_of(features, inputs)
    model = task.linear_model(wide=len(features) > MOST_BOOSTED, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(encoder.transform(inputs), labels)
    return lambda rows: task.outputs(model, encoder.transform(rows), n_outputs)


def _fit_boosting(
    task: Task,
    features: Sequence[Feature],
    inputs: Floats,
    labels: NDArray[Any],
    n_outputs: int,
    seed: int,
    directions: Floats | None = None,
) -> Predict:
    columns, categorical = _boosted_columns(task, features, inputs, labels)
    model = task.boosted_model(labels, categorical, seed)
    if directions is not None:
        model.set_params(monotonic_cst=columns(directions[None])[0].astype(np.int64).tolist())
    model.fit(columns(inputs), labels)
    return lambda rows: task.outputs(model, columns(rows), n_outputs)


def _boosted_columns(
    task: Task, features: Sequence[Feature], inputs: Floats, labels: NDArray[Any]
) -> tuple[Predict, list[bool]]:
    """What makes the columns that boosting sees, and which of them are categories."""
    if _are_words(features):
        words = encoding_of(features, inputs)
        some = words.transform(inputs[:_MOST_WEIGHED]).toarray()
        chosen = task.telling(some, labels[:_MOST_WEIGHED], MOST_BOOSTED)
        return (lambda rows: words.transform(rows)[:, chosen].toarray()), []
    chosen = task.telling(inputs, labels, MOST_BOOSTED)
    kept = [features[j] for j in chosen]
    categorical = [
        feature.kind == "categorical" and len(feature.categories) <= _MOST_CATEGORIES
        for feature in kept
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
