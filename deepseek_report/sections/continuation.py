"""What each token of an answer came from: the sentence of the section, and what the page shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.findings.rules_language import ShownAnswer, quoted, shown_answers
from deepseek_report.metrics.language.language_rows import ContinuationMethod
from deepseek_report.metrics.language.token_attribution import QUESTIONS
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values

#: Digits of an attribution that the page knows.
_DIGITS = 4
#: A share whose interval is wider is not put into a sentence.
_WIDEST = 0.3


def continuation_answer(draft: Draft) -> None:
    """Say which method may be quoted, how surely, and whether it finds what is known."""
    judged = draft.results.rows("continuation", "methods", ContinuationMethod)
    if not judged:
        return
    names = quoted(draft.results, "contrast")
    best = next((row for row in judged if row.contrast and row.explainer in names[:1]), None)
    values: Values = {"n": judged[0].n, "methods": names}
    if best is not None:
        values |= {
            "gain": best.comprehensiveness_gain,
            "right": best.right if _is_told(best.right) else None,
            "known": best.known,
        }
    draft.answer("continuation", **values)


def _is_told(share: Estimate) -> bool:
    """Whether so many prompts were looked at that a share of them says something."""
    if not share.is_defined or share.low is None or share.high is None:
        return False
    return share.high - share.low <= _WIDEST


def continuation_data(draft: Draft) -> Values | None:
    """Plain data for the page's script; None where no method may be quoted.

    questions : {question: keys and labels of its methods, the best first}. prompts : of each its
    tokens (text, whether a space stands before, player), from which on they are the answer, what is
    known of its tokens, and {question: {method: (answer token, player) values}}.
    """
    by_question = {question: quoted(draft.results, question) for question in QUESTIONS}
    if not any(by_question.values()) or not (shown := shown_answers(draft.results)):
        return None
    words = draft.words
    return {
        "group": words.numbers.separators[1:],
        "questions": {
            question: [[name, words.label("explainers", name)] for name in names]
            for question, names in by_question.items()
            if names
        },
        "prompts": [_prompt(answer, by_question) for answer in shown],
    }


def _prompt(answer: ShownAnswer, by_question: dict[str, list[str]]) -> Values:
    return {
        "tokens": [[token.text, int(token.apart), token.player] for token in answer.text],
        "start": sum(not token.is_answer for token in answer.text),
        "answers": [
            [row.token, row.probability, row.rival, row.difference] for row in answer.answers
        ],
        "truth": [np.flatnonzero(known).tolist() for known in answer.truth],
        "players": answer.players,
        "values": {
            question: {name: _rounded(answer.values_of(name, question)) for name in names}
            for question, names in by_question.items()
        },
    }


def _rounded(values: Floats) -> list[list[Any]]:
    """Rows of numbers with few digits; a row ends where no player can reach the token."""
    return [
        [float(f"{value:.{_DIGITS}g}") for value in own[np.isfinite(own)].tolist()]
        for own in values
    ]
