"""How well the model does in parts of the data that are no groups of people."""

from __future__ import annotations

from typing import Any

from deepseek_report.findings.records import rows
from deepseek_report.sections.draft import Draft
from deepseek_report.sections.task_columns import gap_cells, headings, level_tables
from deepseek_report.tasks import task_of


def part_values(draft: Draft) -> dict[str, Any]:
    """The tables on parts of the data; empty where the data name none."""
    columns = task_of(draft.results.schema.target).part_columns
    table = rows(draft.results, "part_performance", "parts")
    tests = rows(draft.results, "part_performance", "tests")
    return {
        "parts": level_tables(draft, table, columns, "parts.", tests),
        "part_columns": {
            "level": "Part",
            "n": "n",
            **headings(columns, draft.results),
        },
        "part_tests": [gap_cells(draft, row) for row in tests],
    }
