"""Rates by group: who is decided favourably, and for whom the decisions are right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.disclosure import Releases, Reveals, TableRelease
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import CROSS, PARTS, PEOPLE, AttributeKind, Schema
from deepseek_report.artifacts.score import Bounds, Category, Measurement, Score
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.calibration import (
    calibration_error,
    calibration_subject,
    equal_mass_bins,
)
from deepseek_report.metrics.performance import SHARE
from deepseek_report.metrics.plugin import ClassMetric
from deepseek_report.statistics.intervals import enough_events, rate
from deepseek_report.statistics.ranking import auc_estimate

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
UNKNOWN = "unknown"
_ECE_BINS = 10
_CALLED = {
    PEOPLE: "people",
    PARTS: "parts of the data",
    PEOPLE | PARTS: "people or parts of the data",
}
MinCell = Annotated[int, Field(ge=1)]
MinEvents = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Grouping:
    """One attribute, or two crossed, with the level of every instance.

    codes : (instance,) position in `levels`, -1 where the instance is in none of them. An unknown
        attribute is a level of its own.
    """

    name: str
    label: str
    levels: tuple[str, ...]
    codes: Ints
    crossing: bool = False

    @property
    def sizes(self) -> Ints:
        """(level,) number of instances."""
        return self.count(self.codes >= 0)

    def count(self, where: Bools) -> Ints:
        """(level,) number of instances for which `where` holds."""
        return np.bincount(self.codes[where & (self.codes >= 0)], minlength=len(self.levels))


def groupings(
    schema: Schema,
    groups: dict[str, Ints],
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
    single = [
        _single(one.name, one.label, one.levels, groups[one.name])
        for one in schema.attributes
        if one.kind in kinds and one.name in groups
    ]
    single = [one for one in single if len(one.levels) > 1]
    if not single:
        raise NotApplicableError(
            f"no attribute of {_CALLED[kinds]} with two or more levels is declared, so none can be "
            "compared"
        )
    if not crossings:
        return single
    crossed = [_cross(first, other, min_cell) for first, other in combinations(single, 2)]
    return single + [one for one in crossed if len(one.levels) > 1]


def _single(name: str, label: str, levels: tuple[str, ...], codes: Ints) -> Grouping:
    codes = np.where(codes < 0, len(levels), codes)
    return _only_present(Grouping(name, label, (*levels, UNKNOWN), codes), 1)


def _cross(first: Grouping, other: Grouping, min_cell: int) -> Grouping:
    levels = tuple(f"{a}{CROSS}{b}" for a in first.levels for b in other.levels)
    codes = first.codes * len(other.levels) + other.codes
    name, label = f"{first.name}{CROSS}{other.name}", f"{first.label}{CROSS}{other.label}"
    return _only_present(Grouping(name, label, levels, codes, crossing=True), min_cell)


def _only_present(grouping: Grouping, min_cell: int) -> Grouping:
    kept = np.flatnonzero(grouping.sizes >= min_cell)
    place = np.full(len(grouping.levels), -1)
    place[kept] = np.arange(len(kept))
    levels = tuple(grouping.levels[one] for one in kept)
    codes = place[grouping.codes]
    return Grouping(grouping.name, grouping.label, levels, codes, grouping.crossing)


@dataclass(frozen=True)
class Outcomes:
    """What happened to each instance, seen from the person: favourable decision and label."""

    favoured: Bools
    deserving: Bools

    @classmethod
    def of(cls, predictions: Predictions, favourable: int) -> Outcomes:
        return cls(predictions.decisions == favourable, predictions.labels == favourable)


def reference_level(grouping: Grouping, declared: dict[str, str]) -> tuple[str, str | None]:
    """The level to compare with, and the caveat to print where it was not declared.

    Raises
    ------
    NotApplicableError : a declared level does not exist.
    """
    if grouping.name in declared:
        level = declared[grouping.name]
        if level not in grouping.levels:
            raise NotApplicableError(
                f"reference.{grouping.name} is {level!r}, but the levels in the test part are "
                f"{', '.join(grouping.levels)}; declare one of these."
            )
        return level, None
    level = grouping.levels[int(np.argmax(grouping.sizes))]
    return level, (
        f"The reference level of {grouping.label} was not declared; the largest was taken: {level}."
    )


def group_row(
    grouping: Grouping, k: int, context: MeasureContext, floor: tuple[int, int]
) -> dict[str, object]:
    """All rates of one level of one attribute, as a row of the table `groups`."""
    p = context.predictions
    outcomes = Outcomes.of(p, context.dataset.schema.target.declared_favourable)
    inside = grouping.codes == k
    favoured, deserving = outcomes.favoured[inside], outcomes.deserving[inside]
    row: dict[str, object] = {
        "attribute": grouping.name,
        "attribute_label": grouping.label,
        "level": grouping.levels[k],
        "n": len(favoured),
        "n_favourable": int(favoured.sum()),
    }
    everyone = np.ones(len(favoured), bool)
    for name, prefix, hits, among in (
        ("selection_rate", "selection", favoured, everyone),
        ("base_rate", "base", deserving, everyone),
        ("tpr", "tpr", favoured, deserving),
        ("fpr", "fpr", favoured, ~deserving),
        ("precision", "precision", deserving, favoured),
        ("accuracy", "accuracy", p.correct[inside], everyone),
    ):
        found = rate(int((hits & among).sum()), int(among.sum()))
        row |= {name: found.value, f"{prefix}_low": found.low, f"{prefix}_high": found.high}
    row |= ranking(p, inside)
    expected = enough_events(len(favoured), outcomes.favoured.mean(), floor[1])
    row["too_few"] = bool(len(favoured) < floor[0] or not expected)
    row["crossing"] = grouping.crossing
    return row


def ranking(p: Predictions, inside: Bools) -> dict[str, object]:
    """ROC AUC, mean probability and calibration error of the explained class among some."""
    found = auc_estimate(p.truths[inside], p.scores[inside])
    happened, scores = calibration_subject(p)
    happened, scores = happened[inside], scores[inside]
    bins, _ = equal_mass_bins(scores, _ECE_BINS)
    return {
        "roc_auc": found.value,
        "roc_auc_low": found.low,
        "roc_auc_high": found.high,
        "mean_score": float(p.scores[inside].mean()),
        "ece": float(calibration_error(happened, scores, bins)[0]),
    }


def group_table(
    context: MeasureContext, found: list[Grouping], floor: tuple[int, int]
) -> pd.DataFrame:
    """Every level of every grouping, one row each, in the order of the schema."""
    rows = [group_row(one, k, context, floor) for one in found for k in range(len(one.levels))]
    table = pd.DataFrame(rows)
    numbers = [name for name in table.columns if name.endswith(("_low", "_high", "roc_auc"))]
    return table.astype(dict.fromkeys(numbers, np.float64))


@dataclass(frozen=True)
class GroupRates(ClassMetric):
    """How many of each group are decided favourably, and how right that is, with intervals."""

    reveals: ClassVar[Reveals] = "aggregate"
    releases: ClassVar[Releases] = {"groups": TableRelease(counts=("n",), lines=(("attribute",),))}
    bounds: ClassVar[Bounds] = {"selection_rate": SHARE}
    category: ClassVar[Category] = "fairness"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset"})
    needs_groups: ClassVar[frozenset[AttributeKind]] = PEOPLE
    needs_favourable: ClassVar[bool] = True
    crossings: bool = True
    min_cell: MinCell = 30
    min_events: MinEvents = 5

    def measure(self, context: MeasureContext) -> Measurement:
        found = groupings(
            context.dataset.schema,
            dict(context.predictions.groups),
            crossings=self.crossings,
            min_cell=self.min_cell,
        )
        table = group_table(context, found, (self.min_cell, self.min_events))
        return Measurement(
            tuple(self._scores(table)), {"groups": table}, notes=tuple(self._notes(table, found))
        )

    def _scores(self, table: pd.DataFrame) -> Iterator[Score]:
        for row in table[~table["crossing"]].to_dict("records"):
            yield rate(row["n_favourable"], row["n"]).score(
                "selection_rate",
                "fairness",
                "none",
                attribute=row["attribute"],
                level=row["level"],
                bounds=SHARE,
                note="Too few to judge." if row["too_few"] else "",
            )

    def _notes(self, table: pd.DataFrame, found: list[Grouping]) -> Iterator[str]:
        few = table.loc[table["too_few"], "level"].tolist()
        if few:
            yield (
                f"Too few to judge (under {self.min_cell} people, or under {self.min_events} "
                f"favourable decisions to be expected at the overall rate): {', '.join(few)}."
            )
        left_out = [one for one in found if one.crossing and (one.codes < 0).any()]
        if left_out:
            people = ", ".join(f"{one.label} {(one.codes < 0).sum()}" for one in left_out)
            yield (
                f"Crossings with under {self.min_cell} people are not shown; instances left out: "
                f"{people}."
            )
        unknown = [one.label for one in found if not one.crossing and UNKNOWN in one.levels]
        if unknown:
            yield f"Where the attribute is missing, it is a level of its own: {', '.join(unknown)}."
