"""Players: columns that are explained as one, such as the pixels of a patch or the parts of a word.

In a table every column is a player of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.texts import joined

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def n_players(schema: Schema) -> int:
    """How many there are."""
    return len(schema.player_labels)


def player_sums(values: Array, owners: Ints) -> Array:
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


def spread_evenly(values: Array, owners: Ints) -> Array:
    """(…, player) -> (…, column): each column gets an equal part, so that sums stay."""
    sizes = np.bincount(owners)
    return np.asarray((values / sizes)[..., owners], dtype=np.float64)


def present(rows: Array, schema: Schema) -> Bools:
    """(row, player) whether there is anything to take away.

    In a text a word whose places lie behind its end is not there. Everywhere else every player is,
    a missing value included.
    """
    if schema.modality != "text":
        return np.ones((len(rows), n_players(schema)), dtype=bool)
    return player_sums((~np.isnan(rows)).astype(np.float64), schema.owners) > 0


def by_player(values: Array, rows: Array, schema: Schema) -> Array:
    """(row, player) attributions summed over the columns of each player; NaN where none is there.

    Parameters
    ----------
    values, rows : array
        (row, column) attributions, and the inputs that they explain.
    """
    return np.where(present(rows, schema), player_sums(values, schema.owners), np.nan)


def display(row: Array, player: int, schema: Schema) -> str:
    """What a player is in one row, as a person writes it.

    A feature of a table as `Feature.display`; the words of a text; else the mean of the columns.
    """
    columns = np.flatnonzero(schema.owners == player)
    features = [schema.features[j] for j in columns]
    known = [j for j, one in zip(columns, features, strict=True) if not np.isnan(row[j])]
    if not known or schema.layout is None or (len(columns) == 1 and schema.modality != "text"):
        return features[0].display(float(row[columns[0]]))
    if schema.modality == "text":
        return joined([schema.vocabulary[int(row[j])] for j in known])
    return "mean " + features[0].display(float(row[known].mean()))
