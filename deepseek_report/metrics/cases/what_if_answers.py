"""What a model answered about cases with some features set to other values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints


@dataclass(frozen=True)
class WhatIfAnswers:
    """Outputs of the model around some cases, at the points where it was asked.

    An output is the probability of the explained class of two, those of all classes of more, or the
    number; it is rounded to four decimals where it is a probability, and to six in `start`.

    columns : (feature,) positions of the features that were set. can_move : (feature,) whether a
        person can change them.
    points : (feature, point) the values that each was set to, ascending; NaN where there are fewer.
    support : (feature, point) training rows that have such a value: this category, or a number
        nearer to this point than to any other; NaN where no point is.
    n_train : training rows.
    grid : (feature, grid point) those of them that pairs were set to; NaN where there are fewer.
    places : (case,) positions of the cases within those explained.
    start : (case, output) as the case is.
    alone : (case, feature, point, output) with one feature set, NaN where no point is, and where
        the row would break a declared relation between columns.
    pairs : (case, pair, 2) positions within `columns`, -1 where there are fewer pairs.
    together : (case, pair, grid point, grid point, output) with both features set; NaN likewise.
    model_rows : rows that the model evaluated.
    adds_up : whether what a feature adds to the log-odds, or to the number, depends on it alone, so
        that changes of several features may be summed.
    """

    columns: Ints
    can_move: Bools
    points: Floats
    support: Floats
    n_train: int
    grid: Floats
    places: Ints
    start: Floats
    alone: Floats
    pairs: Ints
    together: Floats
    model_rows: int
    adds_up: bool

    def arrays(self) -> dict[str, Floats]:
        """As a measurement stores them."""
        return {name: np.asarray(value, dtype=np.float64) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> WhatIfAnswers:
        """Of a stored measurement."""
        known = dict(arrays)
        for name in ("columns", "places", "pairs"):
            known[name] = known[name].astype(np.int64)
        known["can_move"] = known["can_move"].astype(bool)
        known.setdefault(
            "support", np.full(known["points"].shape, np.nan)
        )  # runs of older versions
        known["n_train"] = int(known.get("n_train", 0))
        known["model_rows"] = int(known["model_rows"])
        known["adds_up"] = bool(known["adds_up"])
        return cls(**known)
