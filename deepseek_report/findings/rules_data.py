"""Rules on what the data can carry; the checks themselves ran when the data were read."""

from __future__ import annotations

from deepseek_report.artifacts.finding import SEVERITIES, Finding
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.findings.records import words_of

#: How many things of one kind a finding names.
SHOWN = 2


def issues(results: Results) -> list[Finding]:
    """One finding for each kind of thing that the checks of the data found."""
    kinds: dict[str, list[DataIssue]] = {}
    for one in results.issues:
        kinds.setdefault(one.check, []).append(one)
    return [_issue(results, check, found) for check, found in kinds.items()]


def _issue(results: Results, check: str, found: list[DataIssue]) -> Finding:
    """The finding of one check, with the severity of the gravest thing it found."""
    message = f"data_{check}"
    if not words_of(results).has(f"findings.{message}.claim"):
        message = "data_other"
    found = sorted(found, key=lambda one: SEVERITIES.index(one.severity))
    return Finding(
        id=f"data-{check}",
        severity=found[0].severity,
        message=message,
        values={
            "check": check.replace("_", " "),
            "n": len(found),
            "text": " ".join(one.text for one in found[:SHOWN]),
            "more": max(len(found) - SHOWN, 0),
            "recommendation": found[0].recommendation,
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
