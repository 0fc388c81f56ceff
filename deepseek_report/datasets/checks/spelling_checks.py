"""One thing that seems to be written in several ways: classes of a target, dates of a column."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.assembly.column_declarations import is_number, truth_of
from deepseek_report.datasets.card.data_card import DataFacts
from deepseek_report.tasks import task_of


def classes_spelled_twice(facts: DataFacts) -> list[DataIssue]:
    """Classes whose codes differ in capitals alone, or in how yes, no or a number is written.

    Capitals can be meant (an allele, say), so these are less grave.
    """
    target = facts.schema.target
    if not task_of(target).decides or target.labels:
        return []
    same: dict[object, list[int]] = defaultdict(list)
    for place, code in enumerate(target.codes):
        same[_meaning(code)].append(place)
    sizes = np.bincount(facts.whole.labels, minlength=len(target.classes))
    spellings: list[list[dict[str, Any]]] = [
        [{"code": target.codes[place], "n": int(sizes[place])} for place in places]
        for places in same.values()
        if len(places) > 1
    ]
    if not spellings:
        return []
    by_truth = any(truth_of(entries[0]["code"]) is not None for entries in spellings)
    rows = sum(entry["n"] for entries in spellings for entry in entries)
    return [
        DataIssue(
            "classes_spelled_twice",
            "high" if by_truth else "medium",
            message("data.spelled_twice.text", spellings=spellings, rows=rows),
            {"spellings": spellings, "n": rows},
            message("data.spelled_twice.do"),
        )
    ]


def _meaning(code: str) -> object:
    """The same for codes that seem to mean the same."""
    truth = truth_of(code)
    if truth is not None:
        return truth
    return float(code) if is_number(code) else " ".join(code.casefold().split())


def mixed_dates(facts: DataFacts) -> list[DataIssue]:
    """Columns whose dates are written in more than one form, so that day and month can be mixed."""
    return [
        DataIssue(
            "mixed_dates",
            "medium" if column.orders_rows else "low",
            message(
                f"data.mixed_dates.{'ordering' if column.orders_rows else 'left_out'}",
                column=column.name,
                examples=list(column.examples),
            ),
            {"feature": column.name, "examples": list(column.examples)},
            message("data.mixed_dates.do"),
        )
        for column in facts.mixed_dates
    ]
