"""Errors of predicted numbers by group of people or part of the data, and gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import Row, attribute_label, is_crossing, rows
from deepseek_report.findings.rules_numbers import SIGNIFICANT, unit_of
from deepseek_report.sections.cells import DASH, count_cell, number_cell, p_cell, value_cell
from deepseek_report.sections.draft import Draft
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import in_sentence
from deepseek_report.wording.words import sentence_case


def answer_errors(draft: Draft) -> None:
    """Whether errors of numbers fall evenly, where they were measured by group."""
    if not draft.results.has("measures/group_errors"):
        return
    tests = rows(draft.results, "group_errors", "tests")
    apart = dict.fromkeys(
        attribute_label(draft.results, row["attribute"])
        for row in tests
        if row["p_adjusted"] < SIGNIFICANT
    )
    draft.answer("gaps", judged=bool(tests), apart=list(apart), tests=len(tests))


def error_values(draft: Draft, metric: str = "group_errors") -> dict[str, Any]:
    """The tables on errors by group; empty where no numbers are predicted."""
    results = draft.results
    groups = rows(results, metric, "groups")
    names = list(dict.fromkeys(row["attribute"] for row in groups if not is_crossing(row)))
    return {
        "error_groups": [_attribute(draft, name, groups) for name in names],
        "error_crossings": [_group(results, row) for row in groups if is_crossing(row)],
        "error_tests": [_test(draft, row) for row in rows(results, metric, "tests")],
    }


def few_groups(results: Results) -> int:
    """How many groups have too few cases for their errors to be judged."""
    return sum(bool(row["too_few"]) for row in rows(results, "group_errors", "groups"))


def _attribute(draft: Draft, name: str, groups: Sequence[Row]) -> dict[str, Any]:
    mine = [row for row in groups if row["attribute"] == name]
    label = attribute_label(draft.results, name)
    return {
        "name": name,
        "label": sentence_case(label),
        "inline": in_sentence(label),
        "rows": [_group(draft.results, row) for row in mine],
        "sentence": _spread(draft, mine),
    }


def _spread(draft: Draft, levels: Sequence[Row]) -> str:
    """The groups with the largest and the smallest error."""
    judged = [row for row in levels if not row["too_few"]]
    if len(judged) < 2:
        return draft.text("one_level")
    most = max(judged, key=lambda row: float(row["mae"]))
    least = min(judged, key=lambda row: float(row["mae"]))
    return draft.text(
        "spread",
        most=most["level"],
        least=least["level"],
        most_error=estimates.of_row(most, "mae", "mae"),
        least_error=estimates.of_row(least, "mae", "mae"),
        unit=unit_of(draft.results),
    )


def _group(results: Results, row: Row) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "attribute": attribute_label(results, row["attribute"]),
        "level": row["level"],
        **count_cell("n", row["n"]),
    }
    if row["too_few"]:
        return cells | {"mae": "too few to judge", "error": DASH, "label": DASH, "prediction": DASH}
    return (
        cells
        | value_cell("mae", estimates.of_row(row, "mae", "mae"))
        | value_cell("error", estimates.of_row(row, "mean_error", "mean_error"))
        | number_cell("label", row["mean_label"])
        | number_cell("prediction", row["mean_prediction"])
    )


def _test(draft: Draft, row: Row) -> dict[str, Any]:
    return {"metric": draft.words.label("metrics", row["metric"])} | gap_cells(draft, row)


def gap_cells(draft: Draft, row: Row) -> dict[str, Any]:
    """The gap between two levels of an attribute, beside what chance alone would give."""
    return (
        {
            "attribute": attribute_label(draft.results, row["attribute"]),
            "levels": f"{row['narrowest_level']} to {row['widest_level']}",
        }
        | value_cell("value", estimates.of_row(row, "value"))
        | number_cell("chance", row["null_high"])
        | p_cell("p", row["p_adjusted"])
        | count_cell("n", row["n"])
    )
