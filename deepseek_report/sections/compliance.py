"""What the run shows to a regulator, row by row, and what a person must still supply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import count, plural
from deepseek_report.compliance.evaluate import ComplianceReport, evaluate_results
from deepseek_report.compliance.people_form import FORM
from deepseek_report.sections import compliance_people as people
from deepseek_report.sections import compliance_rows as tables
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_QUESTION = (
    "For which requirements does this run give evidence, and what must a person still supply?"
)
_NOTHING = "No framework is chosen, so no requirement was looked at."
_MOST_ACTIONS = 5


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
        report = evaluate_results(results)
        language = str((results.config.get("report") or {}).get("language", "en"))
        return SectionContent(
            name="compliance",
            title=words_of(results).label("section_titles", "compliance"),
            question=_QUESTION,
            answer=_answer(report),
            values=_values(report, words_of(results), language),
            caveats=list(_caveats(report)),
            actions=list(_actions(report)),
            incomplete=[] if report.frameworks else [_NOTHING],
        )


def _values(report: ComplianceReport, words: Wording, language: str) -> dict[str, Any]:
    day = report.as_of.day
    return {
        "as_of": day.isoformat() if day else "",
        "because": report.as_of.because,
        "sector": report.declared.sector.replace("_", " "),
        "others": tables.others(report),
        "floor": report.options.floor,
        "disclaimers": list(dict.fromkeys(one.framework.disclaimer for one in report.frameworks)),
        "statuses": tables.legend(language),
        "glance": tables.glance(report),
        "glance_columns": tables.glance_columns(language),
        "frameworks": [tables.framework(one, report, words, language) for one in report.frameworks],
        "filled": people.filled_statements(report),
        "opinions": people.opinions(report),
        "generated": people.generated_statements(report),
        "not_used": people.not_used(report),
        "open": people.open_fields(report, deciding=True),
        "optional": people.open_fields(report, deciding=False),
        "index": tables.index(report),
        "not_shown": tables.not_shown(report),
        "milestones": [vars(one) for one in report.milestones],
    }


def _answer(report: ComplianceReport) -> str:
    if not report.frameworks:
        return _NOTHING
    total: Counter[str] = Counter()
    for one in report.frameworks:
        total.update(one.counts)
    waiting = sum(bool(row.open_fields) for one in report.frameworks for row in one.judgements)
    return (
        f"Of {plural(sum(total.values()), 'requirement')} in "
        f"{plural(len(report.frameworks), 'framework')}, the evidence asked for is present for "
        f"{count(total['met'])}, complete but for a person's judgement for "
        f"{count(total['complete'])}, "
        f"there in part for {count(total['partly'])} and absent for "
        f"{count(total['not_evidenced'])}; {count(total['human_input'])} depend on people alone, "
        f"and {count(waiting)} in all wait for a signed statement.{_judged(total)} This counts "
        "evidence; it judges no law."
    )


def _judged(total: Counter[str]) -> str:
    """What people did and what lies outside, where there is any of it."""
    parts = [
        (total["judged"], "named people have judged"),
        (total["human_supplied"], "named people have answered"),
        (total["not_applicable"], "named people have set aside"),
        (total["out_of_scope"], "other sectors are spoken of in"),
    ]
    said = [f"{words} {count(n)}" for n, words in parts if n]
    return f" {_capital('; '.join(said))}." if said else ""


def _caveats(report: ComplianceReport) -> Iterable[str]:
    for one in report.evidence.values():
        if one.state in {"failed", "stale", "altered"}:
            yield f"{_capital(one.label)}: not counted, since {_few(one.problems)}."
    for report_ in report.frameworks:
        held = [one.row.id for one in report_.judgements if one.held_back]
        if held:
            yield (
                f"{report_.framework.short_name}: all that {_joined(held)} needs is there; "
                "the status stays lower because nobody has read the cited text."
            )
    human = report.options.human
    if human.problems:
        yield (
            f"{plural(len(human.problems), 'problem')} in what people wrote: what is concerned is "
            "not used, and stands below with its place."
        )
    if human.unasked:
        yield f"No framework of this report asks for {_joined(human.unasked)}; it is kept."


def _actions(report: ComplianceReport) -> Iterable[str]:
    missing: Counter[str] = Counter()
    for one in report.frameworks:
        for judgement in one.judgements:
            missing.update(judgement.missing)
    for kind, rows in missing.most_common(_MOST_ACTIONS):
        evidence = report.evidence[kind]
        instead = f" A person can state it as {evidence.person}." if evidence.person else ""
        yield (
            f"Supply: {evidence.label}. {plural(rows, 'requirement')} "
            f"{'lacks' if rows == 1 else 'lack'} it, because {_few(evidence.problems)}.{instead}"
        )
    unsigned = [one for one in report.form if one.deciding and not one.filled]
    if unsigned:
        yield (
            f"Have the responsible people fill the {plural(len(unsigned), 'open statement')} "
            f"listed below, each with name, role and date: copy {FORM} to people/NAME.yaml, fill "
            "it, and render the report again."
        )


def _few(problems: tuple[str, ...]) -> str:
    """The first reason, and how many more there are; as the middle of a sentence."""
    first = problems[0].rstrip(".")
    first = first[:1].lower() + first[1:]
    more = len(problems) - 1
    return f"{first} (and {plural(more, 'more reason')})" if more else first


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(part.rstrip(".") for part in parts)
