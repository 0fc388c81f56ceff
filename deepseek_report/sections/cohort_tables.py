"""Cohorts side by side, and what matters most in each."""

from __future__ import annotations

from typing import Any

from deepseek_report.findings.explainer_ranking import leading_explainer
from deepseek_report.findings.records import Row, rows
from deepseek_report.sections.shared.draft import Draft

_METRIC = "cohorts"


def cohorts(draft: Draft) -> dict[str, Any]:
    """The table of the cohorts, and the largest attributions in each by the leading method."""
    results = draft.results
    leader = leading_explainer(results)
    drivers = [
        {**row, "cohort": row["cohort"] if row["origin"] == "declared" else ""}  # told once, above
        for row in rows(results, _METRIC, "drivers")
        if row["explainer"] == leader
    ]
    return {
        "table": draft.metric_table(
            _METRIC, "cohorts", _worded(draft, rows(results, _METRIC, "cohorts"))
        ),
        "drivers": draft.metric_table(_METRIC, "drivers", _worded(draft, drivers)),
    }


def _worded(draft: Draft, table: list[Row]) -> list[Row]:
    """The rows, with the cohorts as people call them."""
    return [
        {**row, "cohort": draft.text("cohort", origin=row["origin"], name=row["cohort"])}
        for row in table
    ]
