"""The answers of a language model that a report shows, and by which methods they are explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.language.continuation import METHODS
from deepseek_report.metrics.language.language_rows import (
    AnswerToken,
    ContinuationMethod,
    PromptToken,
)
from deepseek_report.metrics.language.token_attribution import QUESTIONS

_METRIC = "continuation"


@dataclass(frozen=True)
class ShownToken:
    """A token as people read it: whether a space stands before it, and its player, -1 for none."""

    text: str
    apart: bool
    player: int
    is_answer: bool


@dataclass(frozen=True)
class ShownAnswer:
    """A prompt and its answer.

    answers : (answer token,) rows of the table `sources`, the first of each. values : (method,
    question, answer token, player), NaN where a player stands behind the token. truth : (answer
    token, player) what is known to make the token.
    """

    text: Sequence[ShownToken]
    answers: Sequence[AnswerToken]
    values: Floats
    truth: Bools

    def values_of(self, method: str, question: str) -> Floats:
        """(answer token, player) attributions by one method."""
        return np.asarray(self.values[METHODS.index(method), QUESTIONS.index(question)])

    @property
    def players(self) -> list[str]:
        """The text of each player."""
        labels = [""] * self.values.shape[-1]
        for token in self.text:
            if 0 <= token.player < len(labels):
                space = " " if token.apart and labels[token.player] else ""
                labels[token.player] += space + token.text
        return labels


def quoted(results: Results, question: str) -> list[str]:
    """The methods that may be quoted on a question, the one that gains most first."""
    listed = [
        row
        for row in results.rows(_METRIC, "methods", ContinuationMethod)
        if row.quoted and row.contrast == (question == "contrast")
    ]
    listed.sort(key=lambda row: -(row.comprehensiveness_gain.value + row.sufficiency_gain.value))
    return [row.explainer for row in listed]


def shown_answers(results: Results) -> list[ShownAnswer]:
    """The prompts that are shown; none where a run passes none on."""
    tokens = results.rows(_METRIC, "tokens", PromptToken)
    sources = results.rows(_METRIC, "sources", AnswerToken)
    arrays = results.arrays(_METRIC) if tokens else {}
    shown = []
    for prompt in sorted({row.prompt for row in tokens}):
        own = {row.order: row for row in reversed(sources) if row.prompt == prompt}
        text = [
            ShownToken(row.token, row.apart, row.player, row.is_answer)
            for row in tokens
            if row.prompt == prompt
        ]
        players = max((token.player for token in text[:-1]), default=-1) + 1
        values = arrays["values"][prompt, :, :, : len(own), :players]
        truth = arrays["truth"][prompt, : len(own), :players].astype(bool)
        shown.append(ShownAnswer(text, [own[order] for order in sorted(own)], values, truth))
    return shown
