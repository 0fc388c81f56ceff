"""What people said is wrong with the model, and what came of correcting it."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.artifacts.table_rows import Cells, WholeRow
from deepseek_report.extensions.corrections.correction_findings import correction_lines
from deepseek_report.extensions.corrections.correction_rows import Corrected
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class CorrectionsSection(DraftedSection):
    """Says what was corrected, by whom and why, whether it worked, what it cost, what took over."""

    name = metrics = "corrections"
    needs = frozenset({"measures/corrections"})

    def write(self, draft: Draft) -> None:
        results = draft.results
        draft.answers.extend(map(draft.words.say, correction_lines(results)))
        items = results.rows("corrections", "corrected", Corrected)
        for name in ("corrected", "cost", "groups", "changed", "took_over"):
            table = results.rows("corrections", name, WholeRow)
            worded = [_worded(draft, name, row.cells) for row in table]
            draft.values[name] = draft.metric_table("corrections", name, worded)
        if any(row.kind == "label" for row in items):
            draft.caveat("labels")
        if any(row.outcome in {"worked", "failed", "unsure"} for row in items):
            decides = task_of(results.schema.target).decides
            draft.caveat("use", decides=decides)
        runs = sorted({row.run for row in items if row.run})
        if runs:
            draft.caveat("marked", runs=runs)


def _worded(draft: Draft, table: str, row: Cells) -> dict[str, object]:
    """The row with what is a code in the run as words."""
    coded = {"corrected": ("kind", "how", "outcome"), "cost": ("asked",), "changed": ("end",)}
    worded = dict(row)
    for key in coded.get(table, ()):
        names = draft.words.table(f"sections.corrections.{key}s")
        worded[key] = names.get(str(row[key]), str(row[key]))
    return worded
