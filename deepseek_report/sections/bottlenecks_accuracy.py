"""Where the model errs, which labels may be wrong, and whether more rows would help."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.numbers import count
from deepseek_report.findings.records import Row, rows
from deepseek_report.findings.rules_bottlenecks import is_clear, slices_examined
from deepseek_report.findings.rules_numbers import is_clear_part, parts_examined, unit_of
from deepseek_report.sections.cells import (
    count_cell,
    number_cell,
    p_cell,
    percent_cell,
    share_cell,
    value_cell,
)
from deepseek_report.sections.draft import Draft
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import finite


def accuracy(draft: Draft) -> dict[str, Any]:
    """The parts of the data with most errors, and labels that may be wrong."""
    results = draft.results
    table = rows(results, "slices", "slices")
    parts = rows(results, "error_slices", "slices")
    suspects = results.score("label_suspects")
    return {
        "sentence": _part_sentence(draft, parts) if parts else _slice_sentence(draft, table),
        "parts": [_part(row) for row in parts],
        "slices": [_slice(row) for row in table],
        "suspects": [_suspect(row) for row in rows(results, "label_suspects", "suspects")][:20],
        "suspect_sentence": ""
        if suspects is None
        else draft.text("suspects", share=estimates.of_score(suspects)),
    }


def _slice_sentence(draft: Draft, table: list[Row]) -> str:
    if not table:
        return _not_measured(draft, "measures/slices")
    clear = [row for row in table if is_clear(row)]
    examined = slices_examined(draft.results)
    if not clear:
        return draft.text("slices.none", examined=examined)
    worst = clear[0]
    extra = (worst["error_rate"] - worst["rest_error_rate"]) * worst["n"]
    errors = estimates.of_row(worst, "error_rate")
    return draft.text(
        "slices.worst", slice=worst["slice"], errors=errors, extra=round(extra), clear=len(clear)
    )


def _part_sentence(draft: Draft, table: list[Row]) -> str:
    """Where predicted numbers are furthest off."""
    clear = [row for row in table if is_clear_part(row)]
    if not clear:
        return draft.text("slices.none", examined=parts_examined(draft.results))
    worst = clear[0]
    return draft.text(
        "slices.worst",
        slice=worst["slice"],
        error=estimates.of_row(worst, "mae"),
        rest=worst["rest_mae"],
        clear=len(clear),
        unit=unit_of(draft.results),
    )


def _part(row: Row) -> dict[str, Any]:
    return (
        {"slice": row["slice"]}
        | count_cell("n", row["n"])
        | percent_cell("share", row["share"])
        | value_cell("mae", estimates.of_row(row, "mae"))
        | number_cell("rest", row["rest_mae"])
        | number_cell("lean", row["mean_error"])
        | p_cell("p", row["p_adjusted"])
    )


def _slice(row: Row) -> dict[str, Any]:
    return (
        {"slice": row["slice"]}
        | count_cell("n", row["n"])
        | percent_cell("share", row["share"])
        | share_cell("error_rate", estimates.of_row(row, "error_rate"))
        | percent_cell("rest", row["rest_error_rate"])
        | percent_cell("missed", row.get("missed_rate"))
        | percent_cell("rest_missed", row.get("rest_missed_rate"))
        | p_cell("p", row["p_adjusted"])
    )


def _suspect(row: Row) -> dict[str, Any]:
    return {
        "row": f"Row {count(int(row['instance_id']))}",
        "row__sort": int(row["instance_id"]),
        "label": row["label"],
        **percent_cell("probability", row["probability"]),
        **percent_cell("nearest_agree", row["nearest_agree"]),
    }


def data(draft: Draft) -> dict[str, Any]:
    """What more rows would bring, and what is wrong with those there are."""
    results = draft.results
    curve = rows(results, "learning_curve", "curve")
    gain = results.score("learning_curve_gain")
    known = gain is not None and finite(gain.value) is not None
    return {
        "sentence": draft.text(
            "curve",
            gain=estimates.of_score(gain),
            predictor=curve[-1]["predictor"] if curve else "",
        )
        if gain is not None and known
        else _not_measured(draft, "measures/learning_curve"),
        "curve": [
            count_cell("rows", row["rows"])
            | value_cell("roc_auc", estimates.of_row(row, "roc_auc"))
            | {"predictor": row["predictor"]}
            for row in curve
        ],
        "issues": [draft.words.say(one.text) for one in results.issues if one.severity != "info"]
        if results.has("data")
        else [],
    }


def _not_measured(draft: Draft, artifact: str) -> str:
    """That nothing was measured, and why where the run knows it."""
    reason = draft.words.say(draft.results.refused.get(artifact, "")).rstrip(".")
    return draft.text("not_measured_why", reason=reason) if reason else draft.text("not_measured")
