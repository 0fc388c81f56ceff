"""Where labels are decisions: the gap between two groups in them, beside that of the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.metrics.fairness.groups import Grouping, Outcomes
from deepseek_report.statistics.intervals import mean_interval, rate_difference

#: What an interval shows of the two gaps.
Change = Literal["more than doubles", "widens", "narrows", "open"]
LABELLED = TableType(
    (
        *columns_of("attribute:attribute level reference"),
        *(Column("n", "count"), Column("n_reference", "count", shown=False)),
        *columns_of("labelled:share labelled_reference:share"),
        *columns_of("decided:share decided_reference:share"),
        estimate("labelled_gap", "points", prefix="labelled_gap"),
        Column("decided_gap", "points"),
        estimate("change", "points", prefix="change"),
        Column("shown", shown=False),
    ),
    release=TableRelease(counts=("n", "n_reference")),
)


def labelled_gaps(
    pairs: Sequence[tuple[Grouping, str, str]], outcomes: Outcomes, alpha: float = 0.05
) -> pd.DataFrame:
    """The gap of unfavourable decisions of pairs of groups, by the labels and by the model.

    Of each pair the first group is the one that fares worse by the labels or, where these may not
    differ, by the model. The change is
    the gap of the model less that of the labels, over the same rows: the mean over the first group
    of what each row's decision adds to its label, less that over the other. Its intervals hold for
    all pairs at once (Bonferroni).

    pairs : groupings, each with two of its levels.
    outcomes : (instance,) who is favoured by the model, and by the label.
    alpha : chance that any interval misses.
    """
    level = 1 - alpha / max(len(pairs), 1)
    rows = [_row(grouping, levels, outcomes, level) for grouping, *levels in pairs]
    return LABELLED.frame(rows)


def _row(
    grouping: Grouping, levels: Sequence[str], outcomes: Outcomes, level: float
) -> dict[str, Any]:
    labelled, decided = ~outcomes.deserving, ~outcomes.favoured
    inside = [grouping.codes == grouping.levels.index(name) for name in levels]
    if _is_turned(grouping, inside, labelled, decided, level):
        levels, inside = levels[::-1], inside[::-1]
    own, other = ([float(x[each].mean()) for each in inside] for x in (labelled, decided))
    label_low, label_high = _ends_of(grouping, inside, labelled, level)
    decided_low, _ = _ends_of(grouping, inside, decided, level)
    change, low, high = _difference(grouping, inside, decided - 1.0 * labelled, level)
    beyond_twice = _difference(grouping, inside, decided - 2.0 * labelled, level)[1]
    return {
        "attribute": grouping.name,
        "level": levels[0],
        "reference": levels[1],
        "n": int(inside[0].sum()),
        "n_reference": int(inside[1].sum()),
        "labelled": own[0],
        "labelled_reference": own[1],
        "decided": other[0],
        "decided_reference": other[1],
        "labelled_gap": own[0] - own[1],
        "labelled_gap_low": label_low,
        "labelled_gap_high": label_high,
        "decided_gap": other[0] - other[1],
        "change": change,
        "change_low": low,
        "change_high": high,
        "shown": _shown(
            low, high, beyond_twice, in_labels=label_low > 0, in_decisions=decided_low > 0
        ),
    }


def _shown(
    low: float, high: float, beyond_twice: float, *, in_labels: bool, in_decisions: bool
) -> Change:
    """What the ends of the intervals of the change show.

    in_labels, in_decisions : whether these have a gap beyond chance, and to which side.
    """
    if in_labels and beyond_twice > 0:
        return "more than doubles"
    if low > 0 and (in_labels or in_decisions):
        return "widens"
    return "narrows" if in_labels and high < 0 else "open"


def _is_turned(
    grouping: Grouping, inside: Sequence[Bools], labelled: Bools, decided: Bools, level: float
) -> bool:
    """Whether the second group fares worse by the labels or, where these are open, by the model.

    A gap in the labels that may be 0 would else be turned by chance, and the change with it.
    """
    low, high = _ends_of(grouping, inside, labelled, level)
    if low > 0 or high < 0:
        return high < 0
    return bool(decided[inside[0]].mean() < decided[inside[1]].mean())


def _ends_of(
    grouping: Grouping, inside: Sequence[Bools], harmed: Bools, level: float
) -> tuple[float, float]:
    """The interval of the difference of the shares of two groups."""
    (own, n), (other, n_other) = (grouping.drawn.counts(harmed, each) for each in inside)
    low, high = rate_difference(own, n, other, n_other, level)
    return float(low), float(high)


def _difference(
    grouping: Grouping, inside: Sequence[Bools], values: Floats, level: float
) -> tuple[float, float, float]:
    """Difference of the means of (instance,) values of two groups, with its interval.

    The values are 0 for most and ±1 for few. So each group counts two observations more, one of
    either sign (Bonett & Price 2012, doi:10.3102/1076998611411915), before its mean gets Student's
    interval by observation. The two intervals are joined, each end in squares.
    """
    ends = [_ends(grouping, each, values, level) for each in inside]
    (mean, low, high), (other, other_low, other_high) = ends
    gap = float(values[inside[0]].mean() - values[inside[1]].mean())
    middle = mean - other
    return (
        gap,
        min(gap, middle - math.hypot(mean - low, other_high - other)),
        max(gap, middle + math.hypot(high - mean, other - other_low)),
    )


def _ends(
    grouping: Grouping, inside: Bools, values: Floats, level: float
) -> tuple[float, float, float]:
    each = grouping.drawn.take(inside).per_unit(values[inside])
    mean, low, high = mean_interval(np.append(each, (1.0, -1.0)), level=level)
    return float(mean), float(low), float(high)
