"""The same surrogates by the lime package, one instance after another; imported inside functions.

For a table the package draws, weighs and fits; for players it fits to our neighbours, as its own
explainers of texts and images do.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from lime.lime_base import LimeBase
from lime.lime_tabular import LimeTabularExplainer

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.explainers.attributions import seed_of
from deepseek_report.explainers.lime import (
    CodedNeighbourhoods,
    PlayerNeighbourhoods,
    Surrogates,
    WeightedRidge,
)


class RidgeRegressor:
    """A `WeightedRidge` of one instance as the package wants its regressions."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def fit(self, X: Floats, y: Floats, sample_weight: Floats) -> RidgeRegressor:
        self.ridge = WeightedRidge.fit(X[None], y[None], sample_weight[None], self.alpha)
        self.coef_, self.intercept_ = self.ridge.coefficients[0], float(self.ridge.intercepts[0])
        return self

    def predict(self, X: Floats) -> Floats:
        return np.asarray(X @ self.coef_ + self.intercept_)

    def score(self, X: Floats, y: Floats, sample_weight: Floats) -> float:
        """Weighted R² of what it was fitted to."""
        return float(self.ridge.fidelity[0])


def of_table(near: CodedNeighbourhoods, num_samples: int, alpha: float) -> Surrogates:
    """By `LimeTabularExplainer`, on codes."""
    explainer = _tabular_explainer(near)
    parts = []
    for index in range(len(near.context.inputs)):
        seed = seed_of(near.context.seed, near.context.draws[index])
        explainer.random_state = np.random.RandomState(seed)
        ridge, outputs = RidgeRegressor(alpha), list[float]()
        explainer.explain_instance(
            near.codes[index].astype(np.float64),
            partial(_answer, near, index, np.random.default_rng(seed), outputs),
            labels=(1,),
            num_features=len(near.codings),
            num_samples=num_samples,
            model_regressor=ridge,
        )
        part = slice(index, index + 1)
        parts.append(near.attributions(part, ridge.ridge, np.array(outputs[:1])))
        near.context.progress.advance()
    return Surrogates.joined(parts)


def of_players(near: PlayerNeighbourhoods, num_samples: int, alpha: float) -> Surrogates:
    """By `LimeBase`, on our neighbours."""
    base = LimeBase(lambda apart: np.sqrt(np.exp(-(apart**2) / near.width**2)))
    parts = []
    for index in range(len(near.context.inputs)):
        part = slice(index, index + 1)
        drawn, answers = near.answers(part, num_samples)
        same, outputs = drawn[0].astype(np.float64), answers[0]
        ridge = RidgeRegressor(alpha)
        base.explain_instance_with_data(
            same,
            outputs[:, None],
            near.distances(part, same[None])[0],
            label=0,
            num_features=near.groups,
            feature_selection="none",
            model_regressor=ridge,
        )
        parts.append(near.attributions(part, ridge.ridge, outputs[:1]))
        near.context.progress.advance()
    return Surrogates.joined(parts)


def _answer(
    near: CodedNeighbourhoods,
    index: int,
    rng: np.random.Generator,
    outputs: list[float],
    codes: Floats,
) -> Floats:
    """(neighbour, 2) one minus the output, and the output; the first is the instance itself.

    The package takes rows that sum to 1, and so gets what the output lacks to 1 as well.
    """
    drawn = rng.random(codes.shape)
    columns = [
        coding.decode(codes[:, j].astype(np.int64), drawn[:, j])
        for j, coding in enumerate(near.codings)
    ]
    rows = np.stack(columns, axis=1)
    rows[0] = near.context.inputs[index]
    output = near.context.output(rows).astype(np.float64)
    outputs.extend(output)
    return np.stack([1 - output, output], axis=1)


def _tabular_explainer(near: CodedNeighbourhoods) -> LimeTabularExplainer:
    unused: dict[str, list[float]] = {name: [] for name in ("means", "mins", "maxs", "stds")}
    return LimeTabularExplainer(
        near.encode(near.context.background).astype(np.float64),
        categorical_features=list(range(len(near.codings))),
        feature_names=near.context.classifier.schema.names,
        kernel_width=near.width,
        feature_selection="none",
        discretize_continuous=False,
        random_state=0,
        training_data_stats={
            **unused,
            "feature_values": {j: np.arange(c.size) for j, c in enumerate(near.codings)},
            "feature_frequencies": {j: c.frequencies for j, c in enumerate(near.codings)},
        },
    )
