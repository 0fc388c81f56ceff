"""What the performance section says of predicted numbers, and of many classes."""

from __future__ import annotations

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.table import Column, TableType
from deepseek_report.findings.records import Row, rows, unit_of
from deepseek_report.findings.rules_calibration import interval_row
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable
from deepseek_report.wording import estimates


def answer_numbers(draft: Draft) -> None:
    """How far predictions are off, what part of the variance is predicted, and how sure that is."""
    results = draft.results
    error, squared = results.score("mae"), results.score("r2")
    if error is not None:
        mean = results.score("mae", predictor="mean")
        draft.answer(
            "errors",
            mae=estimates.of_score(error),
            mean=None if mean is None else mean.value,
            predictor=draft.words.label("predictors", "mean"),
            unit=unit_of(results),
        )
    if squared is not None and finite(squared.value) is not None:
        draft.answer("explained", r2=estimates.of_score(squared))
    coverage, row = results.score("prediction_interval_coverage"), interval_row(results)
    if coverage is not None and row is not None:
        draft.answer(
            "intervals",
            half=row["half_width"],
            level=row["level"],
            coverage=estimates.of_score(coverage),
            unit=unit_of(results),
        )


# --- two or many classes --------------------------------------------------------------------------


def class_values(draft: Draft) -> dict[str, ShownTable]:
    """What was decided: label by label for two classes, class by class for many."""
    matrix = rows(draft.results, "confusion_matrix", "matrix")
    names = list(dict.fromkeys(row["actual"] for row in matrix))
    if len(names) <= 2:
        nothing = {"classes": ShownTable("classes"), "grid": ShownTable("grid")}
        return {"matrix": draft.metric_table("confusion_matrix", "matrix"), **nothing}
    return {
        "matrix": ShownTable("matrix"),
        "classes": draft.metric_table("confusion_matrix", "classes"),
        "grid": _grid(draft, names, matrix),
    }


def _grid(draft: Draft, names: list[str], matrix: list[Row]) -> ShownTable:
    """Who is taken for whom: labels in rows, decisions in columns."""
    decided = (
        Column(f"c{k}", "count", label=draft.words.name(name)) for k, name in enumerate(names)
    )
    kind = TableType((Column("actual"), *decided), folded=True)
    counts = {(row["actual"], row["decided"]): row["n"] for row in matrix}
    cells = [
        {"actual": actual}
        | {f"c{k}": counts.get((actual, name), 0) for k, name in enumerate(names)}
        for actual in names
    ]
    return draft.table("confusion-grid", kind, cells)
