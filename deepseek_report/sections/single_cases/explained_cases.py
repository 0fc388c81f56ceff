"""All cases that were explained, those with a page first, as rows of the table `cases`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.predictions import FURTHER, Predictions
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.findings.records import Row, rows
from deepseek_report.metrics.cases.case_choice import NAMED
from deepseek_report.tasks import task_of

#: Errors and decisions against people come first.
_FIRST = (
    *("wrong_against", "most_certain_wrong", "nearest_threshold"),
    *("right_against", "most_certain_right"),
    *("typical_error", "furthest_above", "furthest_below"),
)


@dataclass(frozen=True)
class ExplainedCase:
    """One case.

    row : what the table `cases` says of it. place : within the explained cases, None where the run
    folder holds no rows. position : in the test part, None likewise. has_page : whether it has a
    page of its own; then `row["case"]` is its number.
    """

    row: Row
    place: int | None
    position: int | None
    has_page: bool


def explained_cases(results: Results) -> list[ExplainedCase]:
    """Those with a page in the order in which they are read, then the others."""
    paged = sorted(rows(results, "cases", "cases"), key=_order)
    if not results.has_rows or not results.has("cases"):
        return [ExplainedCase(row, None, None, True) for row in paged]
    explained = results.cases.explained
    shown = [
        ExplainedCase(row, int(row["position"]), int(explained[int(row["position"])]), True)
        for row in paged
    ]
    taken = {case.place for case in shown}
    others = [
        ExplainedCase(
            _row(results.predictions, results.schema.target, int(at)), place, int(at), False
        )
        for place, at in enumerate(explained)
        if place not in taken
    ]
    return [*shown, *others]


def _order(row: Row) -> tuple[int, int, int]:
    """Errors and decisions against people first, then groups in the order of the schema."""
    role = str(row["role"])
    kind = role.removeprefix(FURTHER).partition(":")[0]
    first = _FIRST.index(kind) if kind in _FIRST else len(_FIRST) - role.startswith(NAMED)
    return first, role.startswith(FURTHER), int(row["case"])


def _row(predictions: Predictions, target: Target, position: int) -> Row:
    """What the table `cases` says of a case that has no page."""
    task = task_of(target)
    about = {
        "instance_id": int(predictions.instance_ids[position]),
        "label": task.display(target, predictions.labels[position]),
        "probability": math.nan,
        "threshold": math.nan,
        "prediction": math.nan,
        "error": math.nan,
    }
    if not task.decides:
        value, error = float(predictions.values[position]), float(predictions.errors[position])
        shown = task.display(target, np.float64(value))
        return about | {"decision": shown, "correct": False, "prediction": value, "error": error}
    threshold = math.nan if predictions.threshold is None else predictions.threshold
    return about | {
        "decision": target.classes[predictions.decisions[position]],
        "correct": bool(predictions.correct[position]),
        "probability": float(predictions.scores[position]),
        "threshold": threshold,
    }


def stated(results: Results, case: ExplainedCase) -> float:
    """The probability of the explained class of two, of the decided one of more, or the number."""
    target, row = results.schema.target, case.row
    if not task_of(target).decides:
        return float(row["prediction"])
    if len(target.classes) > 2 and case.position is not None:
        return float(results.predictions.probabilities[case.position].max())
    return float(row["probability"])
