"""What the run shows to a regulator, row by row, and what a person must still supply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.compliance.evaluate import ComplianceReport, OpenField, evaluate_results
from deepseek_report.compliance.evidence import Evidence
from deepseek_report.compliance.people_form import FORM
from deepseek_report.sections import compliance_people as people
from deepseek_report.sections import compliance_rows as tables
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_MOST_ACTIONS = 3


@dataclass(frozen=True)
class ComplianceSection:
    """Sets the evidence of this run against each requirement of the chosen frameworks.

    floor : instances that a number must rest on to count as evidence.
    stale_after_days : age of a framework's last check, against `report.as_of`, that calls for a
        banner.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

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


def _values(report: ComplianceReport, results: Results, words: Wording) -> dict[str, Any]:
    day, sector = report.as_of.day, report.declared.sector
    return {
        "as_of": day.isoformat() if day else "",
        "because": report.as_of.because,
        "sector": words.label("sectors", sector) if sector else "",
        "others": tables.others(report, words),
        "floor": report.options.floor,
        "disclaimers": list(dict.fromkeys(part.shown.disclaimer for part in report.frameworks)),
        "statuses": tables.legend(words),
        "frameworks": [tables.framework(part, report, words) for part in report.frameworks],
        "filled": people.filled_statements(report, words),
        "opinions": people.opinions(report, words),
        "generated": people.generated_statements(report, words),
        "not_used": people.not_used(report),
        "open": people.open_fields(report, words, deciding=True),
        "optional": people.open_fields(report, words, deciding=False),
        "index": tables.index(report, results),
        "not_shown": tables.not_shown(report, words),
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
    for part in report.frameworks:
        held = [judgement.row.id for judgement in part.judgements if judgement.held_back]
        if held:
            yield message("compliance.held_back", framework=part.shown.short_name, keys=held)
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
    unsigned = len(_unsigned(report))
    if unsigned:
        files = {"file": FORM, "folder": "people/NAME.yaml"}
        yield message("compliance.fill", n=unsigned, **files)


def _reason(evidence: Evidence) -> dict[str, Any]:
    """The first reason why evidence does not count, and how many more there are."""
    return {"reason": evidence.problems[0], "more": len(evidence.problems) - 1}
