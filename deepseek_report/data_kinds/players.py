"""Players: columns that are explained as one, such as the pixels of a patch or the parts of a word.

In a table every column is a player of its own.
"""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.schema import Schema


def n_players(schema: Schema) -> int:
    """How many there are."""
    return len(schema.player_labels)


def player_sums(values: Floats, owners: Ints) -> Floats:
    """Attributions of players: the sum over the columns of each.

    Parameters
    ----------
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
