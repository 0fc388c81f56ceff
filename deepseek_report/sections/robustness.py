"""What small errors in the input do to the predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import Row, rows, unit_of
from deepseek_report.findings.rules_bottlenecks import noise
from deepseek_report.sections.cells import count_cell, share_cell, value_cell
from deepseek_report.sections.draft import Draft
from deepseek_report.tasks import Task, task_of
from deepseek_report.wording import estimates

_USES = frozenset({"measures/robustness", "pictures/robustness"})


@dataclass(frozen=True)
class Robustness:
    """Says how predictions change under noise, wrong entries and missing values."""

    title: ClassVar[str] = "Robustness"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/robustness"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("robustness", results)
        table = rows(results, "robustness", "perturbations")
        if table:
            _answer(draft, table)
        draft.caveat("not_adversarial")
        draft.notes(["robustness"])
        task = task_of(results.schema.target)
        draft.values |= {"rows": [_row(row, task) for row in table], "columns": _columns(task)}
        return draft.content(self.title, self.needs, _USES)


def _answer(draft: Draft, table: list[Row]) -> None:
    results = draft.results
    task, unit = task_of(results.schema.target), unit_of(results)
    moved, clean = results.score(f"{task.moved.key}_under_noise"), results.score(task.held.key)
    if moved is not None:
        draft.answer("noise", moved=estimates.of_score(moved), noise=noise(results), unit=unit)
    changed = [row for row in table if row["level"]]
    if not changed:
        return
    choose = min if task.held.direction == "higher" else max
    worst = choose(changed, key=lambda row: float(row[task.held.key]))
    draft.answer(
        "worst",
        label=worst["label"],
        level=worst["level"],
        held=estimates.of_row(worst, task.held.key),
        clean=estimates.of_score(clean) if clean else None,
        moved=estimates.of_row(worst, task.moved.key, task.moved.key),
        unit=unit,
    )


def _row(row: Row, task: Task) -> dict[str, Any]:
    cells = {"label": row["label"]} | {
        "level": estimates.bound(row["level"]),
        "level__sort": row["level"],
    }
    held, moved = task.held.key, task.moved.key
    cell = share_cell if task.moved.is_share else value_cell
    return (
        cells
        | value_cell(held, estimates.of_row(row, held))
        | cell(moved, estimates.of_row(row, moved, moved))
        | count_cell("n", row["n"])
    )


def _columns(task: Task) -> dict[str, str]:
    """What the table shows: what should hold, and what should not move."""
    judged = {one.key: one.heading for one in (task.held, task.moved)}
    return {"label": "Change", "level": "Level", **judged, "n": "n"}
