"""Removing and inserting features in the order of their attributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols import Classifier

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mode = Literal["deletion", "insertion"]


def rank_features(explanation: Explanation, decided: Ints) -> Ints:
    """Features from the one that speaks most for the decision to the one that speaks most against.

    Signed attributions are of the target: where another class was decided their sign is turned.
    Unsigned methods rank by magnitude. Ties keep the order of the columns.

    Parameters
    ----------
    explanation : Explanation
        Of these instances.
    decided : array
        (instance,) the class decided for.

    Returns
    -------
    (instance, feature) positions of features.
    """
    if explanation.signed:
        toward = np.where(decided == explanation.target, 1.0, -1.0)
        return np.argsort(-explanation.values * toward[:, None], axis=1, kind="stable")
    return np.argsort(-np.abs(explanation.values), axis=1, kind="stable")


def removal_counts(n_features: int, steps: int) -> Ints:
    """How many features are removed at each point: 0 … all, in `steps` steps or fewer."""
    return np.unique(np.linspace(0, n_features, steps + 1).round().astype(np.int64))


@dataclass(frozen=True)
class Perturbation:
    """Replaces features by those of a baseline and watches the decided class.

    inputs : (instance, feature). decided : (instance,). baseline : (feature,).
    counts : (point,) from `removal_counts`.
    """

    classifier: Classifier
    inputs: Array
    decided: Ints
    baseline: Array
    counts: Ints

    def curves(self, order: Ints, mode: Mode) -> Array:
        """Probability of the decided class when the first features of the order are replaced
        (deletion) or are all that is kept (insertion).

        Parameters
        ----------
        order : array
            (instance, feature) from `rank_features`.
        mode : str
            "deletion" or "insertion".

        Returns
        -------
        (instance, point)
        """
        rank = np.argsort(order, axis=1)
        first = rank[:, None, :] < self.counts[:, None]
        kept = first if mode == "insertion" else ~first
        rows = np.where(kept, self.inputs[:, None, :], self.baseline)
        found = self.classifier.probabilities(rows.reshape(-1, self.inputs.shape[1]))
        found = found.reshape(*kept.shape[:2], -1)
        return np.asarray(np.take_along_axis(found, self.decided[:, None, None], axis=2)[..., 0])

    @property
    def shares(self) -> Array:
        """(point,) share of the features that were replaced or inserted."""
        return self.counts / self.inputs.shape[1]

    def areas(self, curves: Array) -> Array:
        """(instance,) area under each curve by the trapezoid rule; in [0, 1]."""
        return np.asarray(np.trapezoid(curves, self.shares, axis=1))
