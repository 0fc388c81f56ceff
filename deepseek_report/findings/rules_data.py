"""Rules on what the data can carry; the checks themselves ran when the data were read."""

from __future__ import annotations

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.findings.records import words_of


def issues(results: Results) -> list[Finding]:
    """One finding for each thing that the checks of the data found."""
    return [_issue(results, one, position) for position, one in enumerate(results.issues)]


def _issue(results: Results, one: DataIssue, position: int) -> Finding:
    message = f"data_{one.check}"
    if not words_of(results).has(f"findings.{message}.claim"):
        message = "data_other"
    return Finding(
        id=f"data-{one.check}-{position}",
        severity=one.severity,
        message=message,
        values={
            "check": one.check.replace("_", " "),
            "text": one.text,
            "recommendation": one.recommendation,
        },
        evidence=("data",),
        section="data",
    )


def labels(results: Results) -> list[Finding]:
    """Labels that are somebody's decisions, not outcomes."""
    target = results.schema.target
    if not target.labels_are_decisions:
        return []
    values = {"target": target.label}
    return [
        Finding("labels_are_decisions", "high", "labels_are_decisions", values, ("data",), "data")
    ]
