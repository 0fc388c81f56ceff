"""How well the model does in parts of the data that are no groups of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.findings.records import Row, attribute_label, rows
from deepseek_report.sections.bias_numbers import error_values, gap_cells
from deepseek_report.sections.cells import (
    DASH,
    count_cell,
    percent_cell,
    share_cell,
    value_cell,
)
from deepseek_report.sections.draft import Draft
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import in_sentence


def part_values(draft: Draft) -> dict[str, Any]:
    """The tables on parts of the data; empty where the data name none."""
    table = rows(draft.results, "part_performance", "parts")
    names = list(dict.fromkeys(row["attribute"] for row in table))
    tests = rows(draft.results, "part_performance", "tests")
    return {
        "parts": [_attribute(draft, name, table, tests) for name in names],
        "part_tests": [gap_cells(draft, row) for row in tests],
        **{f"part_{key}": value for key, value in error_values(draft, "part_errors").items()},
    }


def _attribute(
    draft: Draft, name: str, table: Sequence[Row], tests: Sequence[Row]
) -> dict[str, Any]:
    mine = [row for row in table if row["attribute"] == name]
    label = attribute_label(draft.results, name)
    return {
        "name": name,
        "label": label,
        "inline": in_sentence(label),
        "rows": [_row(draft, row) for row in mine],
        "sentence": _sentence(draft, mine, [row for row in tests if row["attribute"] == name]),
    }


def _sentence(draft: Draft, levels: Sequence[Row], tests: Sequence[Row]) -> str:
    """The parts with the largest and the smallest share of right decisions."""
    judged = [row for row in levels if not row["too_few"]]
    if len(judged) < 2:
        return draft.text("parts.one_level")
    most = max(judged, key=lambda row: float(row["accuracy"]))
    least = min(judged, key=lambda row: float(row["accuracy"]))
    return draft.text(
        "parts.spread",
        most=most["level"],
        least=least["level"],
        most_rate=estimates.of_row(most, "accuracy", "accuracy"),
        least_rate=estimates.of_row(least, "accuracy", "accuracy"),
        p=tests[0]["p_adjusted"] if tests else None,
    )


def _row(draft: Draft, row: Row) -> dict[str, Any]:
    cells: dict[str, Any] = {"level": row["level"], **count_cell("n", row["n"])}
    if row["too_few"]:
        few = dict.fromkeys(("base", "roc_auc", "mean_score", "ece"), DASH)
        return cells | few | {"accuracy": draft.text("parts.too_few")}
    cells |= share_cell("accuracy", estimates.of_row(row, "accuracy", "accuracy"))
    cells |= share_cell("base", estimates.of_row(row, "base_rate", "base"))
    cells |= value_cell("roc_auc", estimates.of_row(row, "roc_auc", "roc_auc"))
    return cells | percent_cell("mean_score", row["mean_score"]) | percent_cell("ece", row["ece"])
