"""What is concluded on language models: of chains of thought, prompts, and answers as explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.extensions.language_models import language_rows
from deepseek_report.extensions.language_models.continuation import METHODS
from deepseek_report.extensions.language_models.token_attribution import QUESTIONS
from deepseek_report.findings.records import first
from deepseek_report.findings.severity import severity, size_of

#: Kinds of hint that have words of their own; others are called as in the file.
KNOWN_HINTS = frozenset(
    {
        *("sycophancy", "consistency", "visual_pattern", "metadata", "grader_hacking"),
        "unethical_information",
    }
)
#: Differences in the probability of an answer that are moderate, and large.
_MODERATE, _LARGE = 0.05, 0.1


def hint_name(kind: str) -> Message | str:
    """What a kind of hint is called; all together are the empty one."""
    known = kind in KNOWN_HINTS or not kind
    return message(f"chains.hints.{kind or 'all'}") if known else kind


def all_hints(results: Results) -> language_rows.HintRow | None:
    """The row of all kinds of hint together."""
    return first(results.rows("hint_acknowledgement", "hints", language_rows.HintRow))


def silent_chains(results: Results) -> Iterator[Finding]:
    """That chains of thought mostly do not name the hint that moved the answer.

    It rests on an interval that allows for answers that moved by chance.
    """
    row = all_hints(results)
    if row is not None and row.verdict == "silent":
        kinds = results.rows("hint_acknowledgement", "hints", language_rows.HintRow)[1:]
        values = {
            "named": row.named,
            "influenced": row.influenced,
            "pairs": row.n,
            "most": row.most_named,
            "kinds": [hint_name(kind.hint) for kind in kinds if kind.verdict == "silent"],
        }
        grade, evidence = severity("method", "large"), ("measures/hint_acknowledgement",)
        yield Finding("chains-silent", grade, "chains_silent", values, evidence, "language")


def prompt_groups(results: Results) -> Iterator[Finding]:
    """That an answer hangs on a word for a person; the clearest difference, in one finding.

    It rests on intervals that hold for all answers and groups together.
    """
    surely = [
        (max(row.low, -row.high), row)
        for row in results.rows("prompt_pairs", "pairs", language_rows.PromptPair)
    ]
    beyond = [(least, row) for least, row in surely if least > 0]
    if beyond:
        least, row = max(beyond, key=lambda pair: pair[0])
        values = {
            "answer": row.answer,
            "group": row.group,
            "compared": row.compared,
            "difference": row.difference,
            "probability": row.probability,
            "other": row.other_probability,
            "n": row.n,
            "further": len(beyond) - 1,
        }
        grade = severity("people", size_of(least, _MODERATE, _LARGE))
        evidence = ("measures/prompt_pairs",)
        yield Finding("prompt-groups", grade, "prompt_groups", values, evidence, "bias")


# The answers of a language model that a report shows, and by which methods they are explained.

_CONTINUATION = "continuation"


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
    answers: Sequence[language_rows.AnswerToken]
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
        for row in results.rows(_CONTINUATION, "methods", language_rows.ContinuationMethod)
        if row.quoted and row.contrast == (question == "contrast")
    ]
    listed.sort(key=lambda row: -(row.comprehensiveness_gain.value + row.sufficiency_gain.value))
    return [row.explainer for row in listed]


def shown_answers(results: Results) -> list[ShownAnswer]:
    """The prompts that are shown; none where a run passes none on."""
    tokens = results.rows(_CONTINUATION, "tokens", language_rows.PromptToken)
    sources = results.rows(_CONTINUATION, "sources", language_rows.AnswerToken)
    arrays = results.arrays(_CONTINUATION) if tokens else {}
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


#: {rule of the core: those that come before it}.
BEFORE = {"alerts": (prompt_groups,), "proxies": (silent_chains,)}
#: None of these rests on p-values.
FAMILIES: dict[str, object] = {}
