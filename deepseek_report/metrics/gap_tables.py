"""The levels between which a gap can be judged, and the rows and scores that tell of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.score import Category, Score
from deepseek_report.metrics.gaps import Gap, rate_table
from deepseek_report.metrics.groups import Bools, Grouping
from deepseek_report.metrics.performance import SHARE
from deepseek_report.statistics.intervals import holm

#: (hits, among) of one rate, each (instance,).
Cell = tuple[Bools, Bools]
_NUMBERS = ("value", "low", "high", "null_mean", "null_high", "p_value")


def with_enough(grouping: Grouping, cells: Sequence[Cell], floor: tuple[int, int]) -> Grouping:
    """The grouping with the levels alone that can be judged in every rate.

    Parameters
    ----------
    floor : cases in a cell, and events if all rates were equal, below which none is judged.
    """
    enough = np.all([rate_table(grouping, *cell).enough(*floor) for cell in cells], axis=0)
    place = np.where(enough, np.cumsum(enough) - 1, -1)
    levels = tuple(one for one, kept in zip(grouping.levels, enough, strict=True) if kept)
    codes = np.where(grouping.codes < 0, -1, place[grouping.codes])
    return Grouping(grouping.name, grouping.label, levels, codes, grouping.crossing)


def gap_table(metric: str, judged: Sequence[Grouping], gaps: Sequence[Gap | None]) -> pd.DataFrame:
    """One row for each grouping; p-values corrected (Holm) for the gaps of the table."""
    table = pd.DataFrame([_row(metric, one, gap) for one, gap in zip(judged, gaps, strict=True)])
    place = table.columns.get_loc("p_value") + 1
    table.insert(place, "p_adjusted", holm(table["p_value"].to_numpy()))
    return table.astype(dict.fromkeys(_NUMBERS, np.float64))


def _row(metric: str, grouping: Grouping, gap: Gap | None) -> dict[str, object]:
    found = gap.estimate if gap else None
    return {
        "metric": metric,
        "attribute": grouping.name,
        "attribute_label": grouping.label,
        "value": found.value if found else math.nan,
        "low": found.low if found else math.nan,
        "high": found.high if found else math.nan,
        "null_mean": gap.null_mean if gap else math.nan,
        "null_high": gap.null_high if gap else math.nan,
        "p_value": gap.p_value if gap else math.nan,
        "n": found.n if found else int((grouping.codes >= 0).sum()),
        "widest_level": grouping.levels[gap.highest] if gap else "",
        "narrowest_level": grouping.levels[gap.lowest] if gap else "",
    }


def gap_scores(
    metric: str,
    category: Category,
    judged: Sequence[Grouping],
    gaps: Sequence[Gap | None],
    table: pd.DataFrame,
    reference: str = "",
) -> tuple[Score, ...]:
    """The score of each attribute; crossings of two have rows in the table, and no score."""
    return tuple(
        _score(metric, category, one, gap, float(p_adjusted), reference)
        for one, gap, p_adjusted in zip(judged, gaps, table["p_adjusted"], strict=True)
        if not one.crossing
    )


def _score(
    metric: str,
    category: Category,
    grouping: Grouping,
    gap: Gap | None,
    p_adjusted: float,
    reference: str,
) -> Score:
    if gap is None:
        n = int((grouping.codes >= 0).sum())
        nothing = Estimate(math.nan, None, None, n, "")
        return nothing.score(
            metric, category, "zero", attribute=grouping.name, note="Too few to judge."
        )
    highest, lowest = grouping.levels[gap.highest], grouping.levels[gap.lowest]
    return gap.estimate.score(
        metric,
        category,
        "zero",
        attribute=grouping.name,
        bounds=SHARE,
        p_value=p_adjusted,
        reference=reference,
        note=f"From {lowest} (lowest) to {highest} (highest); chance alone would give "
        f"{gap.null_mean:.3f} on average. Permutation p-value, Holm-corrected.",
    )


def gap_notes(
    found: Sequence[Grouping], judged: Sequence[Grouping], n_tests: int, too_few: str
) -> tuple[str, ...]:
    """What was corrected, and which levels are not compared.

    Parameters
    ----------
    too_few : the clause that says when a level is not compared.
    """
    tests = f"The p-values are corrected (Holm) for the {n_tests} gaps of this table."
    dropped = [
        f"{one.label} ({', '.join(sorted(set(one.levels) - set(kept.levels)))})"
        for one, kept in zip(found, judged, strict=True)
        if not one.crossing and len(kept.levels) < len(one.levels)
    ]
    told = [tests] if n_tests else []
    told += [f"Levels {too_few} are not compared: {'; '.join(dropped)}."] if dropped else []
    return tuple(told)
