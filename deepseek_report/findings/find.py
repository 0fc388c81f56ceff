"""All rules, and the order in which their findings are read."""

from __future__ import annotations

from collections.abc import Callable

from deepseek_report.artifacts.finding import SEVERITIES, Finding
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import (
    rules_bottlenecks,
    rules_calibration,
    rules_data,
    rules_errors,
    rules_explanations,
    rules_failures,
    rules_groups,
    rules_localisation,
    rules_parts,
    rules_performance,
    rules_sources,
)

Rule = Callable[[Results], list[Finding]]

#: Within one severity, findings keep the order of their rules.
RULES: tuple[Rule, ...] = (
    rules_performance.thresholds,
    rules_data.labels,
    rules_groups.not_judged,
    rules_groups.impact,
    rules_performance.baselines,
    rules_calibration.leaning,
    rules_errors.error_gaps,
    rules_parts.part_gaps,
    rules_data.near_copies,
    rules_explanations.faithfulness,
    rules_explanations.sanity,
    rules_localisation.localisation,
    rules_bottlenecks.worst_slice,
    rules_errors.error_rates,
    rules_calibration.calibration,
    rules_calibration.intervals,
    rules_explanations.agreement,
    rules_bottlenecks.robustness,
    rules_bottlenecks.moved,
    rules_explanations.local_fit,
    rules_explanations.stability,
    rules_explanations.overview,
    rules_sources.proxies,
    rules_sources.explanation_quality,
    rules_data.issues,
    rules_performance.training,
    rules_bottlenecks.more_data,
    rules_explanations.completeness,
    rules_bottlenecks.experts,
    rules_bottlenecks.heads,
    rules_bottlenecks.hot_spot,
)


def measured_findings(results: Results) -> tuple[Finding, ...]:
    """Every finding on what was measured, gravest first."""
    findings = [finding for rule in RULES for finding in rule(results)]
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def find(results: Results) -> tuple[Finding, ...]:
    """Every finding of a run, gravest first: that parts failed stands before all others."""
    return (*rules_failures.failures(results), *measured_findings(results))
