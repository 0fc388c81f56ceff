"""Rows of the tables of the compliance section, as readers see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepseek_report.artifacts.numbers import DASH, count, interval, number
from deepseek_report.artifacts.score import Score
from deepseek_report.compliance.banners import readable_key
from deepseek_report.compliance.evaluate import ComplianceReport, FrameworkReport, OpenField
from deepseek_report.compliance.evidence import Evidence
from deepseek_report.compliance.status import STATUSES, Judgement, Status, status_labels

#: A shape for each status, so that colour is never needed.
SHAPES: Mapping[Status, str] = {
    "met": "●",
    "partly": "◐",
    "not_evidenced": "○",
    "human_input": "□",
    "human_supplied": "■",
    "not_applicable": "–",
}
TONES: Mapping[Status, str] = {
    "met": "info",
    "partly": "low",
    "not_evidenced": "medium",
    "human_input": "quiet",
    "human_supplied": "info",
    "not_applicable": "quiet",
}
_MEANING: Mapping[Status, str] = {
    "met": "every item that the row needs exists, belongs to this run, and is intact",
    "partly": "some items exist, or the row needs judgement beyond a run",
    "not_evidenced": "none of the items that a run could give counts",
    "human_input": "only a person can answer, and has not yet",
    "human_supplied": "a named person has answered; nobody has checked the answer here",
    "not_applicable": "set aside with a written reason and a name",
}
_SHORT = 8
UNVERIFIED = "†"


def status_text(status: Status, language: str) -> str:
    """Shape and words of a status."""
    return f"{SHAPES[status]} {status_labels(language)[status]}"


def legend(language: str) -> list[dict[str, str]]:
    """What each status means."""
    return [
        {"status": status_text(status, language), "meaning": _MEANING[status]}
        for status in STATUSES
    ]


def glance(report: ComplianceReport) -> list[dict[str, Any]]:
    """One row per framework: text, dates, and how many rows have which status."""
    return [
        {
            "framework": one.framework.short_name,
            "text_version": one.framework.text_version,
            "checked": one.framework.checked.isoformat(),
            "rows": len(one.judgements),
            **{str(status): n for status, n in one.counts.items()},
        }
        for one in report.frameworks
    ]


def glance_columns(language: str) -> dict[str, str]:
    """Headings of `glance`."""
    heads = {"framework": "Framework", "rows": "Requirements"}
    return heads | {status: status_text(status, language) for status in STATUSES}


def framework(one: FrameworkReport, report: ComplianceReport, language: str) -> dict[str, Any]:
    """All that is shown of one framework."""
    text = one.framework
    return {
        "id": text.id,
        "name": text.name,
        "short": text.short_name,
        "force": text.legal_force,
        "jurisdiction": text.jurisdiction,
        "text_version": text.text_version,
        "applies_from": [f"{readable_key(key)}: {when}" for key, when in text.applies_from.items()],
        "checked": text.checked.isoformat(),
        "banners": [banner.text for banner in one.banners],
        "notes": list(text.notes),
        "sources": [
            {"ref": source.ref, "kind": source.kind, "url": source.url} for source in text.sources
        ],
        "sha256": text.sha256,
        "rows": [_row(judgement, report, language) for judgement in one.judgements],
        "has_unverified": bool(text.unverified),
    }


def _row(one: Judgement, report: ComplianceReport, language: str) -> dict[str, Any]:
    row = one.row
    return {
        "id": row.id,
        "title": row.title,
        "asks": row.asks,
        "mark": "" if row.verified else UNVERIFIED,
        "cite": row.cite,
        "status": status_text(one.status, language),
        "status__sort": STATUSES.index(one.status),
        "tone": TONES[one.status],
        "evidence": [_linked(report.evidence[kind]) for kind in one.present],
        "lacking": [report.evidence[kind].label for kind in one.missing],
        "person": _person(one),
    }


def _linked(one: Evidence) -> dict[str, Any]:
    files = one.files
    return {
        "text": one.label,
        "section": one.section,
        "artifacts": [item.artifact for item in one.items if item.counts],
        "hash": files[0].sha256[:_SHORT] if files else "",
    }


def _person(one: Judgement) -> str:
    if one.exemption:
        by = ", ".join(part for part in (one.exemption.name, one.exemption.role) if part)
        return f"Set aside by {by}: {one.exemption.reason}"
    if one.open_fields:
        return f"{_listed(one.open_fields)} ({one.row.who})"
    if one.filled:
        return f"Supplied: {_listed(one.filled)}"
    if one.held_back:
        return f"A reading of the cited text ({one.row.who})"
    if one.status == "partly" and not one.missing:
        return f"Judgement beyond a run ({one.row.who})"
    return DASH


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def filled_statements(report: ComplianceReport) -> list[dict[str, str]]:
    """Statements that named persons signed."""
    return [
        {**_statement(one), "rows": _rows(one)}
        for one in report.form
        if one.statement and one.filled
    ]


def generated_statements(report: ComplianceReport) -> list[dict[str, str]]:
    """Texts that a language model wrote; they fill nothing."""
    return [_statement(one) for one in report.form if one.statement and one.statement.generated]


def _statement(one: OpenField) -> dict[str, str]:
    said = one.statement
    if said is None:
        return {"field": one.label}
    parts = {"text": said.text, "name": said.name, "role": said.role, "date": str(said.date)}
    return {"field": one.label, **parts}


def open_fields(report: ComplianceReport, *, deciding: bool) -> list[dict[str, str]]:
    """Fields that nobody filled: those that hold back a status, or those that would help."""
    return [
        {
            "field": one.label,
            "key": one.name,
            "rows": _rows(one),
            "who": ", ".join(one.who),
            "state": _state(one),
        }
        for one in report.form
        if not one.filled and one.deciding == deciding
    ]


def _state(one: OpenField) -> str:
    if one.statement is None:
        return "open"
    if one.statement.generated:
        return "open: generated text fills nothing"
    return f"open: no {', '.join(one.statement.lacks)}"


def _rows(one: OpenField) -> str:
    return ", ".join(row for rows in one.asked_by.values() for row in rows)


def index(report: ComplianceReport) -> list[dict[str, Any]]:
    """The evidence index: one row per file that counts, with its whole hash."""
    return [
        {
            "kind": one.kind,
            "label": one.label,
            "path": file.path,
            "sha256": file.sha256,
            "numbers": "; ".join(_number(score) for score in one.scores[:3]),
            "section": one.section,
            "limits": one.limits,
            "remarks": "; ".join(one.remarks),
        }
        for one in report.evidence.values()
        for file in one.files
        if one.counts
    ]


def _number(score: Score) -> str:
    name = score.metric.replace("_", " ")
    about = ", ".join(x for x in (score.explainer, score.attribute, score.level) if x)
    value = number(score.value, score.low, score.high)
    ends = ""
    if score.low is not None and score.high is not None:
        ends = f" ({interval(score.low, score.high)})"
    return f"{name}{f' [{about}]' if about else ''} {value}{ends}, n = {count(score.n)}"


def not_shown(report: ComplianceReport) -> list[dict[str, str]]:
    """Kinds of evidence that do not count, each with the reason."""
    return [
        {
            "kind": one.kind,
            "label": one.label,
            "meaning": one.meaning,
            "state": one.state,
            "why": "; ".join(problem.rstrip(".") for problem in one.problems) + ".",
        }
        for one in report.evidence.values()
        if not one.counts and not one.kind.startswith("human_input")
    ]
