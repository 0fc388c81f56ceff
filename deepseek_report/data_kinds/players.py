"""Players: columns that are explained as one, such as the pixels of a patch or the parts of a word.

In a table every column is a player of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.schema import Schema


@dataclass(frozen=True)
class Units:
    """The things whose importance is told, each with the attributions that it got.

    names, labels : of each. values : for each the attributions of the instances that have it.
    rows : for each the instances that these belong to.
    """

    names: list[str]
    labels: list[str]
    values: list[NDArray[np.float64]]
    rows: list[NDArray[np.int64]]

    def within(self, chosen: NDArray[np.bool_], units: list[int]) -> Units:
        """Some units, in some instances alone."""
        return Units(
            [self.names[k] for k in units],
            [self.labels[k] for k in units],
            [self.values[k][chosen[self.rows[k]]] for k in units],
            [self.rows[k][chosen[self.rows[k]]] for k in units],
        )


@dataclass(frozen=True)
class SharedPlayers:
    """Players that all inputs have in common, so that what each earns can be added up over inputs.

    names, labels : of each. owners : (row, column) position of the player of each column.
    is_fixed : whether a player is the same columns in every input.
    """

    names: list[str]
    labels: list[str]
    owners: Ints
    is_fixed: bool


def n_players(schema: Schema) -> int:
    """How many there are."""
    return len(schema.player_labels)


def player_sums(values: Floats, owners: Ints) -> Floats:
    """Attributions of players: the sum over the columns of each.

    values : array
        (…, column).
    owners : array
        (column,) position of the player that each column belongs to.

    Returns
    -------
    (…, player); a column is its own player where there are as many players as columns.
    """
    count = int(owners.max()) + 1
    if count == len(owners):
        return np.asarray(values[..., np.argsort(owners)], dtype=np.float64)
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], np.arange(count))
    return np.asarray(np.add.reduceat(values[..., order], starts, axis=-1), dtype=np.float64)


def spread_evenly(values: Floats, owners: Ints) -> Floats:
    """(…, player) -> (…, column): each column gets an equal part, so that sums stay."""
    sizes = np.bincount(owners)
    return np.asarray((values / sizes)[..., owners], dtype=np.float64)
