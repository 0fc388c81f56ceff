"""Errors by group where nobody declares the favourable class: told by classes, and not judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import NOT_JUDGED
from deepseek_report.artifacts.table import Column, TableType
from deepseek_report.findings.records import attribute_label, setting
from deepseek_report.metrics.fairness.groups import Grouping, groupings
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import own_table
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import sentence_case


def is_undeclared(results: Results) -> bool:
    """Whether groups of people are declared, and the class that is good for them is not."""
    if not results.has("data"):
        return False
    schema = results.schema
    judged = schema.target.is_judged or not task_of(schema.target).decides
    return not judged and bool(schema.attributes_of("person"))


def answer_undeclared(draft: Draft) -> None:
    """That nothing is judged, and what to declare."""
    classes = list(draft.results.schema.target.classes)
    draft.answer("not_judged", reason=NOT_JUDGED, classes=classes)


def undeclared_values(draft: Draft) -> dict[str, Any]:
    """How often each group is decided otherwise than labelled, class by class; no verdict.

    Empty where the favourable class is declared, where there are no groups with two levels, or
    where nothing was predicted.
    """
    results = draft.results
    if not is_undeclared(results) or not results.has("predictions/test"):
        return {}
    schema, p = results.schema, results.predictions
    if all(
        len(np.unique(p.groups[attribute.name])) < 2 for attribute in schema.attributes_of("person")
    ):
        return {}
    grouped = groupings(schema, p, crossings=False, min_cell=1)
    classes = {} if len(schema.target.classes) > 2 else dict(enumerate(schema.target.classes))
    heads = (
        Column(
            f"wrong_{k}",
            "share",
            unless="too_few",
            label=draft.text("decided_otherwise", actual=name),
        )
        for k, name in classes.items()
    )
    kind = TableType(
        (
            Column("level"),
            Column("n", "count"),
            Column("right", "share", unless="too_few"),
            *heads,
        )
    )
    return {"groups": [_attribute(draft, grouping, kind, list(classes)) for grouping in grouped]}


def _attribute(
    draft: Draft, grouping: Grouping, kind: TableType, classes: list[int]
) -> dict[str, Any]:
    label = attribute_label(draft.results, grouping.name)
    rows = _rows(draft, grouping, classes)
    identity, by = f"bias-{grouping.name}", draft.words.inline(label)
    return {
        "label": sentence_case(label),
        "table": own_table(draft.results, identity, "bias.undeclared", kind, rows, by=by),
    }


def _rows(draft: Draft, grouping: Grouping, classes: list[int]) -> Iterator[dict[str, Any]]:
    p = draft.results.predictions
    floor = setting(draft.results, "metrics", "group_rates", "min_cell", 30)
    for k, level in enumerate(grouping.levels):
        inside = grouping.codes == k
        size = int(inside.sum())
        row: dict[str, Any] = {"level": level, "n": size, "too_few": size < floor}
        row["right"] = grouping.drawn.rate(p.correct, inside)
        for actual in classes:
            row[f"wrong_{actual}"] = grouping.drawn.rate(~p.correct, inside & (p.labels == actual))
        yield row
