"""The first screen: what was tested, what was met, what must not be relied on, what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.disclosure import is_left_out
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.conclude import conclusions_of
from deepseek_report.findings.records import is_share, period_of, subject_of
from deepseek_report.findings.rules_failures import applicable, by_reason
from deepseek_report.sections.privacy import privacy_line
from deepseek_report.sections.shared.display_cells import count_cell
from deepseek_report.sections.shared.draft import Draft, all_findings
from deepseek_report.wording import estimates

#: Where a class name of several words can be parted: LGBM|Classifier, Hist|Gradient|Boosting.
_NAME_OF_A_CLASS = re.compile(r"(?<=[a-z]{3})(?=[A-Z][a-z]{4})|(?<=[A-Z]{2})(?=[A-Z][a-z]{4})")
#: What the first screen shows of the model where no threshold is declared, the first that is there.
_MAIN = ("roc_auc", "balanced_accuracy", "accuracy", "mae", "r2")


@dataclass(frozen=True)
class SummarySection:
    """Opens the report: what the model decides, thresholds, findings, and what was not assessed.

    findings : how many findings the first screen shows, gravest first.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data", "predictions/test"})

    findings: Annotated[int, Field(ge=1, le=20)] = 7

    def content(self, results: Results) -> SectionContent:
        draft = Draft("summary", results)
        verdicts = conclusions_of(results).verdicts
        unfit, of_sets, private = _refused(results)
        findings = [draft.words.finding(finding) for finding in all_findings(results)]
        if results.has("data"):
            draft.answer("decides", decision=_decision(draft), period=period_of(draft.results))
        _outcome(draft, verdicts, [finding.severity for finding in findings])
        draft.values |= {
            "facts": _facts(draft) if results.has("data") else [],
            "thresholds": [_threshold(draft, verdict) for verdict in verdicts],
            "shown": findings[: self.findings],
            "others": _others(findings[self.findings :]),
            "more": len(findings) - self.findings,
            "failed": by_reason(draft.words, results.failures),
            "unfit": by_reason(draft.words, unfit),
            "of_sets": by_reason(draft.words, of_sets),
            "n_of_sets": len(of_sets),
            "private": by_reason(draft.words, private),
            "privacy": privacy_line(draft) if results.has("data") else "",
            "not_measured": _not_measured(draft),
            "never": list(draft.words.table("not_assessed").values()),
            "run_id": results.run_id,
        }
        content = draft.content(self.needs)
        return _without_actions(content)


def _without_actions(content: SectionContent) -> SectionContent:
    """Each finding of the summary says what to do itself."""
    return replace(content, actions=(), caveats=())


def _refused(results: Results) -> tuple[dict[str, Text], dict[str, Text], dict[str, Text]]:
    """What cannot be applied here, each with the reason.

    Returns
    -------
    unfit : what the config names itself. of_sets : what a set brought along.
    private : what shows more of single persons than the report may; pictures too, since what they
        would show is told nowhere else.
    """
    private = {artifact: why for artifact, why in results.refused.items() if is_left_out(why)}
    named = {
        artifact: why for artifact, why in results.refused.items() if artifact in results.named
    }
    of_sets = applicable({k: why for k, why in results.refused.items() if k not in named})
    return _without(named, private), _without(of_sets, private), private


def _without(parts: Mapping[str, Text], others: Mapping[str, Text]) -> dict[str, Text]:
    return {artifact: why for artifact, why in parts.items() if artifact not in others}


def _decision(draft: Draft) -> str:
    known = draft.words.say(draft.results.card.get("decision") or "").strip()
    if known:
        sentence = known if known.endswith((".", "!", "?")) else f"{known}."
        return draft.text("answer.decision", decision=sentence, first=sentence.split()[0].lower())
    target = draft.results.schema.target
    return draft.text("decision", classes=list(target.classes), label=target.label)


def _outcome(draft: Draft, verdicts: Sequence[Verdict], severities: list[str]) -> None:
    if verdicts:
        draft.answer(
            "thresholds",
            n=len(verdicts),
            met=sum(verdict.outcome == "met" for verdict in verdicts),
            missed=sum(verdict.outcome == "not met" for verdict in verdicts),
            open=sum(verdict.outcome == "too uncertain to say" for verdict in verdicts),
            unmeasured=sum(verdict.outcome == "not measured" for verdict in verdicts),
        )
    draft.answer("findings", grave=severities.count("high"), look=severities.count("medium"))


# --- facts ---


def _facts(draft: Draft) -> list[dict[str, str]]:
    results = draft.results
    facts = [_rows_fact(draft), _groups_fact(draft), _model_fact(draft), _metric_fact(draft)]
    facts.extend([_explained_fact(draft), _time_fact(draft)])
    if results.run_id:
        facts.append(_fact(draft, "run", results.run_id))
    return [fact for fact in facts if fact]


def _fact(draft: Draft, key: str, value: str, note: str = "") -> dict[str, str]:
    return {"value": value, "label": draft.text(f"fact.{key}"), "note": note}


def _rows_fact(draft: Draft) -> dict[str, str]:
    card = draft.results.card
    tested = draft.results.predicted.n if draft.results.has("predictions/test") else 0
    note = draft.text("fact.tested", n=tested) if tested else ""
    modality = draft.results.schema.modality if draft.results.has("data") else "table"
    return _fact(draft, f"rows.{modality}", draft.words.numbers.count(card.get("rows") or 0), note)


def _groups_fact(draft: Draft) -> dict[str, str]:
    attributes = draft.results.schema.attributes_of("person")
    if not attributes:
        return {}
    levels = sum(len(attribute.levels) for attribute in attributes)
    note = draft.text("fact.compared", attributes=[attribute.label for attribute in attributes])
    return _fact(draft, "groups", draft.words.numbers.count(levels), note)


def _model_fact(draft: Draft) -> dict[str, str]:
    if not draft.results.has("training"):
        return {}
    architecture = draft.results.architecture
    size = finite(architecture.get("parameters"))
    note = draft.text("fact.parameters", n=size) if size else ""
    name = _NAME_OF_A_CLASS.sub(" ", str(architecture.get("name") or draft.text("fact.model")))
    return _fact(draft, "model", name, note)


def _metric_fact(draft: Draft) -> dict[str, str]:
    score = main_score(draft.results)
    if score is None:
        return {}
    return _score_fact(draft, score)


def _explained_fact(draft: Draft) -> dict[str, str]:
    """R² beside the error of a predicted number, whose size alone says little."""
    score = draft.results.score("r2")
    if score is None or finite(score.value) is None or main_score(draft.results) == score:
        return {}
    return _score_fact(draft, score)


def _score_fact(draft: Draft, score: Score) -> dict[str, str]:
    numbers, estimate, share = draft.words.numbers, estimates.of_score(score), is_share(score)
    write = numbers.percent if share else numbers.number
    ends = numbers.interval(estimate.low, estimate.high, as_percent=share)
    unit = f"\u00a0{draft.words.name(score.unit)}" if score.unit and not share else ""
    return {
        "value": write(finite(estimate.value), estimate.low, estimate.high) + unit,
        "label": draft.words.label("metrics", score.metric),
        "note": draft.text("fact.interval", ends=ends) if score.has_interval else "",
    }


def main_score(results: Results) -> Score | None:
    """The metric of the first threshold that is about the model itself, else a usual one."""
    promised = [
        str(threshold["metric"])
        for threshold in (results.config.get("report") or {}).get("thresholds") or []
    ]
    for name in (*promised, *_MAIN):
        score = results.score(name)
        if score is not None and finite(score.value) is not None:
            return score
    return None


def _time_fact(draft: Draft) -> dict[str, str]:
    results = draft.results
    training = finite(results.training_time.get("seconds")) if results.has("training") else None
    explaining = sum(explanation.seconds or 0 for explanation in results.explanations.values())
    if training is None:
        return {}
    note = draft.text("fact.parts", training=training, explaining=explaining)
    return _fact(draft, "time", draft.words.numbers.seconds(training + explaining), note)


# --- thresholds ---


def _threshold(draft: Draft, verdict: Verdict) -> dict[str, Any]:
    numbers, share = draft.words.numbers, is_share(verdict)
    bound = numbers.declared(verdict.bound, as_percent=share)
    measured = estimates.estimate(verdict.value, verdict.low, verdict.high, verdict.n)
    write = numbers.share if share else numbers.value
    metric = draft.words.label("metrics", verdict.metric)
    subject = subject_of(draft.results, verdict)
    return {
        "metric": f"{metric} ({', '.join(subject)})" if subject else metric,
        "promised": draft.text(f"promise.{verdict.side}", bound=bound),
        "measured": write(measured) if verdict.value is not None else "–",
        **count_cell(numbers, "n", verdict.n),
        "outcome": verdict.outcome,
        "set_by": verdict.set_by,
        "why": verdict.why,
        "reason": draft.words.say(verdict.reason),
    }


# --- the rest ---


def _others(findings: list[Any]) -> list[dict[str, str]]:
    """The findings that the first screen has no room for, by section."""
    return [
        {"claim": finding.claim, "section": finding.section, "severity": finding.severity_label}
        for finding in findings
    ]


def _not_measured(draft: Draft) -> list[str]:
    """What this package can measure and the config did not ask for."""
    results = draft.results
    known = {**results.failures, **results.refused}
    return [
        meaning
        for name, meaning in draft.words.table("assessable").items()
        if not results.has(ArtifactId.measure(name))
        and not any(ArtifactId(artifact).is_within(ArtifactId.measure(name)) for artifact in known)
    ]
