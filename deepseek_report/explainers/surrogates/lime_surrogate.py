"""The lime package on coded rows; imported only from inside functions.

lime samples codes (quarter of the training range, or category; missing is a code of its own), and
the codes are turned back into values of training rows. So missing values and rare categories need
no exception, and within a quarter real values are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from lime.lime_tabular import LimeTabularExplainer

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Feature
from deepseek_report.explainers.shared.attributions import seed_of

#: Added to the count of every category, so that those absent from the background are tried too.
_SMOOTHING = 0.5


@dataclass(frozen=True)
class Fit:
    """One surrogate: contributions and their error, base, prediction, weighted R².

    Contributions are (feature,) for rows, and (column,) for players, spread over their columns.
    """

    values: Floats
    standard_error: Floats
    base: float
    prediction: float
    fidelity: float


class Coding:
    """The codes of one feature: how often each occurs, and the training values behind it."""

    def __init__(self, feature: Feature, column: Floats, bins: int) -> None:
        self.feature = feature
        self.edges = _inner_quantiles(column[~np.isnan(column)], bins)
        codes = self.encode(column)
        self.size = 1 + (len(self.edges) + 1 if feature.is_numeric else len(feature.categories))
        counts = np.bincount(codes, minlength=self.size).astype(np.float64)
        if not feature.is_numeric:
            counts[1:] += _SMOOTHING
        self.frequencies = counts / counts.sum()
        self._values = column[np.argsort(codes, kind="stable")]
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=self.size))])

    def encode(self, column: Floats) -> Ints:
        """0 for missing, else 1 + the bin or the category."""
        if self.feature.is_numeric:
            codes = 1 + np.searchsorted(self.edges, column, side="left")
        else:
            codes = 1 + np.nan_to_num(column).astype(np.int64)
        return np.where(np.isnan(column), 0, codes)

    def decode(self, codes: Ints, uniform: Floats) -> Floats:
        """A value for each code: a training value of that bin, chosen by `uniform` in [0, 1).

        A bin without training values is never drawn; only the instance itself can have its code.
        """
        if not self.feature.is_numeric:
            return np.where(codes == 0, np.nan, codes - 1.0)
        width = self._starts[codes + 1] - self._starts[codes]
        places = self._starts[codes] + (uniform * width).astype(np.int64)
        return np.asarray(self._values[np.minimum(places, len(self._values) - 1)])


def _inner_quantiles(known: Floats, bins: int) -> Floats:
    if not len(known):
        return np.zeros(0)
    return np.unique(np.quantile(known, np.arange(1, bins) / bins))


class Ridge:
    """Weighted ridge regression with the Monte-Carlo covariance of its coefficients.

    Minimises Σ wᵢ (yᵢ − a − xᵢ·b)² + α |b|². The samples are independent draws, so the sandwich
    A⁻¹ (Σ wᵢ² eᵢ² xᵢ xᵢᵀ) A⁻¹, A = Σ wᵢ xᵢ xᵢᵀ + αI, x centred, is the covariance of b.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def fit(self, X: Floats, y: Floats, sample_weight: Floats) -> Ridge:
        w = sample_weight
        centre, level = np.average(X, axis=0, weights=w), np.average(y, weights=w)
        centred = X - centre
        inverse = np.linalg.inv((centred.T * w) @ centred + self.alpha * np.eye(X.shape[1]))
        self.coef_ = inverse @ (centred.T @ (w * (y - level)))
        self.intercept_ = float(level - centre @ self.coef_)
        influence = centred * (w * (y - level - centred @ self.coef_))[:, None]
        self.standard_error_ = np.sqrt(((influence @ inverse) ** 2).sum(axis=0))
        return self

    def predict(self, X: Floats) -> Floats:
        return np.asarray(X @ self.coef_ + self.intercept_)

    def score(self, X: Floats, y: Floats, sample_weight: Floats) -> float:
        """Weighted R²; 1 where y is constant and fitted exactly."""
        total = np.average((y - np.average(y, weights=sample_weight)) ** 2, weights=sample_weight)
        residual = np.average((y - self.predict(X)) ** 2, weights=sample_weight)
        return float(1 - residual / total) if total > 0 else float(residual == 0)


class Surrogates:
    """Base of what fits a surrogate to each instance."""

    context: ExplainContext

    def fit_all(self, num_samples: int, ridge: float) -> list[Fit]:
        """One surrogate an instance, from so many neighbours of it."""
        fits = []
        for index in range(len(self.context.inputs)):
            fits.append(self._fit(index, num_samples, Ridge(ridge)))
            self.context.progress.advance()
        return fits

    def _fit(self, index: int, num_samples: int, ridge: Ridge) -> Fit:
        raise NotImplementedError


class Neighbourhoods(Surrogates):
    """Surrogates of many instances around one sample of training rows."""

    def __init__(self, context: ExplainContext, bins: int, kernel_width: float | None) -> None:
        self.context = context
        features = context.classifier.schema.features
        columns = context.background.T
        self.codings = [Coding(f, c, bins) for f, c in zip(features, columns, strict=True)]
        self.codes = self._encode(context.inputs)
        self.lime = self._explainer(kernel_width)

    def _fit(self, index: int, num_samples: int, ridge: Ridge) -> Fit:
        seed = seed_of(self.context.seed, int(self.context.positions[index]))
        self.lime.random_state = np.random.RandomState(seed)
        target, codes = self.context.target, self.codes[index]
        answers: list[Floats] = []
        explanation = self.lime.explain_instance(
            codes.astype(np.float64),
            partial(self._ask, index, np.random.default_rng(seed), answers),
            labels=(target,),
            num_features=len(codes),
            num_samples=num_samples,
            model_regressor=ridge,
        )
        same = np.array([c.frequencies[k] for c, k in zip(self.codings, codes, strict=True)])
        return Fit(
            values=ridge.coef_ * (1 - same),
            standard_error=ridge.standard_error_ * (1 - same),
            base=ridge.intercept_ + float(ridge.coef_ @ same),
            prediction=float(answers[0][target]),
            fidelity=float(explanation.score),
        )

    def _ask(
        self, index: int, rng: np.random.Generator, answers: list[Floats], codes: Floats
    ) -> Floats:
        """Probabilities of the neighbours; the first of them is the instance itself.

        lime takes rows that sum to 1, and so gets a number with what it lacks to 1.
        """
        drawn = rng.random(codes.shape)
        columns = [
            coding.decode(codes[:, j].astype(np.int64), drawn[:, j])
            for j, coding in enumerate(self.codings)
        ]
        rows = np.stack(columns, axis=1)
        rows[0] = self.context.inputs[index]
        probabilities = self.context.classifier.probabilities(rows).astype(np.float64)
        answers.append(probabilities[0])
        return (
            np.hstack([probabilities, 1 - probabilities])
            if self.context.is_number
            else probabilities
        )

    def _encode(self, rows: Floats) -> Ints:
        return np.stack([c.encode(rows[:, j]) for j, c in enumerate(self.codings)], axis=1)

    def _explainer(self, kernel_width: float | None) -> Any:
        positions = range(len(self.codings))
        coded = self._encode(self.context.background).astype(np.float64)
        unused: dict[str, list[float]] = {name: [] for name in ("means", "mins", "maxs", "stds")}
        return LimeTabularExplainer(
            coded,
            categorical_features=list(positions),
            feature_names=self.context.classifier.schema.names,
            class_names=list(self.context.classifier.schema.target.classes),
            kernel_width=kernel_width,
            feature_selection="none",
            discretize_continuous=False,
            random_state=0,
            training_data_stats={
                **unused,
                "feature_values": {j: np.arange(c.size) for j, c in enumerate(self.codings)},
                "feature_frequencies": {j: c.frequencies for j, c in enumerate(self.codings)},
            },
        )
