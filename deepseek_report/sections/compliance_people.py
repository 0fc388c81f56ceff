"""Tables of what people stated for a run, of what is open, and of what cannot be used."""

from __future__ import annotations

from typing import Any

from deepseek_report.compliance.evaluate import ComplianceReport
from deepseek_report.compliance.statements import Exemption, Opinion, Statement
from deepseek_report.wording.words import Wording


def filled_statements(report: ComplianceReport, words: Wording) -> list[dict[str, Any]]:
    """Statements that named persons signed, those that no shown framework asks for last."""
    asking_rows = {field.name: field.rows for field in report.form}
    signed = [entry for entry in report.options.human.statements.values() if not entry.generated]
    rows = [
        {
            "field": words.label("human_fields", entry.field),
            "text": entry.text,
            "rows": asking_rows.get(entry.field, ()),
            **_signed(entry),
        }
        for entry in signed
    ]
    return sorted(rows, key=lambda row: not row["rows"])


def opinions(report: ComplianceReport, words: Wording) -> list[dict[str, Any]]:
    """Judgements of rows, and rows set aside, as named persons signed them."""
    human = report.options.human
    judged = words.text("compliance.what.judged")
    aside = words.text("compliance.what.set_aside")
    return [
        {"row": opinion.row, "what": judged, "text": opinion.text, **_signed(opinion)}
        for opinion in human.judgements.values()
    ] + [
        {"row": exemption.row, "what": aside, "text": exemption.reason, **_signed(exemption)}
        for exemption in human.not_applicable.values()
    ]


def _signed(entry: Statement | Opinion | Exemption) -> dict[str, str]:
    """Who signed it, and where it stands."""
    source = f"{entry.source.file}:{entry.source.line}"
    return {"name": entry.name, "role": entry.role, "date": entry.date, "source": source}


def generated_statements(report: ComplianceReport, words: Wording) -> list[dict[str, str]]:
    """Texts that a language model wrote; they fill nothing."""
    texts = report.options.human.statements.values()
    return [
        {"field": words.label("human_fields", statement.field), "text": statement.text}
        for statement in texts
        if statement.generated
    ]


def not_used(report: ComplianceReport) -> list[dict[str, Any]]:
    """What is wrong in the files of people, each with its place."""
    return [problem.as_messages() for problem in report.options.human.problems]


def open_fields(
    report: ComplianceReport, words: Wording, *, deciding: bool
) -> list[dict[str, Any]]:
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
