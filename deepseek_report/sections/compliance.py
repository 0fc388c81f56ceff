"""What the run shows to a regulator, row by row, and what a person must still supply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.finding import SEVERITIES
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.sections import SectionContent, SectionPart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import DASH
from deepseek_report.artifacts.score import Score
from deepseek_report.compliance import decision_words
from deepseek_report.compliance.applicability import without_law
from deepseek_report.compliance.decision import Decision
from deepseek_report.compliance.evaluate import (
    ComplianceReport,
    FrameworkReport,
    OpenField,
    evaluate_results,
)
from deepseek_report.compliance.evidence import Evidence, named_score
from deepseek_report.compliance.framework import Framework, Row
from deepseek_report.compliance.statements import DECIDE, FORM
from deepseek_report.compliance.status import DECIDED, STATUSES, Judgement, Status
from deepseek_report.sections.shared.tables import Values
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- Rows of the tables of the compliance section, as readers see them ----------------------------

#: A shape for each status, so that colour is never needed.
SHAPES: Mapping[Status, str] = {
    "rejected": "▼",
    "not_evidenced": "○",
    "human_input": "□",
    "partly": "◐",
    "void": "△",
    "expired": "▽",
    "human_supplied": "■",
    "complete": "◇",
    "accepted_with_conditions": "◆",
    "accepted": "●",
    "not_applicable": "–",
    "out_of_scope": "×",
}
TONES: Mapping[Status, str] = {
    "rejected": "high",
    "not_evidenced": "medium",
    "human_input": "quiet",
    "partly": "low",
    "void": "medium",
    "expired": "medium",
    "human_supplied": "info",
    "complete": "info",
    "accepted_with_conditions": "info",
    "accepted": "info",
    "not_applicable": "quiet",
    "out_of_scope": "quiet",
}
_SHORT = 8
#: The severities whose findings are named with the rows that they bear on.
_GRAVE = SEVERITIES[:2]
UNVERIFIED = "†"


def status_text(status: Status, words: Wording) -> str:
    """Shape and words of a status."""
    label = words.text(f"statuses.{status}.label")
    return words.text("compliance.status", shape=SHAPES[status], label=label)


def legend(words: Wording) -> list[dict[str, str]]:
    """What each status means."""
    return [
        {"status": status_text(status, words), "meaning": words.text(f"statuses.{status}.meaning")}
        for status in STATUSES
    ]


def framework(part: FrameworkReport, report: ComplianceReport, words: Wording) -> Values:
    """All that is shown of one framework, and the list of its rows that stands in a file."""
    text = part.shown
    rows = [
        _row(judged, text.row(judged.row.id), part, report, words) for judged in part.judgements
    ]
    return {
        "id": text.id,
        "name": text.name,
        "short": text.short_name,
        "force": text.legal_force,
        "jurisdiction": text.jurisdiction,
        "fit": _fit(part, report),
        "text_version": text.text_version,
        "applies_from": [
            {"part": words.label("applies_from", key), "when": when}
            for key, when in text.applies_from.items()
        ],
        "checked": text.checked.isoformat(),
        # That no age is judged is told once, for all frameworks.
        "banners": [banner.as_message(text) for banner in part.banners if banner.kind != "undated"],
        "notes": list(text.notes),
        "sources": [
            {"ref": source.ref, "kind": source.kind, "url": source.url} for source in text.sources
        ],
        "sha256": text.sha256,
        "counts": [
            {"status": status_text(status, words), "n": n} for status, n in part.counts.items() if n
        ],
        "n": len(rows),
        "rows": rows,
        **pressing_rows(rows),
        "bearing": _bearing(part),
        "file": [row.filed(words) for row in rows],
    }


@dataclass(frozen=True)
class RequirementRow:
    """A row of a framework as the section shows it.

    mark : † where nobody has checked the text of the row. evidence : what the run shows, each with
    the beginning of the hash of its file. person : what people said of the row, and what they must
    still say. claims : the findings that bear on it. pressing : whether evidence is lacking.
    """

    id: str
    title: str
    asks: str
    mark: str
    cite: str
    status: str
    status__sort: int
    tone: str
    evidence: Sequence[tuple[Message, str]]
    supplied: Sequence[Text]
    lacking: Sequence[Text]
    person: Text
    claims: Sequence[str]
    pressing: bool

    def filed(self, words: Wording) -> dict[str, str]:
        """The row as it stands in the list of all rows: plain text in every cell."""
        say = words.say
        evidence = (" ".join(filter(None, (say(text), digest))) for text, digest in self.evidence)
        return {
            "id": self.id,
            "title": f"{self.title}{self.mark}",
            "asks": self.asks,
            "cite": self.cite,
            "status": self.status,
            "evidence": "; ".join([*evidence, *map(say, self.supplied)]) or DASH,
            "lacking": "; ".join(map(say, self.lacking)) or DASH,
            "person": say(self.person),
            "findings": "; ".join(self.claims) or DASH,
        }


def pressing_rows(rows: Sequence[RequirementRow]) -> Values:
    """The rows for which evidence is lacking; what several rows all lack is told once, beside."""
    pressing = [row for row in rows if row.pressing]
    shared = [
        item
        for item in (pressing[0].lacking if len(pressing) > 1 else [])
        if all(item in row.lacking for row in pressing)
    ]
    own = [
        replace(row, lacking=[item for item in row.lacking if item not in shared])
        for row in pressing
    ]
    shown = [row for row in own if row.lacking]
    return {"pressing": shown, "all_lack": shared, "n_pressing": len(pressing)}


def _bearing(part: FrameworkReport) -> list[Values]:
    """Per section, how many grave findings bear on rows of this framework, and on which."""
    findings: dict[str, set[str]] = {}
    rows: dict[str, list[str]] = {}
    for row, of_row in part.bearing.items():
        for finding in of_row:
            if finding.severity in _GRAVE and finding.section:
                findings.setdefault(finding.section, set()).add(finding.id)
                rows.setdefault(finding.section, []).append(row)
    return [
        {"section": section, "n": len(ids), "rows": list(dict.fromkeys(rows[section]))}
        for section, ids in findings.items()
    ]


def _row(
    judgement: Judgement, row: Row, part: FrameworkReport, report: ComplianceReport, words: Wording
) -> RequirementRow:
    """A row. row : its text in the language of the report."""
    bearing = [words.finding(finding) for finding in part.bearing.get(row.id, ())]
    bearing.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    evidence, lacking = list[tuple[Message, str]](), list[Text]()
    if not judgement.outside:
        evidence = [_linked(report.evidence[kind]) for kind in judgement.present]
        lacking = [*(report.evidence[kind].label for kind in judgement.missing), *judgement.lacks]
    return RequirementRow(
        id=row.id,
        title=row.title,
        asks=row.asks,
        mark="" if row.verified else UNVERIFIED,
        cite=row.cite,
        status=_status(judgement, words),
        status__sort=STATUSES.index(judgement.status),
        tone=TONES[judgement.status],
        evidence=evidence,
        supplied=[
            message("compliance.supplied", evidence=report.evidence[kind].label)
            for kind in judgement.supplied
        ],
        lacking=lacking,
        person=_person(judgement, report),
        claims=[f"{finding.severity_label}: {finding.claim}" for finding in bearing],
        pressing=not judgement.outside and bool(judgement.missing or judgement.lacks),
    )


def _status(judgement: Judgement, words: Wording) -> str:
    """Shape and words of a row's status; a decision with who took it, and when."""
    if judgement.status in DECIDED:
        shape = SHAPES[judgement.status]
        return words.text(
            "compliance.status", shape=shape, label=words.say(decision_words.decided(judgement))
        )
    return status_text(judgement.status, words)


def _linked(evidence: Evidence) -> tuple[Message, str]:
    text = message("compliance.evidence", label=evidence.label, facts=list(evidence.facts))
    return text, evidence.files[0].sha256[:_SHORT] if evidence.files else ""


def _person(judgement: Judgement, report: ComplianceReport) -> Text:
    """What people said of a row, and what they must still say."""
    sentences = [decision_words.told_decision(each) for each in judgement.decisions]
    if judgement.outside and not sentences:
        return judgement.outside
    parts = sentences if judgement.outside else [*sentences, *_open(judgement, report)]
    if not parts and (judgement.filled or judgement.supplied):
        fields = [*judgement.filled, *judgement.supplied.values()]
        parts.append(message("compliance.person.filled", fields=fields))
    return message("compliance.person.several", parts=parts) if parts else DASH


def _open(judgement: Judgement, report: ComplianceReport) -> Iterator[Message]:
    who = judgement.row.who
    if judgement.status == "not_applicable":
        return
    if judgement.open_fields:
        yield message("compliance.person.open", fields=list(judgement.open_fields), who=who)
    named = (report.evidence[kind].person for kind in judgement.missing)
    if instead := [name for name in dict.fromkeys(named) if name]:
        yield message("compliance.person.instead", fields=instead, who=who)
    if judgement.held_back:
        yield message("compliance.person.reading", who=who)
    elif judgement.awaits_decision:
        yield message("compliance.person.judgement", who=who)


def _fit(part: FrameworkReport, report: ComplianceReport) -> Values | None:
    """Why a framework is shown, where it is declared in which places decisions are made."""
    if not report.declared.places:
        return None
    stands = part.framework.fit(report.declared)
    return {"fits": stands.applies or stands.voluntary, "why": stands.why}


def others(report: ComplianceReport, words: Wording) -> list[Values]:
    """Frameworks that are shipped and not shown, how to name them, and why they are not shown."""
    return [
        {
            "key": other.id,
            "name": other.short_name,
            "jurisdiction": other.jurisdiction,
            "sectors": _sectors(other, words),
            **({"why": _why_not(other, report)} if report.declared.places else {}),
        }
        for other in report.others
    ]


def _why_not(other: Framework, report: ComplianceReport) -> Text:
    stands = other.fit(report.declared)
    return message("compliance.fit.not_named", why=stands.why) if stands.applies else stands.why


def _near(report: ComplianceReport) -> list[Values]:
    """Frameworks that one thing alone keeps from what is declared, and those nobody named."""
    if not report.declared.places:
        return []
    return [
        {"key": other.id, "name": other.short_name, "why": _why_not(other, report)}
        for other in report.others
        if (stands := other.fit(report.declared)).near or stands.applies
    ]


def _sectors(other: Framework, words: Wording) -> str:
    named = [words.label("sectors", sector) for sector in other.applies.sectors]
    return ", ".join(named) or words.text("compliance.any_sector")


def index(report: ComplianceReport, results: Results) -> list[Values]:
    """The evidence index: one row per file that counts, with its whole hash."""
    return [
        {
            "kind": evidence.kind,
            "label": evidence.label,
            "path": file.path,
            "sha256": file.sha256,
            "numbers": _several(_number(score, results) for score in evidence.scores[:3]),
            "section": evidence.section,
            "limits": evidence.limits,
            "remarks": _several((*evidence.facts, *evidence.remarks)),
        }
        for evidence in report.evidence.values()
        for file in evidence.files
        if evidence.counts
    ]


def _number(score: Score, results: Results) -> Message:
    named = named_score(score, results)
    return message("compliance.number", score=named, estimate=Estimate.of_score(score))


def _several(parts: Iterable[Message]) -> Text:
    """What is said in one cell; nothing where there is nothing to say."""
    messages = list(parts)
    return message("compliance.several", parts=messages) if messages else ""


def not_shown(report: ComplianceReport, words: Wording) -> list[Values]:
    """Kinds of evidence that do not count, each with the reason."""
    return [
        {
            "kind": evidence.kind,
            "label": evidence.label,
            "meaning": evidence.meaning,
            "state": words.label("evidence_states", evidence.state),
            "why": _several(evidence.problems),
            "person": evidence.person,
        }
        for evidence in report.evidence.values()
        if not evidence.counts
    ]


# --- Tables of what people stated for a run, of what is open, and of what cannot be used ----------


def filled_statements(report: ComplianceReport, words: Wording) -> list[Values]:
    """Statements that named persons signed, those that no shown framework asks for last."""
    asking_rows = {field.name: field.rows for field in report.form}
    signed = [entry for entry in report.options.human.statements.values() if not entry.generated]
    signed.sort(key=lambda entry: not asking_rows.get(entry.field))
    return [
        {
            "field": words.label("human_fields", entry.field),
            "text": entry.text,
            "rows": asking_rows.get(entry.field, ()),
            "name": entry.name,
            "role": entry.role,
            "date": entry.date,
            "source": f"{entry.source.file}:{entry.source.line}",
        }
        for entry in signed
    ]


def decisions(report: ComplianceReport, words: Wording) -> list[Values]:
    """Every decision that people took, oldest first, with how it stands: the whole chain."""
    return [
        {
            "about": each.decision.target.key,
            "verdict": words.label(
                "verdicts", "revoked" if each.decision.revokes else each.decision.verdict
            ),
            "name": each.decision.shown_name,
            "role": _role(each.decision, words),
            "date": each.decision.date,
            "until": each.decision.valid_until or DASH,
            "reason": words.say(
                message(
                    "decisions.reason",
                    text=each.decision.reason,
                    conditions=each.decision.conditions,
                )
            ),
            "state": words.text(
                "decisions.standing_text",
                label=words.label("standings", each.standing),
                why=[words.say(why) for why in each.why],
            ),
            "documents": ", ".join(
                f"{item.path} ({item.sha256[:_SHORT]})" for item in each.decision.attachments
            )
            or DASH,
            "digest": each.decision.id,
            "source": f"{each.decision.source.file}:{each.decision.source.line}",
        }
        for each in report.decisions
    ]


def _role(decision: Decision, words: Wording) -> str:
    """The role, with the office in the person's own words."""
    role = words.label("decision_roles", decision.role)
    if not decision.title:
        return role
    return decision.title if decision.role == "other" else f"{role}, {decision.title}"


def required(report: ComplianceReport, words: Wording) -> list[Values]:
    """What the policy asks for, and what of it is missing."""
    return [
        {
            "rule": decision_words.required_name(each.rule.id, each.rule.title, words),
            "about": each.target.key,
            "roles": ", ".join(words.label("decision_roles", role) for role in each.rule.roles),
            "state": words.label("requirement_states", each.state),
            "people": ", ".join(decision.shown_name for decision in each.decisions) or DASH,
            "why": "; ".join(words.say(why) for why in each.why) or DASH,
            "cite": each.rule.cite or DASH,
        }
        for each in report.required
    ]


def generated_statements(report: ComplianceReport, words: Wording) -> list[dict[str, str]]:
    """Texts that a language model wrote; they fill nothing."""
    texts = report.options.human.statements.values()
    return [
        {"field": words.label("human_fields", statement.field), "text": statement.text}
        for statement in texts
        if statement.generated
    ]


def not_used(report: ComplianceReport) -> list[Values]:
    """What is wrong in the files of people, each with its place."""
    return [problem.as_messages() for problem in report.options.human.problems]


def open_fields(report: ComplianceReport, words: Wording, *, deciding: bool) -> list[Values]:
    """Fields that nobody filled: those that hold back a status, or those that would help."""
    return [
        {
            "field": words.label("human_fields", field.name),
            "key": field.name,
            "rows": field.rows,
            "who": ", ".join(words.label("responsible", who) for who in field.who),
        }
        for field in report.form
        if not field.filled and field.deciding == deciding
    ]


# --- What the run shows to a regulator, row by row, and what a person must still supply -----------

_MOST_ACTIONS = 3


@dataclass(frozen=True)
class ComplianceSection(SectionPart):
    """Sets the evidence of this run against each requirement of the chosen frameworks.

    floor : instances that a number must rest on to count as evidence.
    stale_after_days : age of a framework's last check, against `report.as_of`, that calls for a
        banner.
    """

    floor: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    stale_after_days: Annotated[int, Field(ge=0, le=36_500)] = 180

    def content(self, results: Results) -> SectionContent:
        report, words = evaluate_results(results), words_of(results)
        return SectionContent(
            name="compliance",
            title=words.label("section_titles", "compliance"),
            question=words.text("compliance.question"),
            answer=_answer(report, words),
            values=_values(report, results, words),
            caveats=list(_caveats(report)),
            actions=list(_actions(report)),
            incomplete=[] if report.frameworks else [words.text("compliance.nothing")],
        )


def _values(report: ComplianceReport, results: Results, words: Wording) -> Values:
    day, sector = report.as_of.day, report.declared.sector
    known = (*(part.framework for part in report.frameworks), *report.others)
    return {
        "as_of": day.isoformat() if day else "",
        "because": report.as_of.because,
        "sector": words.label("sectors", sector) if sector else "",
        "places": list(report.declared.places),
        "near": _near(report),
        "without_law": without_law(report.declared.places, (each.applies for each in known)),
        "others": others(report, words),
        "floor": report.options.floor,
        "disclaimers": list(dict.fromkeys(part.shown.disclaimer for part in report.frameworks)),
        "statuses": legend(words),
        "frameworks": [framework(part, report, words) for part in report.frameworks],
        "filled": filled_statements(report, words),
        "decisions": decisions(report, words),
        "required": required(report, words),
        "policy": report.options.policy.name,
        "n_missing": sum(each.state != "given" for each in report.required),
        "generated": generated_statements(report, words),
        "not_used": not_used(report),
        "open": open_fields(report, words, deciding=True),
        "optional": open_fields(report, words, deciding=False),
        "index": index(report, results),
        "not_shown": not_shown(report, words),
        "milestones": [
            {
                "when": milestone.when,
                "what": words.text(f"dates.{milestone.id}"),
                "source": milestone.source,
            }
            for milestone in report.milestones
        ],
    }


def _answer(report: ComplianceReport, words: Wording) -> str:
    if not report.frameworks:
        return words.text("compliance.nothing")
    total: Counter[str] = Counter()
    for part in report.frameworks:
        total.update(part.counts)
    waiting = sum(bool(row.open_fields) for part in report.frameworks for row in part.judgements)
    counted = {"rows": sum(total.values()), "frameworks": len(report.frameworks)}
    return words.text(
        "compliance.answer",
        **counted,
        counts=dict(total),
        waiting=waiting,
        missing=[report.evidence[kind].label for kind, _ in _missing(report).most_common()],
        unsigned=len(_unsigned(report)),
    )


def _missing(report: ComplianceReport) -> Counter[str]:
    """{kind of evidence: how many rows lack it}."""
    missing: Counter[str] = Counter()
    for part in report.frameworks:
        for judgement in part.judgements:
            missing.update(judgement.missing)
    return missing


def _unsigned(report: ComplianceReport) -> list[OpenField]:
    """The statements on which a status waits."""
    return [field for field in report.form if field.deciding and not field.filled]


def _caveats(report: ComplianceReport) -> Iterable[Message]:
    for evidence in report.evidence.values():
        if evidence.state in {"failed", "stale", "altered"}:
            yield message("compliance.not_counted", evidence=evidence.label, **_reason(evidence))
    judgements = (judgement for part in report.frameworks for judgement in part.judgements)
    if held := [judgement.row.id for judgement in judgements if judgement.held_back]:
        yield message("compliance.held_back", keys=held)
    for each in report.rejections:
        yield message("decisions.state.rejected", **decision_words.rejected_values(each, report))
    human = report.options.human
    if human.problems:
        yield message("compliance.people_problems", n=len(human.problems))
    if human.unasked:
        yield message("compliance.unasked", keys=list(human.unasked))


def _actions(report: ComplianceReport) -> Iterable[Message]:
    for kind, rows in _missing(report).most_common(_MOST_ACTIONS):
        evidence = report.evidence[kind]
        lacked = {"evidence": evidence.label, "rows": rows, "key": evidence.person}
        yield message("compliance.supply", **lacked, **_reason(evidence))
    if unsigned := len(_unsigned(report)):
        yield message("compliance.fill", n=unsigned, files=[DECIDE, FORM])


def _reason(evidence: Evidence) -> Values:
    """The first reason why evidence does not count, and how many more there are."""
    return {"reason": evidence.problems[0], "more": len(evidence.problems) - 1}
