"""What people said is wrong with the model, and what came of correcting it."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table_rows import Cells, WholeRow
from deepseek_report.findings.rules_declared import correction_lines
from deepseek_report.metrics.behaviour.behaviour_rows import Corrected
from deepseek_report.sections.shared.draft import Draft, ids_of
from deepseek_report.tasks import task_of

_USES = ids_of(measures="corrections")


@dataclass(frozen=True)
class CorrectionsSection:
    """Says what was corrected, by whom and why, whether it worked, what it cost, what took over."""

    needs = frozenset({"measures/corrections"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("corrections", results)
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
        draft.notes(["corrections"])
        return draft.content(self.needs, _USES)


def _worded(draft: Draft, table: str, row: Cells) -> dict[str, object]:
    """The row with what is a code in the run as words."""
    coded = {"corrected": ("kind", "how", "outcome"), "cost": ("asked",), "changed": ("end",)}
    worded = dict(row)
    for key in coded.get(table, ()):
        names = draft.words.table(f"sections.corrections.{key}s")
        worded[key] = names.get(str(row[key]), str(row[key]))
    return worded
