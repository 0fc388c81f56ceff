"""Errors by group where nobody declares the favourable class: told by classes, and not judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import NOT_JUDGED
from deepseek_report.findings.records import attribute_label, setting
from deepseek_report.metrics.groups import Grouping, groupings
from deepseek_report.sections.cells import DASH, count_cell, share_cell
from deepseek_report.sections.draft import Draft
from deepseek_report.statistics.intervals import rate
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import in_sentence
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
    classes = [f"“{one}”" for one in draft.results.schema.target.classes]
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
    if all(len(np.unique(p.groups[one.name])) < 2 for one in schema.attributes_of("person")):
        return {}
    found = groupings(schema, dict(p.groups), crossings=False, min_cell=1)
    classes = {} if len(schema.target.classes) > 2 else dict(enumerate(schema.target.classes))
    heads = {
        f"wrong_{k}": draft.text("decided_otherwise", actual=name) for k, name in classes.items()
    }
    columns = {"level": "Group", "n": "n", "right": "Decided as labelled"} | heads
    return {"columns": columns, "groups": [_attribute(draft, one, list(classes)) for one in found]}


def _attribute(draft: Draft, grouping: Grouping, classes: list[int]) -> dict[str, Any]:
    label = attribute_label(draft.results, grouping.name)
    return {
        "name": grouping.name,
        "label": sentence_case(label),
        "inline": in_sentence(label),
        "rows": list(_rows(draft, grouping, classes)),
    }


def _rows(draft: Draft, grouping: Grouping, classes: list[int]) -> Iterator[dict[str, Any]]:
    p = draft.results.predictions
    floor = setting(draft.results, "metrics", "group_rates", "min_cell", 30)
    for k, level in enumerate(grouping.levels):
        inside = grouping.codes == k
        cells: dict[str, Any] = {"level": level, **count_cell("n", int(inside.sum()))}
        if inside.sum() < floor:
            few = dict.fromkeys([f"wrong_{one}" for one in classes], DASH)
            yield cells | {"right": draft.text("too_few")} | few
            continue
        cells |= _share("right", int(p.correct[inside].sum()), int(inside.sum()))
        for one in classes:
            labelled = inside & (p.labels == one)
            wrong = int((labelled & ~p.correct).sum())
            cells |= _share(f"wrong_{one}", wrong, int(labelled.sum()))
        yield cells


def _share(name: str, hits: int, among: int) -> dict[str, Any]:
    found = rate(hits, among)
    return share_cell(name, estimates.estimate(found.value, found.low, found.high, n=among))
