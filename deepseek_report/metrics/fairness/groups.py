"""Groups of people and other parts of the data: the level of every instance, and outcomes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import (
    CROSS,
    PARTS,
    PEOPLE,
    UNKNOWN,
    Attribute,
    AttributeKind,
    Schema,
)
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.plugin import PeopleMetric
from deepseek_report.statistics.resampling import Resampling

#: So many names of small levels stand in the name of their pool.
_NAMED = 3
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
    pooled : names of the levels that the last one holds, where they are too small alone.
    """

    name: str
    label: str
    levels: tuple[str, ...]
    codes: Ints
    crossing: bool = False
    resampling: Resampling | None = None
    pooled: tuple[str, ...] = ()

    @property
    def drawn(self) -> Resampling:
        """What the instances are of."""
        return self.resampling or Resampling(len(self.codes))

    @property
    def named(self) -> Bools:
        """(level,) whether it is one group of people, and no pool of several."""
        return np.arange(len(self.levels)) < len(self.levels) - bool(self.pooled)

    @property
    def known(self) -> Bools:
        """(level,) whether it says who is in it, of a crossing by both attributes.

        Others are no group that anybody could be set against.
        """
        return np.array([UNKNOWN not in level.split(CROSS) for level in self.levels], bool)

    @property
    def sizes(self) -> Ints:
        """(level,) number of instances."""
        return self.count(self.codes >= 0)

    def only(self, kept: Bools) -> Grouping:
        """The grouping with some levels alone; the instances of the others are in none."""
        place = np.where(kept, np.cumsum(kept) - 1, -1)
        levels = tuple(level for level, keep in zip(self.levels, kept, strict=True) if keep)
        codes = np.where(self.codes < 0, -1, place[self.codes])
        return replace(self, levels=levels, codes=codes, pooled=())

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
    apart: Collection[str] | None = None,
) -> list[Grouping]:
    """Every attribute of these kinds with at least two levels, then the crossings of two.

    An attribute or a crossing all of whose levels are unknown is left out. With `apart`, levels of
    fewer than `min_cell` instances are taken together where there are two of them beside a larger
    one, but for an unknown one and those that it names. Of a crossing only the levels with at least
    `min_cell` instances are kept; a crossing with fewer than two of them is left out.

    Raises NotApplicableError: there is no such attribute.
    """
    groups, drawn = predictions.groups, Resampling.of(predictions)
    single = [
        _single(attribute, groups[attribute.name])
        for attribute in schema.attributes
        if attribute.kind in kinds and attribute.name in groups
    ]
    single = [grouping for grouping in single if _is_compared(grouping)]
    if not single:
        raise NotApplicableError(_ONE_LEVEL[kinds])
    single = [replace(grouping, resampling=drawn) for grouping in single]
    listed = single
    if apart is not None:
        listed = [_with_pool(grouping, min_cell, apart) for grouping in single]
    pairs = combinations(single, 2) if crossings else ()
    crossed = [_cross(first, other, min_cell) for first, other in pairs]
    return listed + [grouping for grouping in crossed if _is_compared(grouping)]


@dataclass(frozen=True)
class CrossedMetric(PeopleMetric):
    """Base of a metric that compares all groups of people that are large enough."""

    reads = frozenset({"predictions", "dataset", "seed"})
    crossings: bool = True
    min_cell: MinCell = 30
    min_events: MinEvents = 5

    @property
    def floor(self) -> tuple[int, int]:
        """The fewest people and the fewest events of a group that is judged."""
        return self.min_cell, self.min_events

    def groupings(self, context: MeasureContext, *, pool: bool = False) -> list[Grouping]:
        """Every attribute of people, and the crossings of two where asked for; see `groupings`."""
        schema, predictions = context.dataset.schema, context.predictions
        return groupings(
            schema,
            predictions,
            crossings=self.crossings,
            min_cell=self.min_cell,
            apart=() if pool else None,
        )


def _single(attribute: Attribute, codes: Ints) -> Grouping:
    """An unknown level is one of its own, unless instances have none by nature."""
    unknown = -1 if attribute.partial else len(attribute.levels)
    levels = (*attribute.levels, UNKNOWN)
    codes = np.where(codes < 0, unknown, codes)
    grouping = Grouping(attribute.name, attribute.label, levels, codes)
    return grouping.only(grouping.sizes > 0)


def _is_compared(grouping: Grouping) -> bool:
    """Whether it has two levels, of which others can be set against one."""
    return len(grouping.levels) > 1 and bool(grouping.known.any())


def _with_pool(grouping: Grouping, min_cell: int, apart: Collection[str]) -> Grouping:
    """The grouping with its small levels as one, the last, that bears their names.

    Where every level is small they stay apart: a pool of everybody has nothing to be compared with.
    """
    kept_names = {UNKNOWN, *apart}
    is_small = (grouping.sizes < min_cell) & [name not in kept_names for name in grouping.levels]
    if is_small.sum() < 2 or is_small.all():
        return grouping
    place = np.where(is_small, int((~is_small).sum()), np.cumsum(~is_small) - 1)
    names = np.array(grouping.levels, object)
    pooled = tuple(names[is_small])
    more = f"; … ({len(pooled)})" if len(pooled) > _NAMED else ""
    together = "; ".join(pooled[:_NAMED]) + more
    codes = np.where(grouping.codes < 0, -1, place[grouping.codes])
    levels = (*names[~is_small], together)
    return replace(grouping, levels=levels, codes=codes, pooled=pooled)


def _cross(first: Grouping, other: Grouping, min_cell: int) -> Grouping:
    levels = tuple(f"{a}{CROSS}{b}" for a in first.levels for b in other.levels)
    codes = first.codes * len(other.levels) + other.codes
    codes = np.where((first.codes < 0) | (other.codes < 0), -1, codes)
    name, label = f"{first.name}{CROSS}{other.name}", f"{first.label}{CROSS}{other.label}"
    grouping = Grouping(name, label, levels, codes, True, first.resampling)
    return grouping.only(grouping.sizes >= min_cell)


@dataclass(frozen=True)
class Outcomes:
    """What happened to each instance, seen from the person: favourable decision and label."""

    favoured: Bools
    deserving: Bools

    @classmethod
    def of(cls, predictions: Predictions, favourable: int) -> Outcomes:
        return cls(predictions.decisions == favourable, predictions.labels == favourable)
