"""Where the model errs, which labels may be wrong, and whether more rows would help."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.findings.records import rows, unit_of
from deepseek_report.findings.rules_bottlenecks import (
    expected_slice,
    slices_examined,
    unexpected_slice,
)
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates


def accuracy(draft: Draft) -> dict[str, Any]:
    """The parts of the data with most errors, and labels that may be wrong."""
    results = draft.results
    suspects = results.score("label_suspects")
    return {
        "fails": unexpected_slice(results) is not None,
        "sentence": _slice_sentence(draft),
        "suspect_sentence": ""
        if suspects is None
        else draft.text("suspects", share=estimates.of_score(suspects)),
    }


def _slice_sentence(draft: Draft) -> str:
    if not draft.results.has("measures/slices"):
        return _not_measured(draft, "measures/slices")
    results = draft.results
    loss = task_of(results.schema.target).loss
    worst, hard = unexpected_slice(results), expected_slice(results)
    row = worst or hard
    return draft.text(
        "slices.worst" if worst else "slices.none",
        examined=slices_examined(results),
        slice=row["slice"] if row else "",
        error=estimates.of_row(row, loss.key) if row else None,
        rest=row[f"rest_{loss.key}"] if row else None,
        expected=finite(row.get(f"expected_{loss.key}")) if row else None,
        unit=unit_of(results),
    )


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
            predictor=draft.words.label("predictors", curve[-1]["predictor"]) if curve else "",
        )
        if gain is not None and known
        else _not_measured(draft, "measures/learning_curve"),
        "issues": [
            draft.words.say(issue.text) for issue in results.issues if issue.severity != "info"
        ]
        if results.has("data")
        else [],
    }


def _not_measured(draft: Draft, artifact: str) -> str:
    """That nothing was measured, and why where the run knows it."""
    reason = draft.words.say(draft.results.refused.get(artifact, "")).rstrip(".")
    return draft.text("not_measured_why", reason=reason) if reason else draft.text("not_measured")
