"""Rules on what people declare: expectations of the model."""

from __future__ import annotations

from collections.abc import Iterator

from deepseek_report.artifacts.conclusions import Weight
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import first, share_of_cases, unit_of
from deepseek_report.findings.severity import gravest, less_grave
from deepseek_report.metrics.behaviour.behaviour_rows import (
    GravestCase,
    JudgedExpectation,
    OpenQuestion,
)

#: Questions, and contradictions, that one finding tells.
_TOLD = 3

# What is expected of the model, and what an expert should be asked about it.

_BEHAVIOUR = ("measures/behaviour",)
#: How grave it is that an expectation of this weight is broken.
_SEVERITIES: dict[Weight, Severity] = {"critical": "high", "major": "medium", "minor": "low"}
#: Below this share of the rows a declared relation is asked about: it may be no rule of the data.
_HOLDS = 0.99


def broken(results: Results) -> Iterator[Finding]:
    """Each declared expectation that the model breaks, as grave as whoever declared it says.

    It is one step less grave where the share may lie within what is allowed.
    """
    for row in results.rows("behaviour", "expectations", JudgedExpectation):
        if row.kind == "relation" or not row.n or row.held:
            continue
        grade, share = _SEVERITIES[row.weight], row.broken
        if (share.low or 0.0) <= row.allowed:
            grade = less_grave(grade)
        yield Finding(
            id=f"behaviour-{row.place + 1}",
            severity=grade,
            message="expectation_broken",
            values={**_claim_values(row), "share": share, **_worst(results, row)},
            evidence=_BEHAVIOUR,
            section="behaviour",
            touches=share.value * (share_of_cases(results, row.n) if row.kind == "minimum" else 1),
        )


def _claim_values(row: JudgedExpectation) -> dict[str, object]:
    return {
        "claim": claim(row),
        "kind": row.kind,
        "outcome": row.outcome,
        "allowed": row.allowed,
        "largest_points": row.largest_points,
        "largest": row.largest,
    }


def claim(row: JudgedExpectation) -> Text:
    """An expectation in the words of who declared it, else made of its parts."""
    return row.says or message(
        f"behaviour.claims.{row.kind}",
        subject=row.subject,
        about=row.about,
        effect=row.effect,
        outcome=row.outcome,
        change=row.change,
    )


def _worst(results: Results, row: JudgedExpectation) -> dict[str, object]:
    """The case that breaks it most; empty where the run tells of no case."""
    table = results.rows("behaviour", "worst", GravestCase)
    worst = first(each for each in table if each.place == row.place)
    return {
        "label": worst.label if worst else "",
        "from_display": worst.from_display if worst else "",
        "to_display": worst.to_display if worst else "",
        "before": worst and worst.before_share,
        "after": worst and worst.after_share,
        "before_number": worst and worst.before,
        "after_number": worst and worst.after,
        "unit": unit_of(results),
    }


def relations(results: Results) -> Iterator[Finding]:
    """Declared relations that many rows of the data themselves break."""
    table = [
        row
        for row in results.rows("behaviour", "expectations", JudgedExpectation)
        if row.kind == "relation" and row.n and 1 - row.broken.value < _HOLDS
    ]
    if table:
        grade = gravest(_SEVERITIES[row.weight] for row in table)
        values = {"relations": [{"claim": claim(row), "share": row.broken} for row in table]}
        name = "behaviour-relations"
        yield Finding(name, grade, "relation_broken", values, _BEHAVIOUR, "behaviour")


def questions(results: Results) -> Iterator[Finding]:
    """What an expert should be asked, of features whose direction nobody declares."""
    table = open_questions(results)
    if table:
        asked_first = [question(results, row) for row in table[:_TOLD]]
        values = {"n": len(table), "questions": asked_first}
        name = "behaviour-questions"
        yield Finding(name, "low", "behaviour_questions", values, _BEHAVIOUR, "behaviour")


def open_questions(results: Results) -> list[OpenQuestion]:
    """The questions that the data do not answer by themselves, the largest movement first.

    That an answer still moves where hardly a row lies is true of most models, and stands in the
    table alone.
    """
    table = [
        row
        for row in results.rows("behaviour", "questions", OpenQuestion)
        if row.question != "tail" and not row.borne_out and not row.declared
    ]
    return sorted(table, key=lambda row: -abs(row.movement))


def question(results: Results, row: OpenQuestion) -> Message:
    """One question in a sentence."""
    decides = row.moved_points is not None
    return message(
        f"behaviour.questions.{row.question}",
        label=row.label,
        start=row.from_display,
        end=row.to_display,
        rises=row.movement > 0,
        points=100 * abs(row.movement) if decides else None,
        moved=None if decides else abs(row.movement),
        unit=unit_of(results),
        n=row.n,
        of=row.of,
        outcome=results.schema.target.explained_class,
        observed=row.observed_share,
        beside=row.beside_share,
    )
