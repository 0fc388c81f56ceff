"""What small errors in the input do to the predictions."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.findings.records import unit_of
from deepseek_report.findings.rules_bottlenecks import noise
from deepseek_report.metrics.failures.failure_rows import PerturbationEffect
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates


@dataclass(frozen=True)
class RobustnessSection(DraftedSection):
    """Says how predictions change under noise, wrong entries and missing values."""

    name = "robustness"
    needs = frozenset({"measures/robustness"})
    metrics = pictures = "robustness"

    def write(self, draft: Draft) -> None:
        table = draft.results.rows("robustness", "perturbations", PerturbationEffect)
        if table:
            _answer(draft, table)
        draft.caveat("not_adversarial")


def _answer(draft: Draft, table: list[PerturbationEffect]) -> None:
    results = draft.results
    task, unit = task_of(results.schema.target), unit_of(results)
    moved = results.score(f"{task.moved.key}_under_noise")
    if moved is not None:
        draft.answer("noise", moved=estimates.of_score(moved), noise=noise(results), unit=unit)
    changed = [row for row in table if row.level]
    if not changed:
        return
    choose = min if task.held.direction == "higher" else max
    worst = choose(changed, key=lambda row: row.held.value)
    draft.answer(
        "worst",
        label=worst.label,
        level=worst.level,
        held=worst.held,
        before=worst.before,
        lost=worst.lost,
        moved=worst.moved,
        unit=unit,
    )
