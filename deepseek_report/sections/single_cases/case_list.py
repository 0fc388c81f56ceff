"""The short list of cases that paper has, and pages without scripts."""

from __future__ import annotations

from typing import Any

from deepseek_report.sections.shared.display_cells import number_cell, percent_cell
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases.explained_cases import ExplainedCase, stated
from deepseek_report.tasks import task_of

#: Features that are named as what counted most.
_NAMED = 3


def list_row(draft: Draft, case: ExplainedCase, page: dict[str, Any]) -> dict[str, Any]:
    """One case in a line: why it is shown, what was decided and happened, what counted."""
    row, numbers = case.row, draft.words.numbers
    cells = {
        "shown": page["title"],
        "row": numbers.count(int(row["instance_id"])),
        "decision": row["decision"],
        "truth": row["label"],
        "counted": page["counted"],
        "change": page["change_in_short"],
    }
    if task_of(draft.results.schema.target).decides:
        return cells | percent_cell(numbers, "probability", stated(draft.results, case))
    return cells | number_cell(numbers, "error", row.get("error"))
