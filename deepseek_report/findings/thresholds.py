"""What the config promised against what was measured: met, not met, or too uncertain to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from deepseek_report.artifacts.conclusions import Outcome, Side, Verdict
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.finding import Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import SKIPPED, Text
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import NOT_JUDGED
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.severity import Harm, severity
from deepseek_report.metrics.plugin import FAVOURABLE_SCORES
from deepseek_report.tasks import task_of

#: What a promise may name that it is about.
_ABOUT = ("attribute", "level", "explainer", "slice", "predictor")


def severity_of_promise(verdict: Verdict) -> Severity:
    """How grave a promise is that is not met; one step less where that is only possible.

    One about an explanation method harms what is told of the model, and never outranks people.
    """
    harm: Harm = "method" if verdict.explainer else "people" if verdict.attribute else "decision"
    return severity(harm, "large", certain=verdict.outcome == "not met")


def outcome(
    side: Side, bound: float, value: float, low: float | None, high: float | None
) -> Outcome:
    """The outcome of one promise.

    side, bound : the value must be at least, or at most, `bound`; the bound itself is allowed.
    value, low, high : the estimate and its 95 % interval, or None for a value without interval.

    Gives "met" where the whole interval is on the allowed side, "not met" where all of it is on
    the other, else "too uncertain to say".
    """
    low = value if low is None else low
    high = value if high is None else high
    inside, outside = (low, high) if side == "at_least" else (-high, -low)
    limit = bound if side == "at_least" else -bound
    if inside >= limit:
        return "met"
    return "not met" if outside < limit else "too uncertain to say"


def judge(results: Results) -> list[Verdict]:
    """Every promise of `report.thresholds`, one verdict for each subject that it covers."""
    verdicts = []
    for promise in promises(results):
        named = {name: text for name in _ABOUT if (text := getattr(promise, name))}
        scores = [
            score
            for score in results.find(promise.metric, **{"predictor": "model", **named})
            if finite(score.value) is not None and score.explainer != CONTROL
        ]
        verdicts += [_of_score(promise, score) for score in scores]
        if not scores:
            verdicts.append(replace(promise, reason=_why_not_measured(results, promise.metric)))
    return verdicts


def within_promise(results: Results, grade: Severity, metric: str, attribute: str = "") -> Severity:
    """How grave it is what a declared bound on this metric surely allows: no more than minor.

    The bound is on the model as a whole, or on the groups or parts of an attribute. What somebody
    declared to be acceptable does not lead the report, whatever its size.
    """
    own = [
        verdict.outcome
        for verdict in judge(results)
        if (verdict.metric, verdict.attribute) == (metric, attribute)
        and not (verdict.level or verdict.slice)
    ]
    if grade in ("high", "medium") and own and all(outcome == "met" for outcome in own):
        return "low"
    return grade


def unjudged(results: Results, reason: Text) -> list[Verdict]:
    """Every promise as one that was not measured, for this reason."""
    return [replace(promise, reason=reason) for promise in promises(results)]


def promises(results: Results) -> Iterator[Verdict]:
    """What is promised, by whom and of which subject, before anything is looked up."""
    for stated in results.report.get("thresholds") or []:
        side: Side = "at_most" if stated.get("at_least") is None else "at_least"
        named = ("set_by", "why", *_ABOUT)
        texts: dict[str, Any] = {name: str(stated.get(name) or "") for name in named}
        bound = float(stated[side])
        yield Verdict(str(stated["metric"]), side, bound, outcome="not measured", **texts)


def _why_not_measured(results: Results, metric: str) -> Text:
    undeclared = results.has("data") and not results.schema.target.is_judged
    if metric in FAVOURABLE_SCORES and undeclared and task_of(results.schema.target).decides:
        return NOT_JUDGED
    if results.skipped and not results.has(ArtifactId.measure(metric)):
        return SKIPPED  # a promise that the whole report would not measure is refused before a run
    return results.why_missing(ArtifactId.measure(metric))


def _of_score(promise: Verdict, score: Score) -> Verdict:
    low, high = finite(score.low), finite(score.high)
    return replace(
        promise,
        outcome=outcome(promise.side, promise.bound, score.value, low, high),
        attribute=score.attribute,
        level=score.level,
        explainer=score.explainer,
        slice=score.slice,
        value=score.value,
        low=low,
        high=high,
        n=score.n,
        unit=score.unit,
    )
