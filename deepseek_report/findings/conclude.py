"""All conclusions of a run, drawn once: before the pictures, which read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from deepseek_report.artifacts.conclusions import Conclusions
from deepseek_report.artifacts.finding import SEVERITIES, Finding
from deepseek_report.artifacts.ids import CROSS_VALIDATION, ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import (
    error_budget,
    explainer_verdicts,
    rules_bottlenecks,
    rules_calibration,
    rules_data,
    rules_declared,
    rules_explanations,
    rules_groups,
    rules_parts,
    rules_performance,
    rules_sources,
)
from deepseek_report.findings.rules_failures import failures
from deepseek_report.findings.rules_performance import PROMISES
from deepseek_report.findings.severity import HARMS, Harm
from deepseek_report.findings.skill import SkillVerdict
from deepseek_report.findings.thresholds import judge, unjudged
from deepseek_report.metrics.performance.performance_rows import MeasuredFolds

Rule = Callable[[Results], Iterable[Finding]]

#: Within one severity, share of the cases and harm, findings keep the order of their rules.
RULES: tuple[Rule, ...] = (
    rules_performance.skill,
    rules_performance.thresholds,
    rules_declared.broken,
    rules_data.labels,
    rules_groups.not_judged,
    rules_groups.impact,
    rules_sources.direct_use,
    rules_performance.alerts,
    rules_performance.baselines,
    rules_calibration.leaning,
    rules_calibration.within_groups,
    rules_groups.error_gaps,
    rules_parts.part_gaps,
    rules_data.near_copies,
    rules_bottlenecks.worst_slice,
    rules_bottlenecks.hard_slice,
    rules_groups.error_rates,
    rules_calibration.calibration,
    rules_calibration.intervals,
    rules_explanations.uses,
    rules_explanations.localisation,
    rules_explanations.agreement,
    rules_explanations.unearned,
    rules_bottlenecks.robustness,
    rules_bottlenecks.moved,
    rules_explanations.overview,
    rules_sources.proxies,
    rules_sources.explanation_quality,
    rules_declared.questions,
    rules_declared.relations,
    rules_data.issues,
    rules_performance.training,
    rules_performance.train_and_test,
    rules_bottlenecks.luck,
    rules_bottlenecks.more_data,
    rules_explanations.completeness,
    rules_bottlenecks.experts,
    rules_bottlenecks.heads,
    rules_bottlenecks.hot_spot,
    lambda results: (finding for each in results.measurements for finding in each.findings),
)


#: Evidence without which a rule still draws its finding: the rows, and the advice that was tested.
_BESIDE = frozenset({"data", "predictions/test", "measures/options"})
#: What the findings of a section are about, where it is not the decisions and the data behind them.
_HARMED: Mapping[str, Harm] = {"bias": "people", "explanations": "method", "trust": "method"}
#: Where findings stand that are worth nothing where a model has no skill.
_OF_NO_USE = frozenset({"bias", "explanations", "trust", "cases"})


def measured_findings(results: Results) -> tuple[Finding, ...]:
    """Every finding on what was measured, one a cause, the gravest and widest first.

    Of those alike come first the ones on people, and last those on what is told of the model.
    """
    findings = one_per_cause([finding for rule in rules_of(results) for finding in rule(results)])
    verdict = SkillVerdict.of(results)
    if verdict is not None and verdict.kind != "shown":
        findings = [_marked(finding, verdict) for finding in findings]
    findings = over_folds(findings, results)
    return tuple(priced_once(sorted(findings, key=_order)))


def rules_of(results: Results) -> Iterator[Rule]:
    """The rules, those of extensions before the rules of the core that they name."""
    before: dict[str, list[Rule]] = {}
    for module in error_budget.modules_of(results):
        for name, rules in module.BEFORE.items():
            before.setdefault(name, []).extend(rules)
    for rule in RULES:
        yield from before.pop(rule.__name__, ())
        yield rule


def priced_once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Findings of which the first that proposes an option alone says what it would change."""
    known: list[object] = []
    for finding in findings:
        option = finding.values.get("option")
        is_said = bool(option) and option in known
        yield replace(finding, values={**finding.values, "option": ""}) if is_said else finding
        known.append(option)


def _order(finding: Finding) -> tuple[int, float, int]:
    harmed = _HARMED.get(finding.section, "decision")
    return _rank(finding), -finding.touches, HARMS.index(harmed)


def over_folds(findings: Sequence[Finding], results: Results) -> list[Finding]:
    """The findings, and of each that folds can make again in how many of them it was made.

    A fold can where everything that the finding rests on was measured in all of them.
    """
    made = results.table(CROSS_VALIDATION, "findings")
    if made is None:
        return list(findings)
    folds = results.table(CROSS_VALIDATION, "folds")
    of = 0 if folds is None else len(folds)
    measured = {
        str(ArtifactId.measure(row.metric))
        for row in results.rows(CROSS_VALIDATION, "measured", MeasuredFolds)
        if row.folds == of
    }
    times = dict(zip(made["finding"], made["held"], strict=True))

    def counted(finding: Finding) -> Finding:
        rests_on = {*finding.evidence} - _BESIDE
        if not rests_on or not rests_on <= measured:
            return finding
        folds_of = {"in_folds": int(times.get(finding.id, 0)), "of_folds": of}
        return replace(finding, values={**finding.values, **folds_of})

    return list(map(counted, findings))


def one_per_cause(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without those whose cause another one tells.

    A broken promise stands in the table of the promises; it is no finding of its own where another
    one says the same, which then is as grave as the gravest of that cause.
    """
    by_cause: dict[str, list[Finding]] = {}
    for k, finding in enumerate(findings):
        by_cause.setdefault(finding.cause or f"#{k}", []).append(finding)
    kept = []
    for alike in by_cause.values():
        grave = [finding for finding in alike if finding.severity != "info"]
        own = [finding for finding in grave if finding.message not in PROMISES]
        gravest = min(alike, key=_rank)
        kept.append(replace(min(own, key=_rank), severity=gravest.severity) if own else gravest)
    return kept


def _marked(finding: Finding, verdict: SkillVerdict) -> Finding:
    """A finding on a model without skill, or of which that is open, with a remark that says so."""
    if finding.section not in _OF_NO_USE:
        return finding
    limit = "no_skill" if verdict.kind == "absent" else "skill_open"
    return replace(finding, limits=(*finding.limits, limit))


def _rank(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)


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
        leading=explainer_verdicts.leading_explainer(results),
        leading_for_cases=explainer_verdicts.leading_for_cases(results),
        explainers=tuple(explainer_verdicts.verdicts(results).values()),
    )


def conclusions_of(results: Results) -> Conclusions:
    """The conclusions that a run holds; drawn now where it measured times or memory.

    What rests on these is no result, and no run holds it. Where drawing them failed in the run they
    are not drawn again: no promise counts as judged.
    """
    if _STAGE in results.failures and results.has("data"):
        return Conclusions(verdicts=tuple(unjudged(results, results.failures[_STAGE])))
    is_held = results.has(_STAGE) and not results.timed
    return results.conclusions if is_held else conclude(results)


def all_findings(results: Results) -> tuple[Finding, ...]:
    """Every finding of a run, gravest first: that parts failed stands before all others."""
    return results.findings or (*failures(results), *conclusions_of(results).findings)


def concluded_from(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved config that the conclusions may read."""
    report = {name: config["report"][name] for name in _OF_REPORT}
    explain = {"question": (config.get("explain") or {}).get("question")}
    shared = {name: config[name] for name in ("dataset", "metrics")}
    return {"report": report, **shared, "explain": explain}
