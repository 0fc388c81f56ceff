"""Tables of what people stated for a run, of what is open, and of what cannot be used."""

from __future__ import annotations

from deepseek_report.compliance.evaluate import ComplianceReport, OpenField
from deepseek_report.compliance.statements import Exemption, Opinion


def filled_statements(report: ComplianceReport) -> list[dict[str, str]]:
    """Statements that named persons signed, those that no shown framework asks for last."""
    asked = {one.name: _rows(one) for one in report.form}
    signed = [one for one in report.options.human.statements.values() if not one.generated]
    rows = [
        {
            "field": one.field.replace("_", " ").capitalize(),
            "text": one.text,
            "name": one.name,
            "role": one.role,
            "date": one.date,
            "rows": asked.get(one.field, "no framework of this report"),
            "source": f"{one.source.file}:{one.source.line}",
        }
        for one in signed
    ]
    return sorted(rows, key=lambda row: row["rows"].startswith("no framework"))


def opinions(report: ComplianceReport) -> list[dict[str, str]]:
    """Judgements of rows, and rows set aside, as named persons signed them."""
    human = report.options.human
    said: list[tuple[str, str, str, Opinion | Exemption]] = [
        (one.row, "judged", one.text, one) for one in human.judgements.values()
    ]
    said += [(one.row, "set aside", one.reason, one) for one in human.not_applicable.values()]
    return [
        {
            "row": row,
            "what": what,
            "text": text,
            "name": one.name,
            "role": one.role,
            "date": one.date,
            "source": f"{one.source.file}:{one.source.line}",
        }
        for row, what, text, one in said
    ]


def generated_statements(report: ComplianceReport) -> list[dict[str, str]]:
    """Texts that a language model wrote; they fill nothing."""
    texts = report.options.human.statements.values()
    return [
        {"field": one.field.replace("_", " ").capitalize(), "text": one.text}
        for one in texts
        if one.generated
    ]


def not_used(report: ComplianceReport) -> list[dict[str, str]]:
    """What is wrong in the files of people, each with its place."""
    return [
        {"where": one.where, "found": one.fault, "allowed": one.allowed, "todo": one.todo}
        for one in report.options.human.problems
    ]


def open_fields(report: ComplianceReport, *, deciding: bool) -> list[dict[str, str]]:
    """Fields that nobody filled: those that hold back a status, or those that would help."""
    return [
        {"field": one.label, "key": one.name, "rows": _rows(one), "who": ", ".join(one.who)}
        for one in report.form
        if not one.filled and one.deciding == deciding
    ]


def _rows(one: OpenField) -> str:
    return ", ".join(row for rows in one.asked_by.values() for row in rows)
