"""The model's answers where one ordered feature is set to values over its whole range."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Feature
from deepseek_report.data_kinds.coalitions import MovedRows

#: Quantiles of a number at which the model is asked; the ends are the whole range.
_QUANTILES = (0, 0.001, 0.01, 0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.85, 0.95, 0.99, 0.999, 1)


class LevelAnswers:
    """Answers for some rows (row, column) with one column set to each of its levels.

    train : (row, column) training inputs, which say what the levels are, and how many rows have
    each.
    """

    def __init__(self, classifier: Classifier, rows: Floats, train: Floats) -> None:
        self.classifier, self.rows, self.train = classifier, rows, train
        self._known: dict[int, Floats] = {}

    @cached_property
    def _moved(self) -> MovedRows:
        return MovedRows(self.classifier, self.rows)

    def levels(self, column: int) -> Floats:
        """(level,) the values that a column is set to, ascending; see `levels_of`."""
        return levels_of(self.classifier.schema.features[column], self.train[:, column])

    def outputs(self, column: int) -> Floats:
        """(row, level, class) probabilities, or the number."""
        if column not in self._known:
            self._known[column] = self.at(column, self.levels(column))
        return self._known[column]

    def at(self, column: int, values: Floats) -> Floats:
        """(row, value, class) the answers with the column set to these values."""
        which = np.repeat(np.arange(len(self.rows)), len(values))
        columns = np.full((len(which), 1), column)
        moved = np.tile(values, len(self.rows))[:, None]
        answers = self._moved.probabilities(which, columns, moved)
        return np.asarray(answers.reshape(len(self.rows), len(values), -1))

    def support(self, column: int) -> Ints:
        """(level,) training rows with each level; of a number, those nearest to it."""
        own, levels = self.train[:, column], self.levels(column)
        nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, own[~np.isnan(own)])
        return np.bincount(nearest, minlength=len(levels))


def levels_of(feature: Feature, column: Floats) -> Floats:
    """The values at which the model is asked about a feature, ascending.

    Of a number they are quantiles of the training part and its ends; of categories those that occur
    and that the code book knows, since the order of others is not known.
    """
    known = column[~np.isnan(column)]
    if not len(known):
        return np.zeros(0)
    if feature.is_numeric:
        distinct = np.unique(known)
        if len(distinct) <= len(_QUANTILES):
            return np.asarray(distinct)
        return np.unique(np.quantile(known, _QUANTILES, method="nearest"))
    documented = np.array([category.documented for category in feature.categories])
    levels = np.unique(known)
    return np.asarray(levels[documented[levels.astype(np.int64)]])
