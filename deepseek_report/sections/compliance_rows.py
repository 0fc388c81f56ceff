"""Rows of the tables of the compliance section, as readers see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deepseek_report.artifacts.finding import SEVERITIES
from deepseek_report.artifacts.rounding import DASH, count, interval, number
from deepseek_report.artifacts.score import Score
from deepseek_report.compliance.banners import readable_key
from deepseek_report.compliance.evaluate import ComplianceReport, FrameworkReport
from deepseek_report.compliance.evidence import Evidence
from deepseek_report.compliance.status import STATUSES, Judgement, Status, status_labels
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
_MEANING: Mapping[Status, str] = {
    "met": "every item that the row needs exists, belongs to this run, and is intact",
    "judged": "a named person signed a judgement, and nothing that the row needs is lacking",
    "complete": "all that the row needs is there; whether it suffices only a person can judge",
    "partly": "some of what the row needs is there; what is lacking stands beside it",
    "not_evidenced": "none of the items that a run could give counts",
    "human_supplied": "a named person has answered; nobody has checked the answer here",
    "human_input": "only a person can answer, and has not yet",
    "not_applicable": "set aside by a named person, with a role, a date and a written reason",
    "out_of_scope": "the row speaks of another sector than the data are declared to be of",
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


def framework(
    one: FrameworkReport, report: ComplianceReport, words: Wording, language: str
) -> dict[str, Any]:
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
        "rows": [
            {**_row(row, report, language), "findings": len(one.bearing.get(row.row.id, ()))}
            for row in one.judgements
        ],
        "has_unverified": bool(text.unverified),
        "bearing": bearing(one, words),
    }


def _row(one: Judgement, report: ComplianceReport, language: str) -> dict[str, Any]:
    row = one.row
    supplied = [f"{report.evidence[kind].label}: said by a person" for kind in one.supplied]
    return {
        "id": row.id,
        "title": row.title,
        "asks": row.asks,
        "mark": "" if row.verified else UNVERIFIED,
        "cite": row.cite,
        "status": _status(one, language),
        "status__sort": STATUSES.index(one.status),
        "tone": TONES[one.status],
        "evidence": [] if one.outside else [_linked(report.evidence[kind]) for kind in one.present],
        "supplied": supplied,
        "lacking": [] if one.outside else _lacking(one, report),
        "person": _person(one, report),
    }


def _status(one: Judgement, language: str) -> str:
    """Shape and words of a row's status; a judgement with who made it, and when."""
    if one.status == "judged" and one.opinion:
        return f"{SHAPES['judged']} judged by {one.opinion.name} on {one.opinion.date}"
    return status_text(one.status, language)


def _lacking(one: Judgement, report: ComplianceReport) -> list[str]:
    return [*(report.evidence[kind].label for kind in one.missing), *one.lacks]


def _linked(one: Evidence) -> dict[str, Any]:
    files = one.files
    facts = f" ({'; '.join(one.facts)})" if one.facts else ""
    return {
        "text": f"{one.label}{facts}",
        "section": one.section,
        "artifacts": [item.artifact for item in one.items if item.counts],
        "hash": files[0].sha256[:_SHORT] if files else "",
    }


def _person(one: Judgement, report: ComplianceReport) -> str:
    """What people said of a row, and what they must still say."""
    if one.exemption:
        signed = one.exemption
        return f"Set aside by {signed.name}, {signed.role}, on {signed.date}: {signed.reason}"
    if one.outside:
        return one.outside
    said = [*_opinion(one), *_open(one, report)]
    if not said and (one.filled or one.supplied):
        said.append(f"Supplied: {_listed((*one.filled, *one.supplied.values()))}")
    return ". ".join(said) or DASH


def _opinion(one: Judgement) -> Iterator[str]:
    if one.opinion is None:
        return
    text = f"{one.opinion.text.rstrip('.')} ({one.opinion.name}, {one.opinion.role})"
    if one.status == "judged":
        yield text
    else:
        day = one.opinion.date
        yield f"Judged on {day} while evidence is lacking, so the status stays: {text}"


def _open(one: Judgement, report: ComplianceReport) -> Iterator[str]:
    if one.open_fields:
        yield f"{_listed(one.open_fields)} ({one.row.who})"
    named = (report.evidence[kind].person for kind in one.missing)
    if instead := [name for name in dict.fromkeys(named) if name]:
        yield f"Can be stated instead: {_listed(tuple(instead))} ({one.row.who})"
    if one.held_back:
        yield f"A reading of the cited text ({one.row.who})"
    elif one.status == "complete":
        yield f"A judgement ({one.row.who})"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def bearing(one: FrameworkReport, words: Wording) -> list[dict[str, str]]:
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
            "rows": ", ".join(rows[finding.id]),
        }
        for finding in worded
    ]


def others(report: ComplianceReport) -> list[dict[str, str]]:
    """Frameworks that are shipped and not shown, and how to name them."""
    return [
        {
            "key": one.id,
            "name": one.short_name,
            "jurisdiction": one.jurisdiction,
            "sectors": ", ".join(one.applies.sectors).replace("_", " ") or "any",
        }
        for one in report.others
    ]


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
            "remarks": "; ".join((*one.facts, *one.remarks)),
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
            "person": one.person,
        }
        for one in report.evidence.values()
        if not one.counts and not one.kind.startswith("human_input")
    ]
