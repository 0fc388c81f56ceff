"""All conclusions of a run, drawn once: before the pictures, which read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepseek_report.artifacts.conclusions import Conclusions
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.explainer_ranking import leading_explainer, leading_for_cases
from deepseek_report.findings.explainer_verdicts import verdicts
from deepseek_report.findings.find import measured_findings
from deepseek_report.findings.rules_failures import failures
from deepseek_report.findings.thresholds import judge, unjudged

_STAGE = "conclusions"
#: Settings of the report that decide a conclusion or its words; all of `dataset` and `metrics` may.
_OF_REPORT = ("language", "thresholds")


def conclude(results: Results) -> Conclusions:
    """Findings, verdicts and the explainers to tell from, by what was measured.

    Without data nothing was measured, and there are only promises that nobody could judge.
    """
    if not results.has("data"):
        return Conclusions(verdicts=tuple(judge(results)))
    return Conclusions(
        findings=measured_findings(results),
        verdicts=tuple(judge(results)),
        leading=leading_explainer(results),
        leading_for_cases=leading_for_cases(results),
        explainers=tuple(verdicts(results).values()),
    )


def conclusions_of(results: Results) -> Conclusions:
    """The conclusions that a run holds; drawn now where an older version made it.

    Where drawing them failed in the run they are not drawn again: no promise counts as judged.
    """
    if _STAGE in results.failures and results.has("data"):
        return Conclusions(verdicts=tuple(unjudged(results, results.failures[_STAGE])))
    held = results.conclusions if results.has(_STAGE) else None
    return held if held is not None and held.is_current else conclude(results)


def all_findings(results: Results) -> tuple[Finding, ...]:
    """Every finding of a run, gravest first: that parts failed stands before all others."""
    return results.findings or (*failures(results), *conclusions_of(results).findings)


def concluded_from(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved config that the conclusions may read."""
    report = {name: config["report"][name] for name in _OF_REPORT}
    return {"report": report, "dataset": config["dataset"], "metrics": config["metrics"]}
