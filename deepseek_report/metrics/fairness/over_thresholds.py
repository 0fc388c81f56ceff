"""Whether what is said of two groups' decisions would be said at other thresholds as well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.table import Column
from deepseek_report.metrics.fairness.groups import Grouping
from deepseek_report.tasks.decisions import threshold_for_share

#: How many thresholds are tried.
_TRIED = 21
#: What the table of pairs says of the ratio of favourable decisions over the thresholds tried.
COLUMNS = tuple(
    Column(name, kind, shown=False, optional=True)  # type: ignore[arg-type]
    for name, kind in (
        ("threshold_from", "share"),
        ("threshold_to", "share"),
        ("ratio_least", "number"),
        ("ratio_most", "number"),
    )
)


def tried_thresholds(predictions: Predictions) -> Floats:
    """(threshold,) ascending: from half to twice as many decisions for the explained class.

    As many as there are cases of it is the middle. Where it is the more frequent class, twice as
    many are more than all, and the upper end lies halfway between its share and all.
    """
    base = float(predictions.truths.mean())
    most = min(2 * base, (1 + base) / 2)
    shares = np.linspace(base / 2, most, _TRIED)
    return np.sort([threshold_for_share(predictions.scores, share) for share in shares])


def with_range(
    pairs: pd.DataFrame, predictions: Predictions, compared: Sequence[Grouping], favourable: int
) -> pd.DataFrame:
    """The pairs with the least and the greatest ratio of their rates over `tried_thresholds`.

    pairs : with the columns attribute, level and reference. compared : the groupings of these.
    favourable : the class that is good for the person concerned.
    """
    if predictions.threshold is None:
        return pairs
    thresholds = tried_thresholds(predictions)
    is_good = predictions.explained == favourable
    favoured = [(predictions.scores >= threshold) == is_good for threshold in thresholds]
    rates = {
        grouping.name: np.stack([grouping.count(chosen) for chosen in favoured]) / grouping.sizes
        for grouping in compared
    }
    places = {
        grouping.name: {level: k for k, level in enumerate(grouping.levels)}
        for grouping in compared
    }
    ratios = [
        _ratio(rates[row.attribute], places[row.attribute], row.level, row.reference)
        for row in pairs.itertuples()
    ]
    return pairs.assign(
        threshold_from=float(thresholds[0]),
        threshold_to=float(thresholds[-1]),
        ratio_least=[float(ratio.min()) for ratio in ratios],
        ratio_most=[float(ratio.max()) for ratio in ratios],
    )


def _ratio(rates: Floats, places: dict[str, int], level: str, reference: str) -> Floats:
    """(threshold,) ratio of two rates; 1 where nobody of either is decided favourably."""
    own, other = rates[:, places[level]], rates[:, places[reference]]
    return np.where(other > 0, own / np.where(other > 0, other, 1), np.where(own > 0, np.inf, 1))
