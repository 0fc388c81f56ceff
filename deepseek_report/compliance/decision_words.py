"""How decisions are told: in the status of a row, on the first screen, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from deepseek_report.artifacts.message import Message, message
from deepseek_report.compliance.decision import DecisionState, DecisionTarget
from deepseek_report.compliance.status import Judgement
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from deepseek_report.artifacts.results import Results
    from deepseek_report.compliance.evaluate import ComplianceReport

#: Gravest first, as they stand in a row that several people decided about.
_ORDER = ("rejected", "accepted_with_conditions", "accepted", "not_applicable")
_MOST_REJECTIONS = 3


def decided(judgement: Judgement) -> Message:
    """The status of a row that people decided about, all of them with their names."""
    if judgement.status in {"void", "expired"}:
        lapsed = (each for each in judgement.decisions if each.standing == judgement.status)
        why = dict.fromkeys(reason for each in lapsed for reason in each.why)
        return message(f"decisions.{judgement.status}", why=list(why))
    parts = []
    for verdict in _ORDER:
        those = [e.decision for e in judgement.standing if e.decision.verdict == verdict]
        if those:
            people = [{"name": d.name, "role": d.role, "date": d.date} for d in those]
            parts.append(message(f"decisions.by.{verdict}", people=people))
    return message("decisions.several", parts=parts)


def told_decision(state: DecisionState) -> Message:
    """A decision in one sentence, with how it stands where it does not count."""
    decision = state.decision
    return message(
        "decisions.told",
        name=decision.shown_name,
        role=decision.role,
        title=decision.title,
        date=decision.date,
        verdict="revoked" if decision.revokes else decision.verdict,
        text=decision.reason,
        conditions=decision.conditions,
        until=decision.valid_until,
        standing=state.standing,
        why=list(state.why),
    )


def target_name(target: DecisionTarget, report: ComplianceReport, words: Wording) -> str:
    """What a decision is about, in words."""
    title = ""
    if target.kind == "row":
        rows = (row for part in report.frameworks for row in part.shown.rows)
        title = next((row.title for row in rows if row.id == target.key), "")
    return words.text(f"decisions.target.{target.kind}", key=target.key, title=title)


def required_name(rule: str, title: str, words: Wording) -> str:
    """What a rule of a policy is called: by its own title, else by the catalog, else by its id."""
    known = words.table("decision_rules")
    return title or str(known.get(rule) or rule.replace("_", " "))


def rejected_values(state: DecisionState, report: ComplianceReport) -> dict[str, object]:
    """What the sentence on a rejection says."""
    decision = state.decision
    target = target_name(decision.target, report, report.words)
    return {
        "name": decision.shown_name,
        "role": decision.role,
        "date": decision.date,
        "target": target,
        "text": decision.reason,
    }


def state_of(report: ComplianceReport) -> tuple[list[Message], list[Message]]:
    """What the first screen says of decisions: the rejections, and what else is to be known."""
    sentences = [
        message("decisions.state.rejected", **rejected_values(each, report))
        for each in report.rejections[:_MOST_REJECTIONS]
    ]
    if (more := len(report.rejections) - _MOST_REJECTIONS) > 0:
        sentences.append(message("decisions.state.more_rejected", n=more))
    return sentences, list(_rest(report))


def _rest(report: ComplianceReport) -> Iterator[Message]:
    if report.unsealed:
        yield message("seal.state.changed", why=list(report.unsealed))
    required = report.required
    if required:
        rules = {r.rule.id: r.rule for r in required if r.state == "missing"}  # each once
        missing = [required_name(r.id, r.title, report.words) for r in rules.values()]
        n = sum(each.state == "missing" for each in required)
        rejected = sum(each.state == "rejected" for each in required)
        about = {"n": n, "of": len(required), "rejected": rejected, "names": missing}
        yield message("decisions.state.required", **about)
    for standing in ("void", "expired", "unproved"):
        lapsed = [each for each in report.decisions if each.standing == standing]
        if lapsed:
            why = list(dict.fromkeys(reason for each in lapsed for reason in each.why))
            yield message(f"decisions.state.{standing}", n=len(lapsed), why=why)


def decisions_record(report: ComplianceReport) -> Mapping[str, object]:
    """The state of decisions for machines and for the terminal, as `findings.json` keeps it."""
    rejected, rest = state_of(report)
    return {
        "required": len(report.required),
        "missing": sum(each.state == "missing" for each in report.required),
        "rejected": len(report.rejections),
        "rejections": rejected,
        "rest": rest,
    }


def decisions_of(results: Results) -> tuple[list[Message], list[Message]]:
    """Likewise of a run; empty where nobody decided and nothing is required."""
    from deepseek_report.compliance.evaluate import evaluate_results

    return state_of(evaluate_results(results))
