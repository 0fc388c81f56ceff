"""What the performance section says of predicted numbers, and of several labels or many classes."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.numbers import count, quantity
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import estimates
from deepseek_report.findings.records import Row, attribute_label, rows
from deepseek_report.findings.rules_numbers import interval_row, unit_of
from deepseek_report.sections.cells import count_cell, percent_cell, share_cell, value_cell
from deepseek_report.sections.draft import Draft


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


def number_values(results: Results) -> dict[str, Any]:
    """The tables on numbers; empty where none was predicted."""
    return {
        "error_bins": [_bin(row) for row in rows(results, "residuals", "bins")],
        "largest": [_largest(row, results) for row in rows(results, "residuals", "largest")],
        "coverage": [
            _coverage(row, results) for row in rows(results, "prediction_intervals", "coverage")
        ],
        "coverage_groups": [
            _group(row, results) for row in rows(results, "prediction_intervals", "by_group")
        ],
    }


def _bin(row: Row) -> dict[str, Any]:
    return (
        {"from": estimates.number(row["from"]), "from__sort": row["from"]}
        | {"to": estimates.number(row["to"]), "to__sort": row["to"]}
        | count_cell("n", row["n"])
        | value_cell("predicted", estimates.estimate(row["predicted"]))
        | value_cell("observed", estimates.estimate(row["observed"]))
        | value_cell("error", estimates.of_row(row, "mean_error"))
    )


def _largest(row: Row, results: Results) -> dict[str, Any]:
    unit = results.schema.target.unit
    cells: dict[str, Any] = {
        "row": f"Row {count(int(row['instance_id']))}",
        "row__sort": int(row["instance_id"]),
    }
    for key in ("label", "prediction", "error"):
        cells |= {key: quantity(float(row[key]), unit), f"{key}__sort": float(row[key])}
    return cells


def _coverage(row: Row, results: Results) -> dict[str, Any]:
    half = quantity(float(row["half_width"]), results.schema.target.unit)
    return (
        {"level": estimates.bound(row["level"], as_percent=True), "level__sort": row["level"]}
        | {"half": f"± {half}", "half__sort": row["half_width"]}
        | share_cell("coverage", estimates.of_row(row, "coverage"))
        | count_cell("n", row["n"])
    )


def _group(row: Row, results: Results) -> dict[str, Any]:
    held = {"coverage": "too few to judge"}
    if not row["too_few"]:
        held = share_cell("coverage", estimates.of_row(row, "coverage"))
    return {
        "attribute": attribute_label(results, row["attribute"]),
        "level": row["level"],
        **held,
        **count_cell("n", row["n"]),
    }


# --- several labels, many classes -----------------------------------------------------------------


def label_values(results: Results) -> dict[str, Any]:
    """The table of all labels; empty where there is one target only."""
    return {"labels": [_label(row) for row in rows(results, "labels_table", "labels")]}


def _label(row: Row) -> dict[str, Any]:
    mark = " (reported)" if row["reported"] else ""
    cells: dict[str, Any] = {"label": f"{row['label']}{mark}"}
    cells |= percent_cell("prevalence", row["prevalence"])
    for key in ("roc_auc", "average_precision", "f1"):
        cells |= value_cell(key, estimates.of_row(row, key, key))
    return cells | value_cell("threshold", estimates.estimate(row["threshold"]))


def class_values(results: Results) -> dict[str, Any]:
    """Found and right of each class, and who is taken for whom, where there are several classes."""
    classes = rows(results, "confusion_matrix", "classes")
    matrix = rows(results, "confusion_matrix", "matrix")
    names = list(dict.fromkeys(row["actual"] for row in matrix))
    if len(names) <= 2:
        return {"classes": [], "grid": [], "grid_columns": {}}
    columns = {"actual": "Label"} | {f"c{k}": name for k, name in enumerate(names)}
    return {
        "classes": [_class(row) for row in classes],
        "grid": [_grid_row(name, names, matrix) for name in names],
        "grid_columns": columns,
    }


def _class(row: Row) -> dict[str, Any]:
    return (
        {"class": row["class"]}
        | count_cell("n", row["n"])
        | share_cell("found", estimates.of_row(row, "recall", "recall"))
        | count_cell("decided", row["decided"])
        | share_cell("right", estimates.of_row(row, "precision", "precision"))
    )


def _grid_row(actual: str, names: list[str], matrix: list[Row]) -> dict[str, Any]:
    counts = {row["decided"]: row["n"] for row in matrix if row["actual"] == actual}
    cells: dict[str, Any] = {"actual": actual}
    for k, name in enumerate(names):
        cells |= count_cell(f"c{k}", counts.get(name, 0))
    return cells
