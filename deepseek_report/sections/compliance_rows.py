"""Rows of the tables of the compliance section, as readers see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.finding import SEVERITIES
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import DASH
from deepseek_report.artifacts.score import Score
from deepseek_report.compliance.evaluate import ComplianceReport, FrameworkReport
from deepseek_report.compliance.evidence import Evidence
from deepseek_report.compliance.framework import Framework, Row
from deepseek_report.compliance.item_checks import named_score
from deepseek_report.compliance.status import STATUSES, Judgement, Status
from deepseek_report.wording.words import Wording

#: A shape for each status, so that colour is never needed.
SHAPES: Mapping[Status, str] = {
    "met": "●",
    "judged": "◆",
    "complete": "◇",
    "partly": "◐",
    "not_evidenced": "○",
    "human_supplied": "■",
    "human_input": "□",
    "not_applicable": "–",
    "out_of_scope": "×",
}
TONES: Mapping[Status, str] = {
    "met": "info",
    "judged": "info",
    "complete": "info",
    "partly": "low",
    "not_evidenced": "medium",
    "human_supplied": "info",
    "human_input": "quiet",
    "not_applicable": "quiet",
    "out_of_scope": "quiet",
}
_SHORT = 8
UNVERIFIED = "†"


def status_text(status: Status, words: Wording) -> str:
    """Shape and words of a status."""
    label = words.text(f"statuses.{status}.label")
    return words.text("compliance.status", shape=SHAPES[status], label=label)


def legend(words: Wording) -> list[dict[str, str]]:
    """What each status means."""
    return [
        {"status": status_text(one, words), "meaning": words.text(f"statuses.{one}.meaning")}
        for one in STATUSES
    ]


def glance(report: ComplianceReport) -> list[dict[str, Any]]:
    """One row per framework: text, dates, and how many rows have which status."""
    return [
        {
            "framework": one.shown.short_name,
            "text_version": one.shown.text_version,
            "checked": one.framework.checked.isoformat(),
            "rows": len(one.judgements),
            **{str(status): n for status, n in one.counts.items()},
        }
        for one in report.frameworks
    ]


def glance_columns(words: Wording) -> dict[str, str]:
    """Headings of `glance`."""
    heads = words.table("templates.compliance.glance_heads")
    return heads | {status: status_text(status, words) for status in STATUSES}


def framework(one: FrameworkReport, report: ComplianceReport, words: Wording) -> dict[str, Any]:
    """All that is shown of one framework."""
    text = one.shown
    return {
        "id": text.id,
        "name": text.name,
        "short": text.short_name,
        "force": text.legal_force,
        "jurisdiction": text.jurisdiction,
        "text_version": text.text_version,
        "applies_from": [
            {"part": words.label("applies_from", key), "when": when}
            for key, when in text.applies_from.items()
        ],
        "checked": text.checked.isoformat(),
        "banners": [banner.as_message(text) for banner in one.banners],
        "notes": list(text.notes),
        "sources": [
            {"ref": source.ref, "kind": source.kind, "url": source.url} for source in text.sources
        ],
        "sha256": text.sha256,
        "rows": [
            {
                **_row(row, text.row(row.row.id), report, words),
                "findings": len(one.bearing.get(row.row.id, ())),
            }
            for row in one.judgements
        ],
        "has_unverified": bool(text.unverified),
        "bearing": bearing(one, words),
    }


def _row(one: Judgement, row: Row, report: ComplianceReport, words: Wording) -> dict[str, Any]:
    """The cells of a row. row : the same in the language of the report."""
    supplied = [
        message("compliance.supplied", evidence=report.evidence[kind].label)
        for kind in one.supplied
    ]
    return {
        "id": row.id,
        "title": row.title,
        "asks": row.asks,
        "mark": "" if row.verified else UNVERIFIED,
        "cite": row.cite,
        "status": _status(one, words),
        "status__sort": STATUSES.index(one.status),
        "tone": TONES[one.status],
        "evidence": [] if one.outside else [_linked(report.evidence[kind]) for kind in one.present],
        "supplied": supplied,
        "lacking": [] if one.outside else _lacking(one, report),
        "person": _person(one, report),
    }


def _status(one: Judgement, words: Wording) -> str:
    """Shape and words of a row's status; a judgement with who made it, and when."""
    if one.status == "judged" and one.opinion:
        by = {"name": one.opinion.name, "date": one.opinion.date}
        return words.text("compliance.judged_by", shape=SHAPES["judged"], **by)
    return status_text(one.status, words)


def _lacking(one: Judgement, report: ComplianceReport) -> list[Message]:
    return [*(report.evidence[kind].label for kind in one.missing), *one.lacks]


def _linked(one: Evidence) -> dict[str, Any]:
    files = one.files
    return {
        "text": message("compliance.evidence", label=one.label, facts=list(one.facts)),
        "section": one.section,
        "artifacts": [item.artifact for item in one.items if item.counts],
        "hash": files[0].sha256[:_SHORT] if files else "",
    }


def _person(one: Judgement, report: ComplianceReport) -> Text:
    """What people said of a row, and what they must still say."""
    if one.exemption:
        signed = {"name": one.exemption.name, "role": one.exemption.role}
        about = {**signed, "date": one.exemption.date, "text": one.exemption.reason}
        return message("compliance.person.set_aside", **about)
    if one.outside:
        return one.outside
    said = [*_opinion(one), *_open(one, report)]
    if not said and (one.filled or one.supplied):
        fields = [*one.filled, *one.supplied.values()]
        said.append(message("compliance.person.filled", fields=fields))
    return message("compliance.person.several", parts=said) if said else DASH


def _opinion(one: Judgement) -> Iterator[Message]:
    if one.opinion is None:
        return
    signed = {"name": one.opinion.name, "role": one.opinion.role, "text": one.opinion.text}
    if one.status == "judged":
        yield message("compliance.person.judged", **signed)
    else:
        yield message("compliance.person.judged_early", **signed, date=one.opinion.date)


def _open(one: Judgement, report: ComplianceReport) -> Iterator[Message]:
    who = one.row.who
    if one.open_fields:
        yield message("compliance.person.open", fields=list(one.open_fields), who=who)
    named = (report.evidence[kind].person for kind in one.missing)
    if instead := [name for name in dict.fromkeys(named) if name]:
        yield message("compliance.person.instead", fields=instead, who=who)
    if one.held_back:
        yield message("compliance.person.reading", who=who)
    elif one.status == "complete":
        yield message("compliance.person.judgement", who=who)


def bearing(one: FrameworkReport, words: Wording) -> list[dict[str, Any]]:
    """Findings whose evidence rows of this framework ask for, each once, with these rows."""
    rows: dict[str, list[str]] = {}
    findings = {}
    for row, found in one.bearing.items():
        for finding in found:
            findings[finding.id] = finding
            rows.setdefault(finding.id, []).append(row)
    worded = [words.finding(finding) for finding in findings.values()]
    worded.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return [
        {
            "severity": finding.severity_label,
            "claim": finding.claim,
            "section": finding.section,
            "rows": rows[finding.id],
        }
        for finding in worded
    ]


def others(report: ComplianceReport, words: Wording) -> list[dict[str, str]]:
    """Frameworks that are shipped and not shown, and how to name them."""
    return [
        {
            "key": one.id,
            "name": one.short_name,
            "jurisdiction": one.jurisdiction,
            "sectors": _sectors(one, words),
        }
        for one in report.others
    ]


def _sectors(one: Framework, words: Wording) -> str:
    named = [words.label("sectors", sector) for sector in one.applies.sectors]
    return ", ".join(named) or words.text("compliance.any_sector")


def index(report: ComplianceReport, results: Results) -> list[dict[str, Any]]:
    """The evidence index: one row per file that counts, with its whole hash."""
    return [
        {
            "kind": one.kind,
            "label": one.label,
            "path": file.path,
            "sha256": file.sha256,
            "numbers": _several(_number(score, results) for score in one.scores[:3]),
            "section": one.section,
            "limits": one.limits,
            "remarks": _several((*one.facts, *one.remarks)),
        }
        for one in report.evidence.values()
        for file in one.files
        if one.counts
    ]


def _number(score: Score, results: Results) -> Message:
    named = named_score(score, results)
    return message("compliance.number", score=named, estimate=Estimate.of_score(score))


def _several(parts: Iterable[Message]) -> Text:
    """What is said in one cell; nothing where there is nothing to say."""
    said = list(parts)
    return message("compliance.several", parts=said) if said else ""


def not_shown(report: ComplianceReport, words: Wording) -> list[dict[str, Any]]:
    """Kinds of evidence that do not count, each with the reason."""
    return [
        {
            "kind": one.kind,
            "label": one.label,
            "meaning": one.meaning,
            "state": words.label("evidence_states", one.state),
            "why": _several(one.problems),
            "person": one.person,
        }
        for one in report.evidence.values()
        if not one.counts
    ]
