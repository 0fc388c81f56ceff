"""Rules on what people expect of the model, and on what they should be asked about it."""

from __future__ import annotations

from deepseek_report.artifacts.conclusions import Weight
from deepseek_report.artifacts.finding import SEVERITIES, Finding, Severity
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import first, share_of_cases, unit_of
from deepseek_report.metrics.behaviour.behaviour_rows import (
    JudgedExpectation,
    OpenQuestion,
    GravestCase,
)

_EVIDENCE = ("measures/behaviour",)
#: How grave it is that an expectation of this weight is broken.
_SEVERITIES: dict[Weight, Severity] = {"critical": "high", "major": "medium", "minor": "low"}
#: Below this share of the rows a declared relation is asked about: it may be no rule of the data.
_HOLDS = 0.99
#: Questions that one finding tells.
_TOLD = 3


def broken(results: Results) -> list[Finding]:
    """Each declared expectation that the model breaks, as grave as whoever declared it says."""
    return [
        _broken(results, row)
        for row in results.rows("behaviour", "expectations", JudgedExpectation)
        if row.kind != "relation" and row.n and not row.held
    ]


def _broken(results: Results, row: JudgedExpectation) -> Finding:
    share = row.broken
    touches = share.value * (share_of_cases(results, row.n) if row.kind == "minimum" else 1.0)
    return Finding(
        id=f"behaviour-{row.place + 1}",
        severity=_severity(row),
        message="expectation_broken",
        values={**claim_values(row), "share": share, **_worst(results, row)},
        evidence=_EVIDENCE,
        section="behaviour",
        touches=touches,
    )


def _severity(row: JudgedExpectation) -> Severity:
    """The declared weight where the share surely is above what is allowed; else one step less."""
    grade = _SEVERITIES[row.weight]
    sure = (row.broken.low or 0.0) > row.allowed
    return grade if sure else SEVERITIES[SEVERITIES.index(grade) + 1]


def claim_values(row: JudgedExpectation) -> dict[str, object]:
    """What a sentence on an expectation names."""
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
    if row.says:
        return row.says
    return message(
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
    worst = first(each for each in table if each.place == row.place) or GravestCase(row.place, {})
    return {
        "label": worst.label,
        "from_display": worst.from_display,
        "to_display": worst.to_display,
        "before": worst.before_share,
        "after": worst.after_share,
        "before_number": worst.before,
        "after_number": worst.after,
        "unit": unit_of(results),
    }


def relations(results: Results) -> list[Finding]:
    """Declared relations that many rows of the data themselves break."""
    table = [
        row
        for row in results.rows("behaviour", "expectations", JudgedExpectation)
        if row.kind == "relation" and row.n and 1 - row.broken.value < _HOLDS
    ]
    if not table:
        return []
    return [
        Finding(
            id="behaviour-relations",
            severity=max(
                (_SEVERITIES[row.weight] for row in table),
                key=lambda grade: -SEVERITIES.index(grade),
            ),
            message="relation_broken",
            values={"relations": [{"claim": claim(row), "share": row.broken} for row in table]},
            evidence=_EVIDENCE,
            section="behaviour",
        )
    ]


def questions(results: Results) -> list[Finding]:
    """What an expert should be asked, of features whose direction nobody declares."""
    table = open_questions(results)
    if not table:
        return []
    return [
        Finding(
            id="behaviour-questions",
            severity="low",
            message="behaviour_questions",
            values={
                "n": len(table),
                "questions": [question(results, row) for row in table[:_TOLD]],
            },
            evidence=_EVIDENCE,
            section="behaviour",
        )
    ]


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
