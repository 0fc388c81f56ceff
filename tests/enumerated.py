"""Shapley values from their definition: over all coalitions and all background rows."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np


def enumerated_values(worth_of: Callable[[np.ndarray], np.ndarray], n_players: int) -> np.ndarray:
    """(row, player) Shapley values where (row,) rows are worth so much with (player,) kept."""
    coalitions = (np.arange(2**n_players)[:, None] >> np.arange(n_players)) & 1 == 1
    worth = np.array([worth_of(kept) for kept in coalitions])
    values = []
    for player in range(n_players):
        without = np.flatnonzero(~coalitions[:, player])
        sizes = coalitions[without].sum(axis=1)
        weights = np.array([1 / (n_players * comb(n_players - 1, int(size))) for size in sizes])
        values.append(weights @ (worth[without + (1 << player)] - worth[without]))
    return np.stack(values, axis=1)


def enumerated(
    output: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray, background: np.ndarray
) -> np.ndarray:
    """(row, feature) interventional Shapley values of an output of rows."""

    def worth(kept: np.ndarray) -> np.ndarray:
        mixed = np.where(kept, inputs[:, None, :], background)
        return output(mixed.reshape(-1, inputs.shape[1])).reshape(mixed.shape[:2]).mean(axis=1)

    return enumerated_values(worth, inputs.shape[1])


def enumerated_interactions(
    output: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray, background: np.ndarray
) -> np.ndarray:
    """(row, feature, feature) interventional Shapley interaction indices, 0 on the diagonal."""
    n_features = inputs.shape[1]
    coalitions = (np.arange(2**n_features)[:, None] >> np.arange(n_features)) & 1 == 1
    mixed = np.where(coalitions[:, None, None, :], inputs[:, None, :], background)
    worth = output(mixed.reshape(-1, n_features)).reshape(mixed.shape[:3]).mean(axis=2)
    values = np.zeros((*inputs.shape, n_features))
    for first in range(n_features):
        for second in range(n_features):
            if first == second:
                continue
            i, j = 1 << first, 1 << second
            without = np.flatnonzero(~coalitions[:, first] & ~coalitions[:, second])
            sizes = coalitions[without].sum(axis=1)
            weights = np.array(
                [1 / ((n_features - 1) * comb(n_features - 2, int(size))) for size in sizes]
            )
            gains = worth[without + i + j] - worth[without + i] - worth[without + j]
            values[:, first, second] = weights @ (gains + worth[without])
    return values
