"""Groups of people and other parts of the data: the level of every instance, and outcomes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import CROSS, PARTS, PEOPLE, AttributeKind, Schema
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.resampling import Resampling

UNKNOWN = "unknown"
#: Why nothing can be compared by attributes of these kinds.
_ONE_LEVEL = {
    PEOPLE: message("refusals.one_level.people"),
    PARTS: message("refusals.one_level.parts"),
    PEOPLE | PARTS: message("refusals.one_level.either"),
}
MinCell = Annotated[int, Field(ge=1)]
MinEvents = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Grouping:
    """One attribute, or two crossed, with the level of every instance.

    codes : (instance,) position in `levels`, -1 where the instance is in none of them. An unknown
        attribute is a level of its own.
    resampling : what the instances are of; None where they are independent.
    """

    name: str
    label: str
    levels: tuple[str, ...]
    codes: Ints
    crossing: bool = False
    resampling: Resampling | None = None

    @property
    def drawn(self) -> Resampling:
        """What the instances are of."""
        return self.resampling or Resampling(len(self.codes))

    @property
    def sizes(self) -> Ints:
        """(level,) number of instances."""
        return self.count(self.codes >= 0)

    def count(self, where: Bools) -> Ints:
        """(level,) number of instances for which `where` holds."""
        return np.bincount(self.codes[where & (self.codes >= 0)], minlength=len(self.levels))


def groupings(
    schema: Schema,
    predictions: Predictions,
    *,
    crossings: bool,
    min_cell: int,
    kinds: frozenset[AttributeKind] = PEOPLE,
) -> list[Grouping]:
    """Every attribute of these kinds with at least two levels, then the crossings of two.

    Of a crossing only the levels with at least `min_cell` instances are kept; a crossing with
    fewer than two of them is left out.

    Raises
    ------
    NotApplicableError : there is no such attribute.
    """
    groups, drawn = predictions.groups, Resampling.of(predictions)
    single = [
        _single(attribute.name, attribute.label, attribute.levels, groups[attribute.name])
        for attribute in schema.attributes
        if attribute.kind in kinds and attribute.name in groups
    ]
    single = [grouping for grouping in single if len(grouping.levels) > 1]
    if not single:
        raise NotApplicableError(_ONE_LEVEL[kinds])
    single = [replace(grouping, resampling=drawn) for grouping in single]
    if not crossings:
        return single
    crossed = [_cross(first, other, min_cell) for first, other in combinations(single, 2)]
    return single + [grouping for grouping in crossed if len(grouping.levels) > 1]


def _single(name: str, label: str, levels: tuple[str, ...], codes: Ints) -> Grouping:
    codes = np.where(codes < 0, len(levels), codes)
    return _only_present(Grouping(name, label, (*levels, UNKNOWN), codes), 1)


def _cross(first: Grouping, other: Grouping, min_cell: int) -> Grouping:
    levels = tuple(f"{a}{CROSS}{b}" for a in first.levels for b in other.levels)
    codes = first.codes * len(other.levels) + other.codes
    name, label = f"{first.name}{CROSS}{other.name}", f"{first.label}{CROSS}{other.label}"
    return _only_present(Grouping(name, label, levels, codes, True, first.resampling), min_cell)


def _only_present(grouping: Grouping, min_cell: int) -> Grouping:
    kept = np.flatnonzero(grouping.sizes >= min_cell)
    place = np.full(len(grouping.levels), -1)
    place[kept] = np.arange(len(kept))
    levels = tuple(grouping.levels[k] for k in kept)
    return replace(grouping, levels=levels, codes=place[grouping.codes])


@dataclass(frozen=True)
class Outcomes:
    """What happened to each instance, seen from the person: favourable decision and label."""

    favoured: Bools
    deserving: Bools

    @classmethod
    def of(cls, predictions: Predictions, favourable: int) -> Outcomes:
        return cls(predictions.decisions == favourable, predictions.labels == favourable)
