"""Where the model errs, which labels may be wrong, and whether more rows would help."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.findings.records import Row, rows, unit_of
from deepseek_report.findings.rules_bottlenecks import is_clear, slices_examined
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates


def accuracy(draft: Draft) -> dict[str, Any]:
    """The parts of the data with most errors, and labels that may be wrong."""
    results = draft.results
    table = rows(results, "slices", "slices")
    suspects = results.score("label_suspects")
    return {
        "sentence": _slice_sentence(draft, table),
        "suspect_sentence": ""
        if suspects is None
        else draft.text("suspects", share=estimates.of_score(suspects)),
    }


def _slice_sentence(draft: Draft, table: list[Row]) -> str:
    if not table:
        return _not_measured(draft, "measures/slices")
    loss = task_of(draft.results.schema.target).loss
    clear = [row for row in table if is_clear(row, loss)]
    if not clear:
        return draft.text("slices.none", examined=slices_examined(draft.results))
    worst = clear[0]
    rest = worst[f"rest_{loss.key}"]
    return draft.text(
        "slices.worst",
        slice=worst["slice"],
        error=estimates.of_row(worst, loss.key),
        rest=rest,
        extra=round((worst[loss.key] - rest) * worst["n"]),
        clear=len(clear),
        unit=unit_of(draft.results),
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
