"""Boosted trees that stand for most of a model, so that only what they miss is estimated.

Shapley values are linear in the game: those of a model are those of a surrogate plus those of the
model's distance from it. The first follow exactly from its trees, and from a line where one helps
them; the second are small. How close the surrogate is decides how wide the intervals are, and never
whether they are right: its rows are drawn independently of the coalitions.

Reference: Goldwasser & Hooker 2023, arXiv:2310.07672 (control variates for Shapley values);
Musco, Witter & Liu 2025, arXiv:2506.11849 (a regression by trees, and what it misses).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.statistics.games.tree_shapley import tree_interactions, tree_shapley
from deepseek_report.statistics.small_trees import histogram_trees

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


#: Of the rows, the share that says how far the trees are to be trusted.
_HELD_OUT = 0.2
_TREES, _LEAVES, _RATE = 100, 8, 0.1
#: A column whose values lie within this share of their mean has one value, but for rounding.
_SAME = 1e-12


@dataclass(frozen=True)
class TreeSurrogate:
    """A regression of a model's output on mixtures of background rows.

    means : (column,) of the background, which also stand for missing values. slopes : (column,) of
    the line, 0 without one. trees : an estimator fitted to what the line misses. weight : in
    [0, 1], by what its outputs are multiplied, the slope of the model's distance from the line on
    them for rows that were held out: trees that tell nothing count nothing. fidelity : at most 1,
    R² for these rows.
    """

    means: Floats
    slopes: Floats
    trees: BaseEstimator
    weight: float
    fidelity: float

    @classmethod
    def fitted(
        cls, output: Callable[[Floats], Floats], background: Floats, rows: int, seed: int
    ) -> TreeSurrogate:
        """Fit to the output at so many mixtures of two background rows each.

        With a line and without one: what reproduces the rows better that were held out.
        """
        mixtures = _mixtures(background, rows, np.random.default_rng([seed, rows]))
        outputs, means = output(mixtures), _means(background)
        learnt = rows - int(_HELD_OUT * rows)
        slopes = _slopes(mixtures[:learnt], means, outputs[:learnt])
        both = [
            cls._with_line(means, line, mixtures, outputs, learnt) for line in (slopes, 0 * slopes)
        ]
        return max(both, key=lambda surrogate: surrogate.fidelity)

    @classmethod
    def _with_line(
        cls, means: Floats, slopes: Floats, mixtures: Floats, outputs: Floats, learnt: int
    ) -> TreeSurrogate:
        """Trees fitted to what the line misses of the first rows, and judged by the others."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        missed = outputs - _centred(mixtures, means) @ slopes
        mixtures = np.where(np.isnan(mixtures).all(axis=0), 0.0, mixtures)  # never known: no split
        trees = HistGradientBoostingRegressor(
            max_iter=_TREES, max_leaf_nodes=_LEAVES, learning_rate=_RATE, early_stopping=False
        ).fit(mixtures[:learnt], missed[:learnt])
        of_trees, missed = trees.predict(mixtures[learnt:]), missed[learnt:]
        weight = _slope(missed, of_trees)
        spread = float(outputs[learnt:].var())
        left = float((missed - weight * of_trees).var())
        fidelity = 1 - (left / spread if spread > 0 else 0.0)
        return cls(means, slopes, trees, weight, fidelity)

    def outputs(self, rows: Floats) -> Floats:
        """(row, column) -> (row,), up to a constant."""
        line = _centred(rows, self.means) @ self.slopes
        return np.asarray(line + self.weight * self.trees.predict(rows))

    def values(self, inputs: Floats, background: Floats) -> Floats:
        """(row, column) exact Shapley values of the surrogate against all background rows."""
        of_trees = tree_shapley(self._ensemble, inputs, background, 0).values
        return np.asarray(_centred(inputs, self.means) * self.slopes + of_trees)

    def of_batches(self, inputs: Floats, background: Floats, batches: Sequence[Ints]) -> Floats:
        """(batch, row, column) the same against the background rows of each batch alone."""
        of_trees = tree_shapley(self._ensemble, inputs, background, 0, batches).of_batches
        centred = _centred(background, self.means)
        starts = np.stack([centred[batch].mean(axis=0) for batch in batches])[:, None]
        line = (_centred(inputs, self.means) - starts) * self.slopes
        return np.asarray(line + of_trees)

    def interactions(self, inputs: Floats, background: Floats, features: Ints) -> Floats:
        """(pair, row) exact interaction values of the surrogate; see `tree_interactions`."""
        return tree_interactions(self._ensemble, inputs, background, 0, features)

    @property
    def _ensemble(self) -> TreeEnsemble:
        return histogram_trees(self.trees).with_outputs(np.array([[self.weight]]))


def _mixtures(background: Floats, rows: int, random: np.random.Generator) -> Floats:
    """(row, column): columns of one background row, the others of another, in any proportion."""
    columns = background.shape[1]
    first, second = background[random.integers(len(background), size=(2, rows))]
    sizes = random.integers(1, columns, size=rows)
    ranks = random.permuted(np.tile(np.arange(columns), (rows, 1)), axis=1)
    return np.asarray(np.where(ranks < sizes[:, None], first, second))


def _means(rows: Floats) -> Floats:
    known = ~np.isnan(rows)
    return np.asarray(np.where(known, rows, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _centred(rows: Floats, means: Floats) -> Floats:
    """Distances from the means, 0 for what is missing."""
    return np.asarray(np.where(np.isnan(rows), 0.0, rows - means))


def _slopes(rows: Floats, means: Floats, outputs: Floats) -> Floats:
    """(column,) least squares, with an intercept that is left out; columns of one scale.

    0 for a column that does not vary: nothing says how the output goes with it.
    """
    centred = _centred(rows, means)
    scale = np.sqrt((centred**2).mean(axis=0))
    varies = scale > _SAME * np.abs(means)
    design = np.column_stack([np.ones(len(centred)), centred[:, varies] / scale[varies]])
    slopes = np.zeros(len(means))
    slopes[varies] = np.linalg.lstsq(design, outputs, rcond=None)[0][1:] / scale[varies]
    return slopes


def _slope(numbers: Floats, of_trees: Floats) -> float:
    """Least squares slope of numbers on what the trees say, kept within [0, 1]."""
    centred = of_trees - of_trees.mean()
    spread = float(centred @ centred)
    return float(np.clip((numbers @ centred) / spread, 0.0, 1.0)) if spread > 0 else 0.0
