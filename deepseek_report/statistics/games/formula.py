"""A function that is written down: what makes the labels of data whose effects are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats

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

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data, from which `from_json` makes the formula again."""
        return [
            {
                "weight": term.weight,
                "factors": [
                    {"kind": each.kind, "columns": list(each.columns), "at": each.at}
                    for each in term.factors
                ],
            }
            for term in self.terms
        ]

    @classmethod
    def from_json(cls, terms: Sequence[Mapping[str, Any]]) -> Formula:
        return cls(
            tuple(
                Term(
                    float(term["weight"]),
                    tuple(
                        Factor(each["kind"], tuple(each["columns"]), float(each["at"]))
                        for each in term["factors"]
                    ),
                )
                for term in terms
            )
        )
