"""What each method costs, and which methods nothing beats in all that is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.study import Study
from deepseek_report.artifacts.table import Column, TableType
from deepseek_report.comparisons.methods import Method
from deepseek_report.comparisons.paired_decisions import largest_gap
from deepseek_report.tasks import task_of

PRICES = TableType(
    (
        Column("method"),
        Column("value", "number"),
        Column("gap", "share", optional=True),
        Column("faithfulness", "number", optional=True),
        Column("parameters", "count", optional=True),
        Column("seconds", "seconds", optional=True),
        Column("not_beaten", "yes_no"),
        Column("beaten_by"),
    )
)
#: {column: whether more of it is better}; the main measure's own direction stands in its place.
_WISHES: Mapping[str, bool] = {
    "gap": False,
    "faithfulness": True,
    "parameters": False,
    "seconds": False,
}


def price(study: Study, methods: Sequence[Method]) -> Measurement:
    """The table `prices`: means over the runs of a method.

    A method is beaten by another that is at least as good in every column that both have and
    better in one. Means are compared as they are: whether two differ by more than chance stands in
    the tables on performance.
    """
    if not study.same_data:
        return Measurement(notes=(message("comparison.price_of_other_data"),))
    measure = task_of(study.runs[0].schema.target).by_rows[0]
    rows = [_row(study, method) for method in methods]
    wishes = {"value": measure.direction == "higher", **_WISHES}
    for row in rows:
        better = [other["method"] for other in rows if _beats(other, row, wishes)]
        row["not_beaten"], row["beaten_by"] = not better, ", ".join(better)
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    keys = [key for key in PRICES.keys if key in table]
    return Measurement(tables={"prices": table[keys]}).typed({"prices": PRICES})


def _row(study: Study, method: Method) -> dict[str, Any]:
    runs = [study.runs[position] for position in method.runs]
    measure = task_of(study.runs[0].schema.target).by_rows[0]
    return {
        "method": method.label,
        "value": _mean([measure.of(run.predictions)[0] for run in runs]),
        "gap": _mean([largest_gap(run) for run in runs]),
        "faithfulness": _mean([_faithfulness(run) for run in runs]),
        "parameters": _mean([run.architecture.get("parameters") for run in runs]),
        "seconds": _mean([run.training_time.get("seconds") for run in runs]),
    }


def _faithfulness(run: Results) -> float | None:
    """The best gain over random order in deletion, of the explainers that were tested."""
    gains = [
        score.value
        for name in run.names("explanations")
        if name != "random" and (measured := run.measurement("deletion", name)) is not None
        for score in measured.scores
        if score.metric == "deletion_gain"
    ]
    return max(gains, default=None)


def _mean(values: Sequence[float | None]) -> float:
    known = [float(value) for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) and known else np.nan


def _beats(first: Mapping[str, Any], other: Mapping[str, Any], wishes: Mapping[str, bool]) -> bool:
    gains = [
        (1 if more else -1) * (first[key] - other[key])
        for key, more in wishes.items()
        if not (np.isnan(first[key]) or np.isnan(other[key]))
    ]
    return bool(gains) and min(gains) >= 0 and max(gains) > 0
