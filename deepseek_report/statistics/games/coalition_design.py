"""Which coalitions are asked about, in pairs with their complements, and against which rows.

The pairs are spread alike over the sizes of coalitions, which is in proportion to their leverage
scores in the regression whose coefficients are Shapley values, and are drawn without replacement:
where the pairs of a size are few, all of them are taken. Each pair is compared with a single row
of the background; the pairs of every size are dealt out to all rows in turn.

Reference: Musco & Witter 2025, arXiv:2410.01917 (leverage scores); Covert & Lee 2021,
arXiv:2012.01536 (pairs of complements).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.statistics.intervals import student_ratio

#: Pairs of a size that are listed, so that none is drawn twice; of more, draws are independent.
_MOST_LISTED = 4096


@dataclass(frozen=True)
class PairDesign:
    """Pairs of a coalition and its complement, in the order in which they are asked about.

    kept : (pair, player) the smaller coalition of each pair.
    rows : (pair,) position of the background row that stands for the players left out.
    background_rows : how many rows there are.
    """

    kept: Bools
    rows: Ints
    background_rows: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def players(self) -> int:
        return int(self.kept.shape[1])

    def first(self, pairs: int) -> PairDesign:
        """The design that asks about the first so many pairs alone."""
        return PairDesign(self.kept[:pairs], self.rows[:pairs], self.background_rows)

    def among_first(self, players: int) -> tuple[PairDesign, Ints, Bools]:
        """The pairs of one background row where only the first so many players add anything.

        What the others do makes no difference, so that some pairs become one, and those that tell
        the first players in no way apart are left out. Within a size they are drawn as before.

        Returns the design; for each of its pairs the position of one here; and (pair,) whether the
        smaller coalition there is part of the complement here.
        """
        part = self.kept[:, :players]
        sizes = 2 * part.sum(axis=1)
        turned = (sizes > players) | ((sizes == players) & ~part[:, 0])
        part = np.where(turned[:, None], ~part, part)
        telling = np.flatnonzero(part.any(axis=1))
        different = np.unique(part[telling], axis=0, return_index=True)[1]
        at = telling[np.sort(different)]
        return PairDesign(part[at], self.rows[at], self.background_rows), at, turned[at]

    def sizes(self) -> Ints:
        """(pair,) number of players in the smaller coalition."""
        return np.asarray(self.kept.sum(axis=1))

    def weights(self) -> Floats:
        """(pair,) kernel weight of its size over the number of such pairs here; the mean is 1.

        Reference: Lundberg & Lee 2017, arXiv:1705.07874 (Shapley kernel).
        """
        sizes, players = self.sizes(), self.players
        halves = np.where(2 * sizes == players, 2, 1)
        weights = 1 / (sizes * (players - sizes) * halves * np.bincount(sizes)[sizes])
        return np.asarray(weights / weights.mean())

    def unseen(self) -> Floats:
        """(pair,) share of the pairs of its size, over all rows, that are not in the design."""
        sizes = self.sizes()
        totals = np.array([0, *(_pairs_of(self.players, k) for k in _all_sizes(self.players))])
        shares = np.bincount(sizes, minlength=len(totals))[sizes] / totals.astype(float)[sizes]
        return np.asarray(np.maximum(1 - shares / self.background_rows, 0.0))


def draw_design(
    players: int, background_rows: int, pairs: int, rng: np.random.Generator
) -> PairDesign:
    """A design of at most `pairs` pairs; all that exist, where these are no more.

    Its first pairs have about the same proportions of sizes and rows as the whole.
    """
    counts = _counts(players, background_rows, pairs)
    slots = rng.permutation(background_rows)
    kept, rows, places, dealt = [np.zeros((0, players), dtype=bool)], [], [], 0
    for size, count in zip(_all_sizes(players), counts, strict=True):
        kept.append(_coalitions(players, size, count, rng))
        rows.append(slots[np.sort((dealt + np.arange(count)) % background_rows)])
        places.append((rng.permutation(count) + 0.5) / max(count, 1))
        dealt += count
    order = np.argsort(np.concatenate([np.zeros(0), *places]), kind="stable")
    return PairDesign(
        np.concatenate(kept)[order],
        np.concatenate([np.zeros(0, dtype=np.int64), *rows])[order],
        background_rows,
    )


def all_pairs(players: int) -> int:
    """How many pairs of complements there are, besides that of none and all."""
    return int(2 ** (players - 1)) - 1 if players else 0


def _all_sizes(players: int) -> range:
    """Sizes of the smaller coalition of a pair."""
    return range(1, players // 2 + 1)


def _pairs_of(players: int, size: int) -> int:
    return comb(players, size) // (2 if 2 * size == players else 1)


def _counts(players: int, background_rows: int, pairs: int) -> list[int]:
    """How many pairs of each size: alike many, half of them for halves, at most all of them.

    What a small size cannot take goes to the others, so sizes are served from the fewest pairs on.
    """
    counts, left = [], pairs
    shares = [0.5 if 2 * size == players else 1.0 for size in _all_sizes(players)]
    order = sorted(range(len(shares)), key=lambda i: (_pairs_of(players, i + 1) / shares[i], i))
    counts = [0] * len(shares)
    waiting = sum(shares)
    for i in order:
        most = _pairs_of(players, i + 1) * background_rows
        counts[i] = min(round(left * shares[i] / waiting), most)
        left -= counts[i]
        waiting -= shares[i]
    return counts


def random_orders(count: int, rounds: int, rng: np.random.Generator) -> Ints:
    """(round, player) orders, all alike likely."""
    return rng.permuted(np.tile(np.arange(count), (rounds, 1)), axis=1)


def _coalitions(players: int, size: int, count: int, rng: np.random.Generator) -> Bools:
    """(coalition, player): all of the size in a random order, again and again; or random ones."""
    total = _pairs_of(players, size)
    if total > _MOST_LISTED:
        return np.asarray(random_orders(players, count, rng) < size)
    members = np.array(list(combinations(range(players), size))[:total])
    kept = np.zeros((total, players), dtype=bool)
    np.put_along_axis(kept, members, True, axis=1)
    return np.asarray(kept[rng.permutation(total)][np.arange(count) % total])


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
        kept, self._rows, self._traits = design.kept, len(traits), traits
        self._centred = kept - kept.mean(axis=1, keepdims=True)
        self._weights, self._unseen = design.weights(), design.unseen()
        order = np.argsort(design.rows, kind="stable")
        ends = np.flatnonzero(np.diff(design.rows[order])) + 1
        self._blocks = np.split(order, ends) if len(order) else []
        self._row_of = [int(design.rows[block[0]]) for block in self._blocks]
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
            residuals[:, block] -= self._of_row(residuals, block) @ self._centred[block].T
        squares = (residuals / self._freedom) ** 2 * self._unseen
        return np.asarray(np.sqrt(squares @ (self._map**2).T * self._corrections))

    def row_shares(self, halves: Floats) -> Floats:
        """(instance, pair) -> (instance, row, player) what is foretold of each row's own values.

        They are the γ u + δ of each row, less their mean over the players.
        """
        coefficients = halves @ self._coefficients.T
        residuals = halves - coefficients @ self._fixed.T
        shares = coefficients[:, None, self._traits.shape[1] :] * self._traits
        for row, block in zip(self._row_of, self._blocks, strict=True):
            shares[:, row] += self._of_row(residuals, block)
        return np.asarray(shares - shares.mean(axis=2, keepdims=True))

    def _of_row(self, residuals: Floats, block: Ints) -> Floats:
        """(instance, player) the δ of the row whose pairs are the block."""
        return np.asarray((residuals[:, block] * self._weights[block]) @ self._shrunk[block])


def _divided(numbers: Floats, by: Floats) -> Floats:
    """Ratios, 1 where nothing is divided by nothing."""
    return np.asarray(np.divide(numbers, by, out=np.ones_like(numbers), where=by > 0))


def estimated_values(
    design: PairDesign, worths: tuple[Floats, Floats], ends: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Shapley values of games, and their standard errors, from the worths of the pairs of a design.

    They are exact, and their errors 0, where the design holds every pair.

    design : of one background row. worths : (game, pair) of each coalition, and of its complement.
    ends : (game,) worth of no player, and of all.

    Returns (game, player) each; a value ± 1.96 of its error is an interval of 95 %.
    """
    gains = ends[1] - ends[0]
    shares = gains[:, None] / design.players
    if not len(design):
        return np.repeat(shares, design.players, axis=1), np.zeros((len(gains), design.players))
    regression = PairedRegression(design, np.zeros((1, design.players)))
    halves = (worths[0] - worths[1]) / 2 - gains[:, None] * (design.kept.mean(axis=1) - 0.5)
    return regression.values(halves) + shares, regression.standard_errors(halves)
