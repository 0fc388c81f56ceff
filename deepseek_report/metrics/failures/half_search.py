"""Parts of the data that are searched for in one half of the cases and told of by the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.metrics.failures.conditions import Condition, part_of
from deepseek_report.statistics.resampling import Resampling

#: Share of the cases of a part that may be in those listed before it.
_MOST_SEEN = 0.5

#: Positions of the conditions that a part of the data meets.
Part = tuple[int, ...]
Row = dict[str, Any]


@dataclass(frozen=True)
class Halves:
    """Positions of the cases of two halves, each of which is searched for the other to report.

    least : cases that a part needs in each half.
    """

    parts: tuple[Ints, Ints]
    least: int

    @classmethod
    def of(cls, order: Ints, least: int, resampling: Resampling) -> Halves:
        """Every second observation of a random order of the cases, and the others."""
        first, second = resampling.halves(order)
        return cls((np.sort(first), np.sort(second)), math.ceil(least / 2))


@dataclass(frozen=True)
class Beside:
    """Parts that are sure by another search, listed behind those that are sure by a half.

    entries : members (instance,) and row of each. weight : the share of the level of the tests that
    is left to the halves. alpha : that level.
    """

    entries: Sequence[tuple[Bools, Row]] = ()
    weight: float = 1.0
    alpha: float = 0.0


@dataclass(frozen=True)
class HalfSearch:
    """Searches either half, and tells what is found by the other.

    conditions : of which parts are made. halves : of the cases.
    apart : whether a part is counted without the cases of those found before it.
    """

    conditions: Sequence[Condition]
    halves: Halves
    apart: bool = True

    def members(self, part: Part) -> Bools:
        """(instance,) the cases that meet all conditions of a part."""
        return np.asarray(np.all([self.conditions[place].holds for place in part], axis=0))

    def named(self, part: Part) -> dict[str, str]:
        """The name (`slice`) of a part, and the `features` it is about."""
        whole = part_of([self.conditions[place] for place in part])
        return {"slice": whole.text, "features": whole.about}

    def rows(
        self,
        find: Callable[[Ints], Sequence[Part]],
        tell: Callable[[Bools, Ints], Row],
        most: int,
        beside: Beside = Beside(),
    ) -> list[Row]:
        """What both halves find, as the other half tells it, surest first.

        Of parts that share most of their cases the surest is listed.

        find : from the positions of the searched cases to the parts found there, best first.
        tell : what is told of the members (instance,) of a part by the reported cases, with the
            `p_value` of a test that uses these alone.
        most : how many parts are listed. beside : those of another search.

        Returns for each part its name (`slice`), the `features` it is about, and what was told,
        with the p-value corrected for all parts of both halves in `p_adjusted`.
        """
        first, second = self.halves.parts
        halves = [
            *self._of_half(find(first), second, tell, beside.weight),
            *self._of_half(find(second), first, tell, beside.weight),
        ]
        halves.sort(key=lambda entry: entry[1]["p_adjusted"])
        sure = [entry for entry in halves if entry[1]["p_adjusted"] < beside.alpha]
        others = sorted(beside.entries, key=lambda entry: entry[1]["p_adjusted"])
        kept, seen = list[Row](), np.zeros(len(first) + len(second), bool)
        for inside, row in (*sure, *others, *halves[len(sure) :]):
            if (inside & seen).sum() <= _MOST_SEEN * inside.sum():
                kept.append(row)
                seen |= inside
        return kept[:most]

    def _of_half(
        self,
        parts: Sequence[Part],
        reported: Ints,
        tell: Callable[[Bools, Ints], Row],
        weight: float,
    ) -> list[tuple[Bools, Row]]:
        """Members and row of each part that is large enough in the half that was not searched.

        The k-th is tested at the level α / 2k(k + 1), which adds up to α over both halves, or at
        the share of it that is left to the halves (`weight`).
        """
        earlier = np.zeros(sum(map(len, self.halves.parts)), bool)
        rows = []
        for rank, part in enumerate(parts, start=1):
            inside = self.members(part) & ~(earlier & self.apart)
            earlier |= inside
            if inside[reported].sum() < self.halves.least:
                continue
            facts = tell(inside, reported)
            adjusted = min(2 * rank * (rank + 1) * facts["p_value"] / weight, 1.0)
            rows.append((inside, {**self.named(part), **facts, "p_adjusted": adjusted}))
        return rows
