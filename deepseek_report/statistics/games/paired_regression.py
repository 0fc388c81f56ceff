"""Shapley values as coefficients of a regression on pairs of coalitions, with standard errors."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.statistics.games.coalition_design import PairDesign
from deepseek_report.statistics.intervals import student_ratio

# For each background row z the game v_z(S) is the output where the players in S are the instance's
# and the others those of z. Half the difference between a coalition and its complement has the same
# Shapley values, and none of its interactions of even order. Given v_z(all) − v_z(none), which are
# known, it is regressed on who is in the coalition, with the Shapley kernel as weight:
#
#     half(S, z) = Σ_j (S_j − |S| / d) · (φ_j + γ_j u_zj + δ_zj) + error
#
# φ is common to all rows, γ says how the share of a player goes with its standardised value u_z in
# the row (so that linear models are told exactly), and δ_z is what is left of the row, shrunk to 0
# by the ridge `SHRINKAGE` (a random effect: Robinson 1991, doi 10.1214/ss/1177011926). Their mean
# over all rows is the Shapley value against the whole background, however few pairs a row has.
#
# All of it is linear in the outputs, so that one design serves any number of instances.
#
# Reference: Lundberg & Lee 2017, arXiv:1705.07874; Covert & Lee 2021, arXiv:2012.01536.

#: Variance of the error over that of δ, as the ridge takes it.
SHRINKAGE = 0.3
#: Singular values below this share of the largest are taken for 0.
_RANK = 1e-9
#: A pair whose output the others say nothing about keeps this share of its variance.
_LEAST_FREEDOM = 1e-3


class PairedRegression:
    """The linear maps from half differences to values, and to their standard errors.

    design : which pairs; traits : (row, player) standardised values of the background rows, whose
    columns have mean 0 (zeros where a player has none).
    """

    def __init__(self, design: PairDesign, traits: Floats) -> None:
        kept, self._rows = design.kept, len(traits)
        self._centred = kept - kept.mean(axis=1, keepdims=True)
        self._weights, self._unseen = design.weights(), design.unseen()
        self._blocks = _positions_by_row(design.rows)
        self._fixed = np.concatenate([self._centred, self._centred * traits[design.rows]], axis=1)
        self._fit()
        self._corrections = self._variance_ratios() * self._tail_ratios() ** 2

    def _fit(self) -> None:
        """Generalised least squares, row by row, since the rows are independent."""
        players = self._centred.shape[1]
        self._shrunk = np.empty_like(self._centred)
        whitened = np.empty_like(self._fixed)
        explained = np.zeros((players, self._fixed.shape[1]))
        for block in self._blocks:
            centred, weights = self._centred[block], self._weights[block]
            weighted = centred.T * weights
            inverse = np.linalg.inv(weighted @ centred + SHRINKAGE * np.eye(players))
            self._shrunk[block] = centred @ inverse
            shared = weighted @ self._fixed[block]
            whitened[block] = weights[:, None] * (self._fixed[block] - self._shrunk[block] @ shared)
            explained += inverse @ shared
        normal = np.linalg.pinv(self._fixed.T @ whitened, rcond=_RANK, hermitian=True)
        self._coefficients = normal @ whitened.T
        random = self._weights * self._shrunk.T - explained @ self._coefficients
        self._map = self._coefficients[:players] + random / self._rows
        self._map -= self._map.mean(axis=0)
        leverage = self._weights * (self._centred * self._shrunk).sum(axis=1)
        leverage += (whitened * self._coefficients.T).sum(axis=1) / self._weights
        self._freedom = np.maximum(1 - leverage, _LEAST_FREEDOM)

    def _variance_ratios(self) -> Floats:
        """(player,) variance of the values over what the jackknife gives, both under the model.

        With few pairs for each row the jackknife is far too wide, by a factor that depends on the
        design and hardly on the outputs.
        """
        players = self._centred.shape[1]
        target = (np.eye(players) - 1 / players) / self._rows
        missed = np.full(players, (self._rows - len(self._blocks)) * (target[0] ** 2).sum())
        for block in self._blocks:
            missed += ((self._map[:, block] @ self._centred[block] - target) ** 2).sum(axis=1)
        squares = self._map**2 / self._weights
        expected = (squares / self._freedom).sum(axis=1)
        variances = squares.sum(axis=1) + missed / SHRINKAGE
        return _divided(variances, expected)

    def _tail_ratios(self) -> Floats:
        """(player,) quantile of Student's t over the normal one, for the pairs behind a variance.

        Reference: Satterthwaite 1946, doi 10.2307/3002019 (degrees of freedom).
        """
        shares = self._map**2 / (self._weights * self._freedom) * self._unseen
        degrees = _divided(shares.sum(axis=1) ** 2, (shares**2).sum(axis=1))
        return student_ratio(degrees)

    def values(self, halves: Floats) -> Floats:
        """(instance, pair) -> (instance, player) Shapley values less an even share of the whole."""
        return np.asarray(halves @ self._map.T)

    def standard_errors(self, halves: Floats) -> Floats:
        """(instance, pair) -> (instance, player), by the jackknife over pairs.

        Each pair counts with the squared error of predicting it from all others, by how much of
        its size was not asked about; 0 where everything was. They are such that the value ± 1.96
        of them is an interval of 95 %, so they allow for an error estimated from few pairs.

        Reference: MacKinnon & White 1985, doi 10.1016/0304-4076(85)90158-7 (HC3).
        """
        residuals = halves - (halves @ self._coefficients.T) @ self._fixed.T
        for block in self._blocks:
            effects = (residuals[:, block] * self._weights[block]) @ self._centred[block]
            residuals[:, block] -= effects @ self._shrunk[block].T
        squares = (residuals / self._freedom) ** 2 * self._unseen
        return np.asarray(np.sqrt(squares @ (self._map**2).T * self._corrections))


def _divided(numbers: Floats, by: Floats) -> Floats:
    """Ratios, 1 where nothing is divided by nothing."""
    return np.asarray(np.divide(numbers, by, out=np.ones_like(numbers), where=by > 0))


def _positions_by_row(rows: Ints) -> list[Ints]:
    """Positions of the pairs of each row that has any."""
    order = np.argsort(rows, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(rows[order])) + 1) if len(rows) else []


def estimated_values(
    design: PairDesign, worths: tuple[Floats, Floats], ends: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Shapley values of games, and their standard errors, from the worths of the pairs of a design.

    They are exact, and their errors 0, where the design holds every pair.

    Parameters
    ----------
    design : PairDesign
        Of one background row.
    worths : pair of arrays
        (game, pair) of each coalition, and of its complement.
    ends : pair of arrays
        (game,) worth of no player, and of all.

    Returns
    -------
    Two arrays of (game, player); a value ± 1.96 of its error is an interval of 95 %.
    """
    gains = ends[1] - ends[0]
    shares = gains[:, None] / design.players
    if not len(design):
        return np.repeat(shares, design.players, axis=1), np.zeros((len(gains), design.players))
    regression = PairedRegression(design, np.zeros((1, design.players)))
    halves = (worths[0] - worths[1]) / 2 - gains[:, None] * (design.kept.mean(axis=1) - 0.5)
    return regression.values(halves) + shares, regression.standard_errors(halves)
