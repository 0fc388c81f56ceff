"""What an answer must not hang on, or only in one direction, and how it is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats


@dataclass(frozen=True)
class InputCue:
    """Columns that belong together, or words wherever they stand.

    columns : positions of columns: a feature, the pixels of patches, the steps of windows; empty
    for words. words : positions in the vocabulary of a text; empty for columns. direction : 1 where
    the answer may only rise with the one column, −1 where it may only fall; 0 where it must not
    move at all.
    """

    columns: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    direction: Literal[-1, 0, 1] = 0

    def at(self, rows: Floats) -> Bools:
        """(row, column) whether this value is part of the cue."""
        if self.words:
            return np.isin(rows, self.words)
        inside = np.zeros(rows.shape, dtype=bool)
        inside[:, list(self.columns)] = True
        return inside

    def redrawn(self, rows: Floats, donors: Floats, rng: np.random.Generator) -> Floats:
        """The rows with the cue of another row each, drawn with replacement.

        Of a text the marked words change places with those of the other text: surplus ones go, and
        what follows moves up; further ones come to the end.

        Parameters
        ----------
        rows, donors : array
            (row, column).
        """
        others = donors[rng.integers(len(donors), size=len(rows))]
        if not self.words:
            columns = list(self.columns)
            changed = rows.copy()
            changed[:, columns] = others[:, columns]
            return changed
        return _with_words_of(rows, others, self.words)


def _with_words_of(rows: Floats, others: Floats, words: tuple[int, ...]) -> Floats:
    """The texts in which the words among these are those of other texts."""
    own, theirs = np.isin(rows, words), np.isin(others, words)
    changed = np.where(own, np.nan, rows)
    for row in np.flatnonzero(own.any(axis=1) | theirs.any(axis=1)):
        new = others[row][theirs[row]]
        places = np.flatnonzero(own[row])[: len(new)]
        changed[row, places] = new[: len(places)]
        text = changed[row] = changed[row][np.argsort(np.isnan(changed[row]), kind="stable")]
        if len(surplus := new[len(places) :]):
            end = max(min(int((~np.isnan(text)).sum()), len(text) - len(surplus)), 0)
            changed[row, end : end + len(surplus)] = surplus[: len(text)]
    return changed


def grid_of(values: Floats, most: int = 11) -> Floats:
    """(level,) values of a column at which a direction is checked: quantiles, each once."""
    known = values[~np.isnan(values)]
    if not len(known):
        return known
    return np.unique(np.quantile(known, np.linspace(0, 1, most), method="nearest"))


def wrong_way(answers: Floats, direction: int) -> Floats:
    """(row,) the largest movement against a direction between neighbouring levels; 0 for none.

    answers : (row, level), the levels in rising order.

    >>> wrong_way(np.array([[0.1, 0.3, 0.2], [0.1, 0.2, 0.3]]), 1).round(3).tolist()
    [0.1, 0.0]
    """
    steps = direction * np.diff(answers, axis=1)
    return np.asarray(np.maximum(-steps, 0.0).max(axis=1, initial=0.0))


def changes(first: Floats, other: Floats, spread: float) -> Floats:
    """(row,) how far two answers to a row lie apart.

    Half the sum of the differences of the probabilities, from 0 to 1; of a number the difference in
    units of `spread`.

    first, other : (row, output).

    >>> changes(np.array([[0.2, 0.8]]), np.array([[0.5, 0.5]]), 1.0).round(3).tolist()
    [0.3]
    """
    apart = np.abs(first - other).sum(axis=1)
    return np.asarray(apart / spread if first.shape[1] == 1 else apart / 2)
