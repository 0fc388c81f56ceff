"""Rules on what people expect of the model, and on what they should be asked about it."""

from __future__ import annotations

from deepseek_report.artifacts.conclusions import Weight
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import SEVERITIES, Finding, Severity
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import Row, first, rows, share_of_cases, unit_of
from deepseek_report.wording import estimates

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
        for row in rows(results, "behaviour", "expectations")
        if row["kind"] != "relation" and row["n"] and not row["held"]
    ]


def _broken(results: Results, row: Row) -> Finding:
    share = estimates.of_row(row, "broken")
    return Finding(
        id=f"behaviour-{int(row['place']) + 1}",
        severity=_severity(row),
        message="expectation_broken",
        values={**claim_values(row), "share": share, **_worst(results, row)},
        evidence=_EVIDENCE,
        section="behaviour",
        touches=share_of_cases(results, row["n"]) * share.value
        if row["kind"] == "minimum"
        else (share.value),
    )


def _severity(row: Row) -> Severity:
    """The declared weight where the share surely is above what is allowed; else one step less."""
    grade = _SEVERITIES[row["weight"]]
    sure = (finite(row["low"]) or 0.0) > float(row["allowed"])
    return grade if sure else SEVERITIES[SEVERITIES.index(grade) + 1]


def claim_values(row: Row) -> dict[str, object]:
    """What a sentence on an expectation names."""
    return {
        "claim": claim(row),
        "kind": row["kind"],
        "outcome": row["outcome"],
        "allowed": float(row["allowed"]),
        "largest_points": finite(row.get("largest_points")),
        "largest": finite(row.get("largest")),
    }


def claim(row: Row) -> Text:
    """An expectation in the words of who declared it, else made of its parts."""
    if row["says"]:
        return str(row["says"])
    return message(
        f"behaviour.claims.{row['kind']}",
        subject=row["subject"],
        about=row["about"],
        effect=row["effect"],
        outcome=row["outcome"],
        change=row["change"],
    )


def _worst(results: Results, row: Row) -> dict[str, object]:
    """The case that breaks it most; empty where the run tells of no case."""
    table = rows(results, "behaviour", "worst")
    worst = first(each for each in table if each["place"] == row["place"]) or {}
    return {
        "label": worst.get("label", ""),
        "from_display": worst.get("from_display", ""),
        "to_display": worst.get("to_display", ""),
        "before": finite(worst.get("before_share")),
        "after": finite(worst.get("after_share")),
        "before_number": finite(worst.get("before")),
        "after_number": finite(worst.get("after")),
        "unit": unit_of(results),
    }


def relations(results: Results) -> list[Finding]:
    """Declared relations that many rows of the data themselves break."""
    table = [
        row
        for row in rows(results, "behaviour", "expectations")
        if row["kind"] == "relation" and row["n"] and 1 - float(row["broken"]) < _HOLDS
    ]
    if not table:
        return []
    return [
        Finding(
            id="behaviour-relations",
            severity=max(
                (_SEVERITIES[row["weight"]] for row in table),
                key=lambda grade: -SEVERITIES.index(grade),
            ),
            message="relation_broken",
            values={
                "relations": [
                    {"claim": claim(row), "share": estimates.of_row(row, "broken")} for row in table
                ]
            },
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


def open_questions(results: Results) -> list[Row]:
    """The questions that the data do not answer by themselves, the largest movement first.

    That an answer still moves where hardly a row lies is true of most models, and stands in the
    table alone.
    """
    table = [
        row
        for row in rows(results, "behaviour", "questions")
        if row["question"] != "tail" and not row["borne_out"] and not row["declared"]
    ]
    return sorted(table, key=lambda row: -abs(_moved(row)))


def question(results: Results, row: Row) -> Message:
    """One question in a sentence."""
    decides = finite(row.get("moved_points")) is not None
    return message(
        f"behaviour.questions.{row['question']}",
        label=row["label"],
        start=row["from_display"],
        end=row["to_display"],
        rises=_moved(row) > 0,
        points=100 * abs(_moved(row)) if decides else None,
        moved=None if decides else abs(_moved(row)),
        unit=unit_of(results),
        n=int(row["n"]),
        of=int(row["of"]),
        outcome=results.schema.target.explained_class,
        observed=estimates.of_row(row, "observed_share", "observed_share", "n"),
        beside=estimates.of_row(row, "beside_share", "beside_share", "n"),
    )


def _moved(row: Row) -> float:
    points = finite(row.get("moved_points"))
    return points if points is not None else float(row["moved"])
