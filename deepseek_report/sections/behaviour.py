"""Does the model behave as it should: what is expected of it, and what to ask an expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.table_rows import cells_of
from deepseek_report.findings.rules_declared import claim, open_questions, question
from deepseek_report.metrics.behaviour import behaviour_rows
from deepseek_report.sections.shared.draft import Draft, DraftedSection

#: Questions that the section lists; the table has all.
_LISTED = 8


@dataclass(frozen=True)
class BehaviourSection(DraftedSection):
    """Says which declared expectations the model breaks, and where an expert should look."""

    name = "behaviour"
    needs = frozenset({"measures/behaviour"})
    metrics = pictures = "behaviour"

    def write(self, draft: Draft) -> None:
        results = draft.results
        table = results.rows("behaviour", "expectations", behaviour_rows.JudgedExpectation)
        if results.measurement("behaviour") is not None:
            _answer(draft, table)
        says = {row.place: draft.words.say(claim(row)) for row in table}
        kept: Sequence[behaviour_rows.JudgedExpectation | behaviour_rows.GravestCase]
        worst = results.rows("behaviour", "worst", behaviour_rows.GravestCase)
        for name, kept in (("expectations", table), ("worst", worst)):
            worded = [{**cells_of(row), "says": says[row.place]} for row in kept]
            draft.values[name] = draft.metric_table("behaviour", name, worded)
        question_rows = results.rows("behaviour", "questions", behaviour_rows.OpenQuestion)
        named = [
            {**cells_of(row), "question": draft.text(f"kinds.{row.question}")}
            for row in question_rows
        ]
        draft.values |= {
            "questions_table": draft.metric_table("behaviour", "questions", named),
            "questions": [
                draft.words.say(question(results, row)) for row in open_questions(results)[:_LISTED]
            ],
        }
        if question_rows:
            draft.caveat("all_else_as_it_is")


def _answer(draft: Draft, table: Sequence[behaviour_rows.JudgedExpectation]) -> None:
    judged = [row for row in table if row.kind != "relation" and row.n]
    without = [row for row in table if row.kind != "relation" and not row.n]
    broken = [row for row in judged if not row.held]
    if not judged and not without:
        draft.answer("undeclared")
    else:
        draft.answer(
            "declared",
            n=len(judged),
            broken=[{"claim": draft.words.say(claim(row)), "share": row.broken} for row in broken],
            without=[draft.words.say(claim(row)) for row in without],
        )
    draft.answer("questions", n=len(open_questions(draft.results)))
