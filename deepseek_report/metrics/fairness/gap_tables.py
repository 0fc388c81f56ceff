"""The levels between which a gap can be judged, and the rows and scores that tell of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.score import Category, Score
from deepseek_report.artifacts.table import Column, TableType, estimate
from deepseek_report.metrics.fairness.groups import Grouping
from deepseek_report.statistics.gaps import Gap, RateTable
from deepseek_report.statistics.intervals import SHARE, holm
from deepseek_report.tasks.loss import Limits

#: (hits, among) of one rate, each (instance,).
Cell = tuple[Bools, Bools]
#: What is told of the gaps of a table, see `gap_table`.
GAPS = TableType(
    (
        Column("metric", "metric"),
        Column("attribute", "attribute"),
        Column("attribute_label", shown=False),
        estimate("value"),
        Column("null_mean", "number", shown=False),
        Column("null_high", "number"),
        Column("p_value", "p_value", shown=False),
        Column("p_adjusted", "p_value"),
        Column("widest_level", shown=False),
        Column("narrowest_level", shown=False),
        Column("n", "count"),
    ),
    release=WHOLE,
)
_NUMBERS = ("value", "low", "high", "null_mean", "null_high", "p_value", "p_adjusted")


@dataclass(frozen=True)
class GapComparison:
    """One gap of a table: the metric, the levels that can be judged, and the gap between them.

    gap : None where fewer than two levels can be judged.
    """

    metric: str
    grouping: Grouping
    gap: Gap | None

    @property
    def n(self) -> int:
        """Instances in the levels that are judged."""
        return self.gap.estimate.n if self.gap else int((self.grouping.codes >= 0).sum())


def rate_table(grouping: Grouping, hits: Bools, among: Bools) -> RateTable:
    """Count a rate in each level of an attribute."""
    return RateTable(grouping.count(hits & among), grouping.count(among))


def with_enough(grouping: Grouping, cells: Sequence[Cell], floor: tuple[int, int]) -> Grouping:
    """The grouping with the levels alone that can be judged in every rate.

    Parameters
    ----------
    floor : cases in a cell, and events if all rates were equal, below which none is judged.
    """
    return only(
        grouping, np.all([rate_table(grouping, *cell).enough(*floor) for cell in cells], axis=0)
    )


def only(grouping: Grouping, kept: NDArray[np.bool_]) -> Grouping:
    """The grouping with some levels alone; the instances of the others are in none."""
    place = np.where(kept, np.cumsum(kept) - 1, -1)
    levels = tuple(level for level, keep in zip(grouping.levels, kept, strict=True) if keep)
    codes = np.where(grouping.codes < 0, -1, place[grouping.codes])
    return Grouping(grouping.name, grouping.label, levels, codes, grouping.crossing)


def gap_table(comparisons: Sequence[GapComparison]) -> pd.DataFrame:
    """One row for each gap; p-values corrected (Holm) for the gaps of the table."""
    table = pd.DataFrame([_row(comparison) for comparison in comparisons])
    place = table.columns.get_loc("p_value") + 1
    table.insert(place, "p_adjusted", holm(table["p_value"].to_numpy()))
    return table.astype(dict.fromkeys(_NUMBERS, np.float64))


def _row(comparison: GapComparison) -> dict[str, object]:
    gap, grouping = comparison.gap, comparison.grouping
    estimate = gap.estimate if gap else None
    return {
        "metric": comparison.metric,
        "attribute": grouping.name,
        "attribute_label": grouping.label,
        "value": estimate.value if estimate else math.nan,
        "low": estimate.low if estimate else math.nan,
        "high": estimate.high if estimate else math.nan,
        "null_mean": gap.null_mean if gap else math.nan,
        "null_high": gap.null_high if gap else math.nan,
        "p_value": gap.p_value if gap else math.nan,
        "n": comparison.n,
        "widest_level": grouping.levels[gap.highest] if gap else "",
        "narrowest_level": grouping.levels[gap.lowest] if gap else "",
    }


def gap_scores(
    category: Category,
    comparisons: Sequence[GapComparison],
    table: pd.DataFrame,
    reference: str = "",
) -> tuple[Score, ...]:
    """The score of each attribute; crossings of two have rows in the table, and no score."""
    return tuple(
        gap_score(category, comparison, float(p_adjusted), reference=reference)
        for comparison, p_adjusted in zip(comparisons, table["p_adjusted"], strict=True)
        if not comparison.grouping.crossing
    )


def gap_score(
    category: Category,
    comparison: GapComparison,
    p_value: float,
    *,
    bounds: Limits = SHARE,
    unit: str = "",
    corrected: bool = True,
    reference: str = "",
) -> Score:
    """A gap as a score; `corrected` says whether the p-value is corrected for the whole table."""
    grouping, gap = comparison.grouping, comparison.gap
    if gap is None:
        return Estimate(math.nan, None, None, comparison.n, "").score(
            comparison.metric,
            category,
            "zero",
            attribute=grouping.name,
            note=message("notes.too_few"),
        )
    return gap.estimate.score(
        comparison.metric,
        category,
        "zero",
        attribute=grouping.name,
        unit=unit,
        bounds=bounds,
        p_value=p_value,
        reference=reference,
        note=message(
            "notes.gaps.ends",
            lowest=grouping.levels[gap.lowest],
            highest=grouping.levels[gap.highest],
            chance=gap.null_mean,
            corrected=corrected,
        ),
    )


def gap_notes(
    groupings: Sequence[Grouping], judged: Sequence[Grouping], n_tests: int, too_few: Text
) -> tuple[Text, ...]:
    """What was corrected, and which levels are not compared.

    Parameters
    ----------
    too_few : the clause that says when a level is not compared.
    """
    dropped = [
        message(
            "notes.gaps.levels",
            attribute=whole.label,
            levels=sorted(set(whole.levels) - set(kept.levels)),
        )
        for whole, kept in zip(groupings, judged, strict=True)
        if not whole.crossing and len(kept.levels) < len(whole.levels)
    ]
    notes = [message("notes.gaps.corrected", n=n_tests)] if n_tests else []
    if dropped:
        notes.append(message("notes.gaps.not_compared", too_few=too_few, levels=dropped))
    return tuple(notes)
