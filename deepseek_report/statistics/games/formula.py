"""A function that is written down: what makes the labels of data whose effects are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np
from pydantic import TypeAdapter

from deepseek_report.artifacts.array_types import Bools, Floats, Ints

FactorKind = Literal["value", "square", "above", "equals"]


@dataclass(frozen=True)
class Factor:
    """One factor of a term, of the mean m of some columns.

    value: m. square: (m² − 1) / √2, which has mean 0 and variance 1 of a standard normal m.
    above: 1 where m > at, else 0. equals: 1 where m = at, else 0.
    """

    kind: FactorKind
    columns: tuple[int, ...]
    at: float = 0.0

    def value(self, rows: Floats) -> Floats:
        """(row, column) -> (row,)."""
        mean = rows[:, list(self.columns)].mean(axis=1)
        if self.kind == "value":
            return np.asarray(mean)
        if self.kind == "square":
            return np.asarray((mean**2 - 1) / np.sqrt(2))
        hit = mean > self.at if self.kind == "above" else mean == self.at
        return np.asarray(hit, dtype=np.float64)


@dataclass(frozen=True)
class Term:
    """A weight times the product of its factors."""

    weight: float
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class Formula:
    """A sum of terms; of data with two classes it is the log-odds of the explained one."""

    terms: tuple[Term, ...]

    def value(self, rows: Floats) -> Floats:
        """(row, column) -> (row,).

        >>> formula = Formula((Term(2.0, (Factor("value", (0,)), Factor("above", (1,)))),))
        >>> formula.value(np.array([[3.0, 1.0], [3.0, -1.0]])).tolist()
        [6.0, 0.0]
        """
        total = np.zeros(len(rows))
        for term in self.terms:
            product = np.full(len(rows), term.weight)
            for factor in term.factors:
                product = product * factor.value(rows)
            total += product
        return total

    @property
    def columns(self) -> tuple[int, ...]:
        """Positions of the columns that it reads, in their order."""
        factors = (factor for term in self.terms for factor in term.factors)
        return tuple(sorted({column for factor in factors for column in factor.columns}))

    def to_json(self) -> list[dict[str, object]]:
        """Plain data, from which `from_json` makes the formula again."""
        return list(_TERMS.dump_python(self.terms, mode="json"))

    @classmethod
    def from_json(cls, terms: Sequence[Mapping[str, object]]) -> Formula:
        return cls(_TERMS.validate_python(terms))


_TERMS = TypeAdapter(tuple[Term, ...])


# Shapley values from their definition: every coalition of a few players is asked about.

#: Numbers in one call of the answer, so that many coalitions do not fill the memory.
_MOST_CELLS = 2**21


def coalitions(players: int) -> Bools:
    """(coalition, player) who is in each of the 2 ** players coalitions.

    The player k is in coalition c where bit k of c is set: the first is empty, the last is whole.

    >>> coalitions(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    return ((np.arange(2**players)[:, None] >> np.arange(players)) & 1).astype(bool)


def shapley_values(worths: Floats) -> Floats:
    """The Shapley values of games of which the worth of every coalition is known.

    worths : (…, 2 ** players), in the order of `coalitions`.

    Returns (…, player); their sum is the worth of the whole less that of the empty coalition.

    >>> shapley_values(np.array([0.0, 1.0, 2.0, 5.0])).tolist()
    [2.0, 3.0]

    Reference: Shapley 1953, doi:10.1515/9781400881970-018.
    """
    players = int(worths.shape[-1]).bit_length() - 1
    kept = coalitions(players)
    sizes = kept.sum(axis=1)
    weights = np.array([1 / (players * comb(players - 1, size)) for size in range(players)])
    values = np.empty((*worths.shape[:-1], players))
    for player in range(players):
        without = np.flatnonzero(~kept[:, player])
        gain = worths[..., without | (1 << player)] - worths[..., without]
        values[..., player] = gain @ weights[sizes[without]]
    return values


def enumerated_values(
    answer: Callable[[Floats], Floats], rows: Floats, references: Floats, owners: Ints
) -> Floats:
    """(instance, player) exact Shapley values: what is taken away is replaced by each reference.

    answer : (row, column) -> (row,) the output that is shared out.
    rows : (instance, column) to be explained.
    references : (reference, column) rows whose mean output is the worth of a coalition, the same
        for all instances, or (instance, reference, column).
    owners : (column,) the player of each column. It asks 2 ** players times as many rows as there
        are references, for every instance.
    """
    kept = coalitions(int(owners.max()) + 1)[:, owners]
    worths = np.empty((len(rows), len(kept)))
    for place, row in enumerate(rows):
        own = references if references.ndim == 2 else references[place]
        size = max(1, _MOST_CELLS // own.size)
        for start in range(0, len(kept), size):
            part = kept[start : start + size]
            mixed = np.where(part[:, None], row, own).reshape(-1, rows.shape[1])
            worths[place, start : start + size] = answer(mixed).reshape(len(part), -1).mean(axis=1)
    return shapley_values(worths)
