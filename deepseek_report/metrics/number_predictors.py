"""Plain predictors of a number that the model is compared with; they see the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.schema import Feature
from deepseek_report.data_kinds.encoding import encoding_of

Floats = NDArray[np.float64]
NumberPredictor = Literal["mean", "ridge", "gradient_boosting"]
#: (instance, feature) original units -> (instance,) numbers.
Predict = Callable[[Floats], Floats]
LABELS: dict[NumberPredictor, str] = {
    "mean": "mean of the training part",
    "ridge": "ridge regression",
    "gradient_boosting": "gradient boosting",
}
#: Columns that gradient boosting sees: those that go most with the number.
MOST_BOOSTED = 200


def fit_number_predictor(
    kind: NumberPredictor, features: Sequence[Feature], inputs: Floats, labels: Floats, seed: int
) -> Predict:
    """Fit one reference predictor of a number.

    Parameters
    ----------
    kind : "mean" gives the mean of the labels to everyone; "ridge" is a linear model on
        standardised numbers and one-hot categories (texts: weighted words) whose penalty is chosen
        on the training part by leave-one-out; "gradient_boosting" is scikit-learn's histogram
        gradient boosting, untuned.
    inputs : (instance, feature) original units. labels : (instance,) in the target's unit.
    """
    from threadpoolctl import threadpool_limits

    if kind == "mean":
        mean = float(labels.mean())
        return lambda rows: np.full(len(rows), mean)
    with threadpool_limits(limits=1):
        if kind == "ridge":
            return _fit_ridge(features, inputs, labels)
        return _fit_boosting(features, inputs, labels, seed)


def _fit_ridge(features: Sequence[Feature], inputs: Floats, labels: Floats) -> Predict:
    from sklearn.linear_model import RidgeCV

    encoder = encoding_of(features, inputs)
    model = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(encoder.transform(inputs), labels)
    return lambda rows: np.asarray(model.predict(encoder.transform(rows)), dtype=np.float64)


def _fit_boosting(
    features: Sequence[Feature], inputs: Floats, labels: Floats, seed: int
) -> Predict:
    from sklearn.ensemble import HistGradientBoostingRegressor

    words = bool(features) and all(one.kind == "token" for one in features)
    encoder = encoding_of(features, inputs) if words else None
    columns = encoder.transform(inputs) if encoder else inputs
    chosen = _most_correlated(columns, labels)
    model = HistGradientBoostingRegressor(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    ).fit(columns[:, chosen], labels)

    def predict(rows: Floats) -> Floats:
        made = encoder.transform(rows) if encoder else rows
        return np.asarray(model.predict(made[:, chosen]), dtype=np.float64)

    return predict


def _most_correlated(columns: Floats, labels: Floats) -> NDArray[np.int64]:
    """Positions of at most `MOST_BOOSTED` columns, those with the largest |correlation|."""
    if columns.shape[1] <= MOST_BOOSTED:
        return np.arange(columns.shape[1])
    known = ~np.isnan(columns)
    means = np.where(known, columns, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, columns - means, 0.0)
    scale = np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
    strength = np.abs((labels - labels.mean()) @ centred) / scale
    return np.sort(np.argsort(-strength, kind="stable")[:MOST_BOOSTED])
