"""Simple conditions on features that a person can read, such as `credit limit up to NT$ 50 000`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError

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
