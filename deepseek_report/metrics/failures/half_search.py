"""Parts of the data that are searched for in one half of the cases and told of by the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.metrics.failures.conditions import Condition, part_of

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
    def of(cls, order: Ints, least: int) -> Halves:
        """Every second case of a random order, and the others."""
        return cls((np.sort(order[::2]), np.sort(order[1::2])), math.ceil(least / 2))


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

    def rows(
        self, find: Callable[[Ints], Sequence[Part]], tell: Callable[[Bools, Ints], Row], most: int
    ) -> list[Row]:
        """What both halves find, as the other half tells it, surest first.

        Of parts that share most of their cases the surest is listed.

        Parameters
        ----------
        find : from the positions of the searched cases to the parts found there, best first.
        tell : what is told of the members (instance,) of a part by the reported cases, with the
            `p_value` of a test that uses these alone.
        most : how many parts are listed.

        Returns
        -------
        For each part its name (`slice`), the `features` it is about, and what was told, with the
        p-value corrected for all parts of both halves in `p_adjusted`.
        """
        first, second = self.halves.parts
        listed = [
            *self._of_half(find(first), second, tell),
            *self._of_half(find(second), first, tell),
        ]
        kept, seen = list[Row](), np.zeros(len(first) + len(second), bool)
        for inside, row in sorted(listed, key=lambda entry: entry[1]["p_adjusted"]):
            if (inside & seen).sum() <= _MOST_SEEN * inside.sum():
                kept.append(row)
                seen |= inside
        return kept[:most]

    def _of_half(
        self, parts: Sequence[Part], reported: Ints, tell: Callable[[Bools, Ints], Row]
    ) -> list[tuple[Bools, Row]]:
        """Members and row of each part that is large enough in the half that was not searched.

        The k-th is tested at the level α / 2k(k + 1), which adds up to α over both halves.
        """
        earlier = np.zeros(sum(map(len, self.halves.parts)), bool)
        rows = []
        for rank, part in enumerate(parts, start=1):
            inside = self.members(part) & ~(earlier & self.apart)
            earlier |= inside
            if inside[reported].sum() < self.halves.least:
                continue
            name = part_of([self.conditions[place] for place in part])
            facts = tell(inside, reported)
            adjusted = min(2 * rank * (rank + 1) * facts["p_value"], 1.0)
            row = {"slice": name.text, "features": name.about, **facts, "p_adjusted": adjusted}
            rows.append((inside, row))
        return rows
