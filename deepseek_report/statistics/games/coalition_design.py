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

        Returns
        -------
        The design; for each of its pairs the position of one here; and (pair,) whether the smaller
        coalition there is part of the complement here.
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


def _coalitions(players: int, size: int, count: int, rng: np.random.Generator) -> Bools:
    """(coalition, player): all of the size in a random order, again and again; or random ones."""
    total = _pairs_of(players, size)
    if total > _MOST_LISTED:
        ranks = rng.permuted(np.tile(np.arange(players), (count, 1)), axis=1)
        return np.asarray(ranks < size)
    members = np.array(list(combinations(range(players), size))[:total])
    kept = np.zeros((total, players), dtype=bool)
    np.put_along_axis(kept, members, True, axis=1)
    return np.asarray(kept[rng.permutation(total)][np.arange(count) % total])
