"""Simple conditions on features that a person can read, such as `credit limit up to NT$ 50 000`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.resampling import Resampling

_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Condition:
    """One condition, the name of what it is about, and the instances that meet it."""

    about: str
    text: str
    holds: Bools


def feature_conditions(feature: Feature, values: Floats, reference: Floats) -> Iterator[Condition]:
    """Conditions that split one feature: quarters of a number, each category, and missing.

    values : (instance,) to be split. reference : (row,) from which the quartiles are taken.
    """
    if feature.is_numeric:
        yield from _quarters(feature, values, reference)
    else:
        for k, category in enumerate(feature.categories):
            yield Condition(feature.name, f"{feature.label} is “{category.label}”", values == k)
    yield Condition(feature.name, f"{feature.label} is missing", np.isnan(values))


def _quarters(feature: Feature, values: Floats, reference: Floats) -> Iterator[Condition]:
    known = reference[~np.isnan(reference)]
    if not len(known):
        return
    inner = np.unique(np.quantile(known, _QUARTILES, method="lower"))
    for low, high in pairwise([-np.inf, *inner[inner < known.max()].tolist(), np.inf]):
        yield Condition(
            feature.name,
            f"{feature.label} is {_between(feature, low, high)}",
            (values > low) & (values <= high),
        )


def _between(feature: Feature, low: float, high: float) -> str:
    parts = []
    if np.isfinite(low):
        parts.append(f"over {feature.display(low)}")
    if np.isfinite(high):
        parts.append(f"up to {feature.display(high)}")
    return ", ".join(parts) or "known"


def all_conditions(
    schema: Schema,
    inputs: Floats,
    reference: Floats,
    groups: Mapping[str, Ints],
    columns: Iterable[int] | None = None,
) -> list[Condition]:
    """Conditions on every feature of a table, and on attributes that the model never sees.

    `columns` : positions of the features that are looked at; all of a table by default. Pixels,
    steps and places of a text are no features that a person could name a slice by.
    """
    if columns is None:
        columns = range(len(schema.features))
    named = kind_of(schema).named_columns
    conditions = [
        condition
        for j in (columns if named else ())
        for condition in feature_conditions(schema.features[j], inputs[:, j], reference[:, j])
    ]
    for attribute in schema.attributes:
        if (attribute.source is None or not named) and attribute.name in groups:
            codes = groups[attribute.name]
            conditions += [
                Condition(attribute.name, f"{attribute.label} is “{level}”", codes == k)
                for k, level in enumerate(attribute.levels)
            ]
    return conditions


def frequent(
    conditions: Iterable[Condition], schema: Schema, n: int, least: int
) -> list[Condition]:
    """The conditions that hold for at least so many of n instances, and fail for as many.

    Raises NotApplicableError: there is none.
    """
    kept = [condition for condition in conditions if least <= condition.holds.sum() <= n - least]
    if not kept:
        raise NotApplicableError(
            message("refusals.no_split", rows=n, least=least)
            if kind_of(schema).named_columns or schema.attributes
            else message("refusals.no_attributes")
        )
    return kept


def joined(about: Sequence[str], pairs: bool) -> tuple[Ints, Ints]:
    """Positions of the two conditions of every part: each alone (twice the same), then in pairs.

    Conditions on the same feature are not joined.

    about : (condition,) name of the feature of each. pairs : whether two conditions are joined.
    """
    k = len(about)
    first, second = np.triu_indices(k) if pairs else (np.arange(k), np.arange(k))
    owner = np.unique(about, return_inverse=True)[1]
    kept = (first == second) | (owner[first] != owner[second])
    return first[kept].astype(np.int64), second[kept].astype(np.int64)


def part_of(conditions: Sequence[Condition]) -> Condition:
    """The part of the data that meets all conditions; there is at least one."""
    return Condition(
        ", ".join(condition.about for condition in conditions),
        " and ".join(condition.text for condition in conditions),
        np.all([condition.holds for condition in conditions], axis=0),
    )


def indicator_matrix(conditions: Sequence[Condition]) -> Floats:
    """(instance, condition) of 0 and 1."""
    return np.stack([condition.holds for condition in conditions], axis=1).astype(np.float64)


#: Share of the cases of a part that may be in those listed before it.
_MOST_SEEN = 0.5

#: Positions of the conditions that a part of the data meets.
Part = tuple[int, ...]
#: What is told of a part: the p-value of its test, and the cells of further columns.
Facts = tuple[float, Mapping[str, object]]


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
class FoundPart:
    """A part of the data that a search gives.

    members : (instance,) the cases in it. text : its conditions. about : names of their features.
    facts : told by the cases in `reported`. p_adjusted : corrected for all that was tested.
    """

    members: Bools
    text: str
    about: str
    facts: Facts
    reported: Ints
    p_adjusted: float

    def row(self) -> dict[str, Any]:
        """Its cells in the table of a metric."""
        p_value, cells = self.facts
        tested = {"p_value": p_value, "p_adjusted": self.p_adjusted}
        return {"slice": self.text, "features": self.about, **cells, **tested}


@dataclass(frozen=True)
class Beside:
    """Parts that are sure by another search, listed behind those that are sure by a half.

    weight : the share of the level of the tests that is left to the halves. alpha : that level.
    """

    parts: Sequence[FoundPart] = ()
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

    def whole(self, part: Part) -> Condition:
        """All conditions of a part as one."""
        return part_of([self.conditions[place] for place in part])

    def parts(
        self,
        find: Callable[[Ints], Sequence[Part]],
        tell: Callable[[Bools, Ints], Facts],
        most: int,
        beside: Beside = Beside(),
    ) -> list[FoundPart]:
        """What both halves find, as the other half tells it, surest first.

        Of parts that share most of their cases the surest is listed.

        find : from the positions of the searched cases to the parts found there, best first.
        tell : what is told of the members (instance,) of a part by the reported cases, with the
            p-value of a test that uses these alone.
        most : how many parts are listed. beside : those of another search.

        Returns parts whose p-values are corrected for all parts of both halves.
        """
        first, second = self.halves.parts
        halves = [
            *self._of_half(find(first), second, tell, beside.weight),
            *self._of_half(find(second), first, tell, beside.weight),
        ]
        halves.sort(key=lambda part: part.p_adjusted)
        sure = [part for part in halves if part.p_adjusted < beside.alpha]
        others = sorted(beside.parts, key=lambda part: part.p_adjusted)
        kept, seen = list[FoundPart](), np.zeros(len(first) + len(second), bool)
        for part in (*sure, *others, *halves[len(sure) :]):
            if (part.members & seen).sum() <= _MOST_SEEN * part.members.sum():
                kept.append(part)
                seen |= part.members
        return kept[:most]

    def _of_half(
        self,
        parts: Sequence[Part],
        reported: Ints,
        tell: Callable[[Bools, Ints], Facts],
        weight: float,
    ) -> list[FoundPart]:
        """The parts that are large enough in the half that was not searched.

        The k-th is tested at the level α / 2k(k + 1), which adds up to α over both halves, or at
        the share of it that is left to the halves (`weight`).
        """
        earlier = np.zeros(sum(map(len, self.halves.parts)), bool)
        entries = []
        for rank, part in enumerate(parts, start=1):
            whole = self.whole(part)
            inside = whole.holds & ~(earlier & self.apart)
            earlier |= inside
            if inside[reported].sum() < self.halves.least:
                continue
            facts = tell(inside, reported)
            adjusted = min(2 * rank * (rank + 1) * facts[0] / weight, 1.0)
            entries.append(FoundPart(inside, whole.text, whole.about, facts, reported, adjusted))
        return entries
