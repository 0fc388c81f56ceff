"""Tables of what people stated for a run, of what is open, and of what cannot be used."""

from __future__ import annotations

from typing import Any

from deepseek_report.compliance.evaluate import ComplianceReport
from deepseek_report.compliance.statements import Exemption, Opinion, Statement
from deepseek_report.wording.words import Wording


def filled_statements(report: ComplianceReport, words: Wording) -> list[dict[str, Any]]:
    """Statements that named persons signed, those that no shown framework asks for last."""
    asked = {one.name: one.rows for one in report.form}
    signed = [one for one in report.options.human.statements.values() if not one.generated]
    rows = [
        {
            "field": words.label("human_fields", one.field),
            "text": one.text,
            "rows": asked.get(one.field, ()),
            **_signed(one),
        }
        for one in signed
    ]
    return sorted(rows, key=lambda row: not row["rows"])


def opinions(report: ComplianceReport, words: Wording) -> list[dict[str, Any]]:
    """Judgements of rows, and rows set aside, as named persons signed them."""
    human = report.options.human
    judged = words.text("compliance.what.judged")
    aside = words.text("compliance.what.set_aside")
    return [
        {"row": one.row, "what": judged, "text": one.text, **_signed(one)}
        for one in human.judgements.values()
    ] + [
        {"row": one.row, "what": aside, "text": one.reason, **_signed(one)}
        for one in human.not_applicable.values()
    ]


def _signed(one: Statement | Opinion | Exemption) -> dict[str, str]:
    """Who signed it, and where it stands."""
    source = f"{one.source.file}:{one.source.line}"
    return {"name": one.name, "role": one.role, "date": one.date, "source": source}


def generated_statements(report: ComplianceReport, words: Wording) -> list[dict[str, str]]:
    """Texts that a language model wrote; they fill nothing."""
    texts = report.options.human.statements.values()
    return [
        {"field": words.label("human_fields", one.field), "text": one.text}
        for one in texts
        if one.generated
    ]


def not_used(report: ComplianceReport) -> list[dict[str, Any]]:
    """What is wrong in the files of people, each with its place."""
    return [one.as_messages() for one in report.options.human.problems]


def open_fields(
    report: ComplianceReport, words: Wording, *, deciding: bool
) -> list[dict[str, Any]]:
    """Fields that nobody filled: those that hold back a status, or those that would help."""
    return [
        {
            "field": words.label("human_fields", one.name),
            "key": one.name,
            "rows": one.rows,
            "who": ", ".join(words.label("responsible", who) for who in one.who),
        }
        for one in report.form
        if not one.filled and one.deciding == deciding
    ]
