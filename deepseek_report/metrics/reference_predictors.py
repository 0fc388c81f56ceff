"""Plain predictors that the model is compared with; they see the same features and rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.schema import Feature
from deepseek_report.data_kinds.encoding import MOST_WORDS, encoding_of, most_telling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Predictor = Literal["majority", "logistic_regression", "gradient_boosting"]
Result = TypeVar("Result")
#: (instance, feature) original units -> (instance, class) probabilities.
Predict = Callable[[Floats], Floats]
LABELS: dict[Predictor, str] = {
    "majority": "majority class",
    "logistic_regression": "logistic regression",
    "gradient_boosting": "gradient boosting",
}
#: Columns that gradient boosting sees, and trees of a class, so that wide data stay affordable.
MOST_BOOSTED, _TREES = 200, 60
#: Texts by which the words for boosting are chosen.
_MOST_WEIGHED = 5000
#: scikit-learn bins a category code into at most this many.
_MOST_CATEGORIES = 250


def fit_predictor(
    kind: Predictor,
    features: Sequence[Feature],
    inputs: Floats,
    labels: Ints,
    n_classes: int,
    seed: int,
) -> Predict:
    """Fit one reference predictor.

    Parameters
    ----------
    kind : "majority" gives the class shares of the labels to everyone; "logistic_regression" is
        on standardised numbers and one-hot categories with an L2 penalty (C = 1, with more than
        200 features 0.1);
        "gradient_boosting" is scikit-learn's histogram gradient boosting. Texts are weighted words
        (see `encoding.Words`) for both; `limits_of` says what boosting leaves out.
    inputs : (instance, feature) original units. labels : (instance,) in 0 … n_classes − 1.

    Returns
    -------
    A function from inputs to (instance, class) probabilities; a class without labels gets 0.
    """
    present = np.unique(labels)
    if kind == "majority" or len(present) == 1:
        shares = np.bincount(labels, minlength=n_classes) / len(labels)
        return lambda rows: np.tile(shares, (len(rows), 1))
    fit = _fit_logistic if kind == "logistic_regression" else _fit_boosting
    predict = _on_one_thread(fit)(features, inputs, labels, seed)
    return lambda rows: _spread(_on_one_thread(predict)(rows), present, n_classes)


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


def _spread(probabilities: Floats, present: Ints, n_classes: int) -> Floats:
    full = np.zeros((len(probabilities), n_classes))
    full[:, present] = probabilities
    return full


def _fit_logistic(features: Sequence[Feature], inputs: Floats, labels: Ints, seed: int) -> Predict:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    encoder = encoding_of(features, inputs)
    wide = len(features) > MOST_BOOSTED
    model = LogisticRegression(
        C=0.1 if wide else 1.0,
        max_iter=300,
        tol=1e-3,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(encoder.transform(inputs), labels)
    return lambda rows: np.asarray(model.predict_proba(encoder.transform(rows)))


def _fit_boosting(features: Sequence[Feature], inputs: Floats, labels: Ints, seed: int) -> Predict:
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns, categorical = _boosted_columns(features, inputs, labels)
    model = HistGradientBoostingClassifier(
        max_iter=_iterations(len(np.unique(labels))),
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=1.0,
        categorical_features=categorical if any(categorical) else None,
        early_stopping=False,
        random_state=seed,
    )
    model.fit(columns(inputs), labels)
    return lambda rows: np.asarray(model.predict_proba(columns(rows)))


def _boosted_columns(
    features: Sequence[Feature], inputs: Floats, labels: Ints
) -> tuple[Predict, list[bool]]:
    """What makes the columns that boosting sees, and which of them are categories."""
    if _are_words(features):
        words = encoding_of(features, inputs)
        some = words.transform(inputs[:_MOST_WEIGHED]).toarray()
        chosen = most_telling(some, labels[:_MOST_WEIGHED], MOST_BOOSTED)
        return (lambda rows: words.transform(rows)[:, chosen].toarray()), []
    chosen = most_telling(inputs, labels, MOST_BOOSTED)
    kept = [features[j] for j in chosen]
    categorical = [
        one.kind == "categorical" and len(one.categories) <= _MOST_CATEGORIES for one in kept
    ]
    return (lambda rows: rows[:, chosen]), categorical


def _are_words(features: Sequence[Feature]) -> bool:
    return bool(features) and all(one.kind == "token" for one in features)


def _iterations(n_classes: int) -> int:
    """Fewer with many classes, since each iteration fits one tree for each of them."""
    return min(_TREES, max(5 * _TREES // n_classes, 15))


def limits_of(kind: Predictor, features: Sequence[Feature], n_classes: int) -> str | None:
    """What a predictor does not look at, as a sentence, or None where it looks at everything."""
    said = []
    if _are_words(features):
        said.append(f"reads the {MOST_WORDS} most frequent words in any order")
    if kind == "gradient_boosting":
        if _are_words(features) or len(features) > MOST_BOOSTED:
            name = "words" if _are_words(features) else "columns"
            said.append(f"is given the {MOST_BOOSTED} {name} that tell the classes apart best")
        if _iterations(n_classes) < _TREES:
            said.append(f"stops after {_iterations(n_classes)} trees a class")
    if kind == "majority" or not said:
        return None
    return f"{LABELS[kind].capitalize()} {' and '.join(said)}."


def stratified_order(labels: Ints, rng: np.random.Generator) -> Ints:
    """An order of all instances whose every beginning has the classes in nearly their shares."""
    place = np.empty(len(labels))
    for one in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == one))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(place, kind="stable")
