"""What is measured of language models alone: where a continuation comes from, and the inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.table_rows import WholeRow
from deepseek_report.extensions.language_models import language_rows
from deepseek_report.extensions.language_models.chains import answer_chains
from deepseek_report.extensions.language_models.language_findings import (
    ShownAnswer,
    quoted,
    shown_answers,
)
from deepseek_report.extensions.language_models.token_attribution import QUESTIONS
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.sections.shared.draft import Draft, DraftedSection, ids_of
from deepseek_report.sections.shared.tables import ShownTable, Values
from deepseek_report.sections.summary import CHAIN_METRICS

# What each token of an answer came from: the sentence of the section, and what the page shows

#: Digits of an attribution that the page knows.
_DIGITS = 4
#: A share whose interval is wider is not put into a sentence.
_WIDEST = 0.3


def continuation_answer(draft: Draft) -> None:
    """Say which method may be quoted, how surely, and whether it finds what is known."""
    judged = draft.results.rows("continuation", "methods", language_rows.ContinuationMethod)
    if not judged:
        return
    names = quoted(draft.results, "contrast")
    best = next((row for row in judged if row.contrast and row.explainer in names[:1]), None)
    values: Values = {"n": judged[0].n, "methods": names}
    if best is not None:
        low, high = best.right.ends or (0.0, 1.0)
        is_told = best.right.is_defined and high - low <= _WIDEST
        values |= {
            "gain": best.comprehensiveness_gain,
            "right": best.right if is_told else None,
            "known": best.known,
        }
    draft.answer("continuation", **values)


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


def _rounded(values: Floats) -> list[list[float]]:
    """Rows of numbers with few digits; a row ends where no player can reach the token."""
    return [
        [float(f"{value:.{_DIGITS}g}") for value in own[np.isfinite(own)].tolist()]
        for own in values
    ]


# --- What the inside of a language model shows: its sentences and tables in the section -----------

#: "Most" of the prompts, and of a lead: surely more than this.
_MOST = 0.5


def inside(draft: Draft) -> Values:
    """Sentences and tables by metric; a metric that the run lacks has no sentence."""
    if group := _copying(draft):
        draft.answer("copying", **group)
    return {
        "lens": {
            "sentence": _lens(draft),
            "layers": _table(draft, "lens", "layers"),
            "patching": _table(draft, "lens", "patching"),
        },
        "heads": {
            "sentence": _heads(draft),
            "heads": _table(draft, "head_roles", "heads"),
            "together": _table(draft, "head_roles", "together"),
        },
        "latent": {"sentence": _latent(draft), "layers": _table(draft, "latent", "layers")},
        "experts": {"sentence": _experts(draft), "kinds": _table(draft, "token_experts", "kinds")},
    }


#: Columns of codes, each of which has words below `sections.language`.
_CODES = ("corruption", "span", "pattern", "needed", "kind", "verdict")


def _table(draft: Draft, metric: str, name: str) -> ShownTable:
    """A table of a metric with its codes in words."""
    worded = [
        {**row, **{code: draft.text(f"{code}.{row[code]}") for code in _CODES if row.get(code)}}
        for row in (whole.cells for whole in draft.results.rows(metric, name, WholeRow))
    ]
    return draft.metric_table(metric, name, worded)


def _lens(draft: Draft) -> str:
    table = draft.results.rows("lens", "layers", language_rows.LensLayer)
    if not table:
        return ""
    first = {name: _first_most(table, name) for name in ("lens", "tuned", "token")}
    apart = next((row for row in table if _is_read_not_used(row)), None)
    return draft.text(
        "lens",
        **{
            name: None if row is None else {"layer": row.layer, "share": row.shares[name]}
            for name, row in first.items()
        },
        apart=None
        if apart is None
        else {
            "layer": apart.layer,
            "read": max((apart.lens, apart.tuned), key=lambda share: share.value),
            "used": apart.token,
        },
    )


def _first_most(table: list[language_rows.LensLayer], name: str) -> language_rows.LensLayer | None:
    """The first layer from which on it is surely most, in all layers that follow."""
    late = None
    for row in reversed(table):
        if not (row.shares[name].low or 0.0) > _MOST:
            break
        late = row
    return late


def _is_read_not_used(row: language_rows.LensLayer) -> bool:
    """Whether surely most answers can be read there, and surely the smaller part is restored."""
    read, used = max(row.lens.low or 0.0, row.tuned.low or 0.0), row.token.high
    return used is not None and read > _MOST > used


def _copying(draft: Draft) -> Values | None:
    """The heads that look at what followed the same token, where the answer needs them."""
    together = [
        row
        for row in draft.results.rows("head_roles", "together", language_rows.HeadsTogether)
        if row.pattern == "after_same" and row.p_adjusted < SIGNIFICANT
    ]
    if not together:
        return None
    table = draft.results.rows("head_roles", "heads", language_rows.HeadRole)
    heads = [row for row in table if row.pattern == "after_same"]
    measured = [(row.swap, row) for row in heads if row.swap is not None]
    alone, most = max(measured, key=lambda pair: pair[0].value, default=(None, None))
    rise = together[0].swap
    group: Values = {"heads": [_named(row) for row in heads], "rise": rise, "alone": None}
    if most is not None and alone is not None and len(heads) > 1:
        is_less = alone.high is not None and rise.low is not None and alone.high < rise.low
        group |= {"alone": alone, "most": _named(most), "is_less": is_less}
    return group


def _named(row: language_rows.HeadRole) -> Values:
    return {"layer": row.layer + 1, "number": row.number}


def _heads(draft: Draft) -> str:
    table = draft.results.rows("head_roles", "heads", language_rows.HeadRole)
    if not table:
        return ""
    counts = {
        pattern: sum(row.pattern == pattern for row in table)
        for pattern in ("previous", "same", "after_same")
    }
    return draft.text("heads", heads=len(table), **counts, copying=_copying(draft))


def _latent(draft: Draft) -> str:
    table = draft.results.rows("latent", "layers", language_rows.LatentLayer)
    if not table:
        return ""
    most = max(table, key=lambda row: row.swap.value)
    return draft.text(
        "latent",
        layer=most.layer + 1,
        rank=most.rank,
        width=most.width,
        latent_rank=most.latent_rank,
        state_rank=most.state_rank,
        rise=most.swap,
        is_needed=most.p_adjusted < SIGNIFICANT,
        state_token=most.state_token,
        latent_token=most.latent_token,
        state_place=most.state_place,
        latent_place=most.latent_place,
    )


def _experts(draft: Draft) -> str:
    verdicts = [
        row.verdict
        for row in draft.results.rows("token_experts", "kinds", language_rows.ExpertKind)
    ]
    if not verdicts:
        return ""
    counts = {name: verdicts.count(name) for name in ("needed", "spare")}
    return draft.text("experts", pairs=len(verdicts), **counts)


# What is measured of language models alone: where a continuation comes from, and the inside


@dataclass(frozen=True)
class LanguageSection(DraftedSection):
    """Says what a continuation came from and what inside of the model made it."""

    name = "language"
    metrics = "continuation lens head_roles latent token_experts"
    pictures = "continuation lens head_roles"
    uses = ids_of(measures=" ".join(CHAIN_METRICS))

    def write(self, draft: Draft) -> None:
        continuation_answer(draft)
        draft.values |= {"continuation": continuation_data(draft), "inside": inside(draft)}
        answer_chains(draft)
