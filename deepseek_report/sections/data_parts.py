"""How well the model does in parts of the data that are no groups of people."""

from __future__ import annotations

from typing import Any

from deepseek_report.findings.records import rows
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable, View
from deepseek_report.sections.shared.task_columns import Levels, gap_table, levels_of
from deepseek_report.tasks import task_of

_METRIC = "part_performance"


def part_values(draft: Draft) -> dict[str, Any]:
    """The tables on parts of the data; empty where the data name none."""
    judged_by = task_of(draft.results.schema.target).part_table[0]
    table, tests = (rows(draft.results, _METRIC, name) for name in ("parts", "tests"))
    return {
        "parts": [
            part.values(table=_part(draft, part))
            for part in levels_of(draft, table, judged_by, "parts.", tests)
        ],
        "part_tests": gap_table(
            draft, "performance-parts-tests", f"{_METRIC}.tests", [_METRIC], folded=True
        ),
    }


def _part(draft: Draft, part: Levels) -> ShownTable:
    shown = task_of(draft.results.schema.target).part_table
    columns = ("level", "n", *(column.key for column in shown))
    view = View(f"performance-parts-{part.name}", f"{_METRIC}.parts", columns)
    return draft.metric_table(_METRIC, "parts", part.rows, view, by=part.inline)
