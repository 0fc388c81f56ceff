"""What small errors in the input do to the decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import Row, rows
from deepseek_report.findings.rules_bottlenecks import noise
from deepseek_report.findings.rules_numbers import unit_of
from deepseek_report.sections.cells import count_cell, share_cell, value_cell
from deepseek_report.sections.draft import Draft
from deepseek_report.wording import estimates

_USES = frozenset({"measures/robustness", "pictures/robustness"})


@dataclass(frozen=True)
class Robustness:
    """Says how decisions and ranking change under noise, wrong entries and missing values."""

    title: ClassVar[str] = "Robustness"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/robustness"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("robustness", results)
        table = rows(results, "robustness", "perturbations")
        if table:
            _answer(draft, table)
        draft.caveat("not_adversarial")
        draft.notes(["robustness"])
        draft.values |= {"rows": [_row(row) for row in table], "columns": _columns(table)}
        return draft.content(self.title, self.needs, _USES)


def _answer(draft: Draft, table: list[Row]) -> None:
    if "mae" in table[0]:
        _answer_number(draft, table)
        return
    flips = draft.results.score("flipped_under_noise")
    if flips is not None:
        draft.answer("noise", flips=estimates.of_score(flips), noise=noise(draft.results))
    changed = [row for row in table if row["level"]]
    if changed:
        worst = min(changed, key=lambda row: row["roc_auc"])
        clean = draft.results.score("roc_auc")
        draft.answer(
            "worst",
            label=worst["label"],
            level=worst["level"],
            area=estimates.of_row(worst, "roc_auc"),
            clean=estimates.of_score(clean) if clean else None,
            flipped=estimates.of_row(worst, "flipped", "flipped"),
        )


def _answer_number(draft: Draft, table: list[Row]) -> None:
    results, unit = draft.results, unit_of(draft.results)
    change, clean = results.score("change_under_noise"), results.score("mae")
    if change is not None:
        told = estimates.of_score(change)
        draft.answer("noise", change=told, noise=noise(results), unit=unit)
    worst = max(table, key=lambda row: float(row["mae"]))
    draft.answer(
        "worst",
        label=worst["label"],
        level=worst["level"],
        error=estimates.of_row(worst, "mae"),
        clean=estimates.of_score(clean) if clean else None,
        change=estimates.of_row(worst, "change", "change"),
        unit=unit,
    )


def _row(row: Row) -> dict[str, Any]:
    cells = {"label": row["label"]} | {
        "level": estimates.bound(row["level"]),
        "level__sort": row["level"],
    }
    if "mae" in row:
        judged = value_cell("mae", estimates.of_row(row, "mae"))
        judged |= value_cell("change", estimates.of_row(row, "change", "change"))
    else:
        judged = value_cell("roc_auc", estimates.of_row(row, "roc_auc"))
        judged |= share_cell("flipped", estimates.of_row(row, "flipped", "flipped"))
    return cells | judged | count_cell("n", row["n"])


def _columns(table: list[Row]) -> dict[str, str]:
    """What the table shows: ranking and decisions, or error and change of a number."""
    number = bool(table) and "mae" in table[0]
    judged = (
        {"mae": "Mean absolute error", "change": "Mean change of the prediction"}
        if number
        else {"roc_auc": "ROC AUC", "flipped": "Decisions flipped"}
    )
    return {"label": "Change", "level": "Level", **judged, "n": "n"}
