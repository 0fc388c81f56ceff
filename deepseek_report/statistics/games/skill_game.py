"""How much of a model's skill each player earns: Shapley values of its mean squared error.

With the players S known a model answers f_S(x), the mean of f(x_S, z) over references z that stand
for the others. The game is v(S) = −mean over rows of (y − f_S(x))², and its values add up to the
skill: the error of the mean answer less that of the model. The square of a mean over references is
a mean over pairs of them, (f_S − y)² = E (f(x_S, z) − y)(f(x_S, z') − y) for independent z and z',
so two draws a row estimate it without bias, and the game is that against all references.

Every row that is asked about walks one random order of the players in both directions. What a sum
of functions of single players earns follows exactly, in every row. Where such a sum stands for most
of the model, only what the model earns beyond it in the same walks is estimated.

Reference: Covert, Lundberg & Lee 2020, arXiv:2004.00668 (SAGE); Mitchell et al. 2022,
arXiv:2104.12199 (orders in both directions); Neyman 1938, doi:10.1080/01621459.1938.10503378
(something that is known of all rows beside what is measured in some).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.statistics.resampling import Resampling

#: Answers (question, output) for which players stay (question, player), the row that they are of
#: (question,), and which of its references (question,) stands for the others.
AskMixtures = Callable[[Bools, Ints, Ints], Floats]


@dataclass(frozen=True)
class SkillGame:
    """A model's squared error on some rows, of which players are taken away.

    truths : (row, output). outputs : (row, output) the model's answers. nothing : (output,) its
    mean answer where no player is known, or (row, output). at_reference : (row, draw, output) its
    answers to the references that were drawn for each row, independently and at least two; a single
    one is the only reference that there is. moves : (player,) whether it differs from a reference
    in any row; one that does not earns exactly 0.
    """

    truths: Floats
    outputs: Floats
    nothing: Floats
    at_reference: Floats
    moves: Bools

    @property
    def players(self) -> int:
        return len(self.moves)

    @property
    def skills(self) -> Floats:
        """(row,) squared error of the mean answer less that of the model."""
        return skills(self.truths, self.outputs, self.nothing)

    def values(self, ask: AskMixtures, orders: Ints) -> Floats:
        """(row, player) what each player earns in each row; a row's sum is its skill.

        ask : answers 2 (players − 1) questions for each row and reference.
        orders : (row, player) in which the players of each row come in, forwards and backwards.
        """
        n, draws = self.at_reference.shape[:2]
        cuts = np.arange(1, self.players)
        first = np.argsort(orders, axis=1)[:, None, :] < cuts[:, None]
        kept = np.stack([first, ~first[:, ::-1]], axis=1)
        questions = np.broadcast_to(kept[..., None, :], (n, 2, len(cuts), draws, self.players))
        rows, _, _, which = np.indices(questions.shape[:-1])
        answers = ask(questions.reshape(-1, self.players), rows.ravel(), which.ravel())
        between = answers.reshape(*questions.shape[:-1], self.truths.shape[1])
        truths = self.truths
        ends = _squared(self.at_reference, truths), _squared(self.outputs[:, None], truths)
        gains = np.zeros((n, self.players))
        for direction, order in ((0, orders), (1, orders[:, ::-1])):
            inner = [_squared(between[:, direction, k], truths) for k in range(len(cuts))]
            earned = np.empty_like(gains)
            falls = -np.diff(np.stack([ends[0], *inner, ends[1]], axis=1), axis=1)
            np.put_along_axis(earned, order, falls, axis=1)
            gains += earned / 2
        return self._added_up(np.where(self.moves, gains, 0.0))

    def _added_up(self, gains: Floats) -> Floats:
        """Gains less what goes with the known error of the two ends, so that they add up.

        The sum of a row's gains is off by how far its references' error is from the exact one: a
        control variate of mean 0, whose slope is that of least squares. The slope of every second
        row is that of the other rows, so that the mean stays what it is.
        """
        off = gains.sum(axis=1) - self.skills
        slopes = np.empty_like(gains)
        for start in (0, 1):
            slopes[start::2] = _slopes(off[1 - start :: 2], gains[1 - start :: 2])
        return np.asarray(gains - off[:, None] * slopes)


def skills(truths: Floats, outputs: Floats, nothing: Floats) -> Floats:
    """(row,) squared error of the mean answer less that of the answers; arrays (row, output).

    >>> skills(np.array([[1.0]]), np.array([[0.9]]), np.array([0.5])).round(2).tolist()
    [0.24]
    """
    return np.asarray(((nothing - truths) ** 2 - (outputs - truths) ** 2).sum(axis=1))


#: Size of a control beside the values from which on it is more than the rounding of answers.
_ROUNDING = 1e-4


def _slopes(control: Floats, values: Floats) -> Floats:
    """(player,) slopes of (row, player) values on (row,) a control of mean 0; they add up to 1.

    They are alike where the control is rounding, as it is where there is one reference alone:
    slopes on it would be of any size. A player that is 0 in every row has none: it is a dummy.
    """
    spread, shares = float(control @ control), values.any(axis=0).astype(np.float64)
    shares /= max(shares.sum(), 1.0)
    if not spread > _ROUNDING**2 * float((values**2).sum()):
        return np.asarray(shares)
    slopes = control @ values / spread
    return np.asarray(slopes + (1 - slopes.sum()) * shares)


def _squared(answers: Floats, truths: Floats) -> Floats:
    """(row, draw, output) answers -> (row,) squared error of their mean, without bias.

    The mean over all pairs of different draws; of one draw its own square.

    >>> _squared(np.array([[[1.0], [3.0]]]), np.array([[0.0]])).tolist()
    [3.0]
    """
    off = answers - truths[:, None]
    squares, draws = (off**2).sum(axis=1), off.shape[1]
    if draws == 1:
        return np.asarray(squares.sum(axis=1))
    return np.asarray(((off.sum(axis=1) ** 2 - squares) / (draws * (draws - 1))).sum(axis=1))


#: Bins of a column, penalty of each, and the share of the rows that say how far the sum is trusted.
_BINS, _PENALTY, _HELD_OUT = 10, 1.0, 0.25


@dataclass(frozen=True)
class AdditiveStandIn:
    """A sum of functions of single columns that stands for most of a model.

    edges : of each column, between its bins. effects : of each column (bin, output), the last bin
    for missing values; multiplied by how well the sum foretells rows that were held out, so that
    one that tells nothing is 0. mean : (output,).
    """

    edges: tuple[Floats, ...]
    effects: tuple[Floats, ...]

    @classmethod
    def fitted(cls, rows: Floats, answers: Floats, values: Floats) -> AdditiveStandIn:
        """Ridge regression of (row, output) answers on the bins of (row, column) rows.

        values : (row, column) by whose quantiles the bins are made.
        """
        shares = np.linspace(0, 1, _BINS + 1)[1:-1]
        edges = tuple(
            np.unique(np.quantile(known, shares, method="lower")) if len(known) else np.zeros(0)
            for known in (column[~np.isnan(column)] for column in values.T)
        )
        bins = _binned(edges, rows)
        starts = np.cumsum([0, *(len(edge) + 2 for edge in edges)])
        design = np.zeros((len(rows), starts[-1]))
        np.put_along_axis(design, bins + starts[:-1], 1.0, axis=1)
        learnt = len(rows) - int(_HELD_OUT * len(rows))
        mean = answers[:learnt].mean(axis=0)
        centre = design[:learnt].mean(axis=0)
        own = design[:learnt] - centre
        normal = own.T @ own + _PENALTY * np.eye(own.shape[1])
        effects = np.linalg.solve(normal, own.T @ (answers[:learnt] - mean))
        foretold = (design[learnt:] - centre) @ effects
        left = answers[learnt:] - mean
        weight = (foretold * left).sum(axis=0) / np.maximum((foretold**2).sum(axis=0), 1e-300)
        effects = effects * np.clip(weight, 0.0, 1.0)
        return cls(edges, tuple(np.split(effects, starts[1:-1])))

    def terms(self, rows: Floats) -> Floats:
        """(row, column) -> (row, column, output) the terms of the sum."""
        bins = _binned(self.edges, rows)
        columns = zip(self.effects, bins.T, strict=True)
        return np.stack([effects[places] for effects, places in columns], axis=1)


def _binned(edges: tuple[Floats, ...], rows: Floats) -> Ints:
    """(row, column) bins; a missing value is in the last one."""
    columns = zip(edges, rows.T, strict=True)
    return np.stack(
        [
            np.where(np.isnan(column), len(edge) + 1, np.searchsorted(edge, column))
            for edge, column in columns
        ],
        axis=1,
    )


def additive_values(truths: Floats, terms: Floats, nothing: Floats) -> Floats:
    """(row, player) exact values where a model is `nothing` plus a sum of terms of single players.

    truths : (row, output). terms : (row, player, output), whose mean over the references is 0.
    nothing : (output,) the mean answer.

    With a term g the error falls by 2 (y − nothing) g less g times the whole sum, since the square
    of a sum shares each product of two terms alike.

    >>> additive_values(np.array([[1.0]]), np.array([[[0.5], [0.25]]]), np.zeros(1)).tolist()
    [[0.625, 0.3125]]
    """
    whole = terms.sum(axis=1, keepdims=True)
    return np.asarray((terms * (2 * (truths - nothing)[:, None] - whole)).sum(axis=2))


def extended(values: Floats, exact: Floats, known: Floats, sampled: Ints) -> Floats:
    """(row, player) values of all rows from those of some: their mean is the estimate.

    values : (sampled row, player) of the rows at the positions `sampled`, less those of a stand-in
    in the same walks. exact : (row, player) what the stand-in earns. known : (row,) what each row's
    values add up to. The rows that were not sampled tell the estimate what the stand-in leaves of
    their skill, which goes to the players by least squares, so that the means add up to that of
    `known`.
    """
    left = known - exact.sum(axis=1)
    centred = left[sampled] - left[sampled].mean()
    slopes = _slopes(centred, values - values.mean(axis=0))
    mean = values.mean(axis=0) - left[sampled].mean() * slopes
    rest = values - left[sampled][:, None] * slopes - mean
    whole = exact + left[:, None] * slopes + mean
    whole[sampled] += rest * len(known) / len(sampled)
    return np.asarray(whole)


def rise_by_exchange(rises: Floats, donors: Ints, resampling: Resampling) -> tuple[float, float]:
    """How much the mean loss rises where rows get part of their values from other rows.

    rises : (repeat, row) of the loss of each row with the values of another one. donors : (repeat,
    row) whose values these are: every repeat is an exchange, in which each row gives once.
    resampling : what the rows are of.

    Returns the rise, and a standard error over rows and repeats. A row counts by what it loses with
    the values of others, and by what others lose with its own. In both is what belongs to the other
    row or to the pair alone, of which the mean has less: by the variance of a single rise.

    >>> rise_by_exchange(np.ones((1, 2)), np.array([[1, 0]]), Resampling(2))
    (1.0, 0.0)
    """
    repeats, n = rises.shape
    donated = np.bincount(donors.ravel(), rises.ravel(), minlength=n) / repeats
    influence = rises.mean(axis=0) + donated
    each = resampling.influences((influence - influence.mean()) / n)
    of_pairs = float(rises.var()) / (n * repeats)
    variance = max(float(each @ each) - of_pairs, of_pairs / 2)
    return float(rises.mean()), float(np.sqrt(variance))
