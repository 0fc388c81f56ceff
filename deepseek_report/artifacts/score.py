"""One measured number with all that a reader needs to judge it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from deepseek_report.artifacts.message import Text, as_tuples, with_texts
from deepseek_report.artifacts.storage.files import load_json

if TYPE_CHECKING:
    import pandas as pd

Direction = Literal["higher", "lower", "zero", "one", "none"]
Category = Literal[
    "performance",
    "calibration",
    "fairness",
    "explanation",
    "compute",
    "slices",
    "data",
    "robustness",
    "behaviour",
    "causes",
    "language",
]
#: {score: (least, greatest)} possible value of each score that a metric may give; None: no limit.
Bounds = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Score:
    """One measured number.

    metric : key of the number; category : family it belongs to.
    low, high : 95 % interval, or None where there is none; interval_method says how it was made,
        and is empty where nobody says.
    n : what was counted (instances, pairs, batches); unit names the value's unit ("ms", "share").
    direction : which way is better; "zero"/"one" mean nearer to that is better.
    bounds : least and greatest possible value, None where unbounded.
    predictor : "model", or the name of a baseline.
    explainer, attribute, level, slice : the subject, where the number is about one.
    reference : DOI or citation of the definition. note : a limit of this very number.
    """

    metric: str
    category: Category
    value: float
    n: int
    direction: Direction
    low: float | None = None
    high: float | None = None
    interval_method: Text = ""
    unit: str = ""
    bounds: tuple[float | None, float | None] = (None, None)
    predictor: str = "model"
    explainer: str = ""
    attribute: str = ""
    level: str = ""
    slice: str = ""
    p_value: float | None = None
    reference: str = ""
    note: Text = ""

    @property
    def has_interval(self) -> bool:
        return self.low is not None and self.high is not None


def load_scores(folder: Path) -> tuple[Score, ...]:
    """The scores alone of a saved measurement."""
    return tuple(_score(record) for record in load_json(folder / "scores.json"))


def _score(data: Mapping[str, Any]) -> Score:
    score = Score(**as_tuples(with_texts(data, WORDED)))
    return replace(score, value=math.nan) if score.value is None else score


#: The columns of the tidy table that hold sentences.
WORDED = ("interval_method", "note")


def tidy(scores: Sequence[Score], say: Callable[[Text], str]) -> pd.DataFrame:
    """All scores as one long table, one row a score.

    say : words what a person reads, so that no cell holds the data of a message.
    """
    import pandas as pd

    records = [
        {
            **vars(score),
            "interval_method": say(score.interval_method),
            "note": say(score.note),
            **dict(zip(("least", "greatest"), score.bounds, strict=True)),
        }
        for score in scores
    ]
    columns = [name for name in Score.__dataclass_fields__ if name != "bounds"]
    frame = pd.DataFrame(records, columns=[*columns, "least", "greatest"])
    numeric = ("value", "low", "high", "p_value", "least", "greatest")
    return frame.astype(dict.fromkeys(numeric, np.float64))
