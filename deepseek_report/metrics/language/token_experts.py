"""Which kinds of tokens each expert is given, and for which of them the answer needs it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import REPLACEMENTS
from deepseek_report.artifacts.table import TableType, columns_of, estimate
from deepseek_report.metrics.internals.ablation import part_verdict, rise_p_value
from deepseek_report.metrics.language.inside_plugin import (
    FEWEST,
    InsideMetric,
    continuing,
    prompts_of,
    some_prompts,
)
from deepseek_report.metrics.language.language_rows import ExpertKind
from deepseek_report.metrics.plugin import Rows
from deepseek_report.statistics.intervals import holm
from deepseek_report.statistics.resampling import Resampling

if TYPE_CHECKING:
    from deepseek_report.metrics.language.residual_stream import Prompts, ResidualStream

#: Kinds of tokens: what may be the answer, a word or its beginning, what goes on with a word, a
#: word in Chinese characters, numbers, signs, blanks, and everything else, such as marks of turns.
KINDS = ("answer", "word", "continuation", "han", "number", "sign", "blank", "other")
#: How vocabularies write the blank before a word.
_BEGINS = ("Ġ", "▁", " ")


@dataclass(frozen=True)
class TokenExperts(InsideMetric):
    """How the tokens of each kind fall on the experts, and what the answer loses without them.

    A token is of the kind "answer" where it may be one, and else of what it is written with. Each
    expert is replaced at the tokens of a kind alone: by nothing, by its mean over the prompts, and
    by what it gives for another prompt. It is *needed* for a kind where one of the three raises the
    loss of the answer (one-sided, corrected by Holm's method for all that were tried), *spare*
    where none raises it by `tolerance` or more, and else open. How often it is chosen does not
    say which. By parts of the data instead of kinds of tokens: see `expert_load` and `ablation`.

    max_rows : test prompts. most_work : passes × tokens × parameters that are no embedding; with
    larger models fewer prompts are looked at, and none where these were under 30.
    """

    reveals = "aggregate"
    requires = frozenset({"language_model", "experts"})
    tables = {
        "kinds": TableType(
            (
                *columns_of("layer:place number:count kind"),
                estimate("share", "share"),
                *columns_of("load:share"),
                *(estimate(name, prefix=name) for name in REPLACEMENTS),
                *columns_of("p_adjusted:p_value verdict n:count"),
            ),
            release=WHOLE,
            row=ExpertKind,
        )
    }
    max_rows: Rows = 100
    most_work: Annotated[int, Field(ge=0)] = 200_000_000_000
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.002

    def measure(self, context: MeasureContext) -> Measurement:
        from deepseek_report.metrics.language import residual_stream as inside

        model, test = continuing(context), context.dataset.test
        stream = inside.ResidualStream(model.language_model.net, context.classifier.name)
        probe = prompts_of(model, test, np.arange(min(len(test), FEWEST)))
        counts = inside.chosen_experts(stream, probe)
        kinds = kinds_of(model.language_model.tokens, model.class_tokens)
        tried = sum(chosen.shape[2] for chosen in counts.values()) * len(set(kinds[probe.ids].flat))
        passes = 2 + tried * len(REPLACEMENTS)
        rows = some_prompts(context, "token_experts", passes, self.max_rows, self.most_work)
        prompts, drawn = prompts_of(model, test, rows), Resampling.of(test).take(rows)
        audit = _Audit(stream, prompts, model.class_tokens, kinds[prompts.ids], drawn)
        context.progress.start("experts", tried)
        cells = list(audit.rows(context))
        notes = (message("notes.token_experts.replaced", n=len(rows), tolerance=self.tolerance),)
        table = self.tables["kinds"].frame(self._judged(cells, drawn))
        return Measurement((), {"kinds": table}, notes=notes)

    def _judged(self, cells: list[dict[str, Any]], drawn: Resampling) -> Iterator[dict[str, Any]]:
        """The rows with the rise of the loss by each replacement, its p-value and the verdict."""
        rises = [cell.pop("rises") for cell in cells]
        tests = [rise_p_value(drawn, values) for each in rises for values in each]
        above = holm(tests).reshape(-1, len(REPLACEMENTS)).min(axis=1)
        below = holm(
            [max(rise_p_value(drawn, self.tolerance - values) for values in each) for each in rises]
        )
        for cell, each, needed, spare in zip(cells, rises, above, below, strict=True):
            measured: dict[str, float] = {}
            for name, values in zip(REPLACEMENTS, each, strict=True):
                measured |= drawn.mean(values, "").cells(name, name)
            verdict = part_verdict(float(needed), float(spare))
            yield {**cell, **measured, "p_adjusted": float(needed), "verdict": verdict}


@dataclass(frozen=True)
class _Audit:
    """The experts of a model, kind of tokens by kind. kinds : (prompt, place), see `KINDS`."""

    stream: ResidualStream
    prompts: Prompts
    classes: Ints
    kinds: Ints
    drawn: Resampling

    def rows(self, context: MeasureContext) -> Iterator[dict[str, Any]]:
        """For each layer, kind and expert its share of the choices, and (prompt,) rises without."""
        from deepseek_report.metrics.internals.transformer_trace import sites_of
        from deepseek_report.metrics.language.residual_stream import answer_losses, chosen_experts

        config = self.stream.net.config.get_text_config()
        sites = {
            (site.step.layer - 1, site.step.number - 1): site
            for site in sites_of(self.stream.net, int(config.num_attention_heads))
            if site.step.kind == "expert"
        }
        losses = answer_losses(self.stream, self.prompts, self.classes)
        runs = 2
        for layer, chosen in chosen_experts(self.stream, self.prompts).items():
            load = chosen.sum((0, 1)) / chosen.sum()
            for kind, where in self._kinds():
                shares = _shares(chosen, where, self.drawn)
                for expert in np.flatnonzero(chosen[where].sum(0)):
                    rises = [
                        answer_losses(
                            self.stream,
                            self.prompts,
                            self.classes,
                            [sites[layer, int(expert)]],
                            name,
                            where,
                        )
                        - losses
                        for name in REPLACEMENTS
                    ]
                    runs += len(REPLACEMENTS)
                    context.progress.advance()
                    yield {
                        "layer": layer,
                        "number": int(expert) + 1,
                        "kind": kind,
                        **shares[expert],
                        "load": float(load[expert]),
                        "rises": rises,
                        "n": len(losses),
                    }
        context.classifier.calls += runs * len(self.prompts)

    def _kinds(self) -> Iterator[tuple[str, Bools]]:
        """The kinds that enough prompts have a token of, and where these stand."""
        for code, kind in enumerate(KINDS):
            where = (self.kinds == code) & self.prompts.present
            if where.any(axis=1).sum() >= min(FEWEST, len(self.prompts)):
                yield kind, where


def _shares(chosen: Floats, where: Bools, drawn: Resampling) -> list[Mapping[str, float]]:
    """For each expert the share of the choices of these tokens that falls on it."""
    counts = (chosen * where[..., None]).sum(1)
    having = counts.sum(1) > 0
    of_prompt = counts[having] / counts[having].sum(1, keepdims=True)
    at = drawn.take(having)
    return [at.mean(share, "").cells("share") for share in of_prompt.T]


def kinds_of(tokens: Sequence[str], classes: Ints) -> Ints:
    """(token of the vocabulary,) its place among `KINDS`; classes : tokens that may be an answer.

    >>> [KINDS[k] for k in kinds_of(["Ġthe", "re", "12", "!", "中", "<s>", "yes"], np.array([6]))]
    ['word', 'continuation', 'number', 'sign', 'han', 'other', 'answer']
    """
    marked = any(token.startswith(_BEGINS) and len(token) > 1 for token in tokens)
    kinds = [KINDS.index(_kind(token, marked)) for token in tokens]
    codes = np.array(kinds, np.int64)
    codes[classes] = KINDS.index("answer")
    return codes


def _kind(token: str, marked: bool) -> str:
    """Marked : whether the vocabulary marks tokens that begin a word."""
    text = token.lstrip("".join(_BEGINS)).removeprefix("##")
    if not text:
        return "blank"
    if len(text) > 2 and text[0] in "<[" and text[-1] in ">]":
        return "other"
    if any("㐀" <= letter <= "鿿" for letter in text):
        return "han"
    groups = {unicodedata.category(letter)[0] for letter in text}
    if groups <= {"L", "M"}:
        goes_on = token.startswith("##") or (marked and not token.startswith(_BEGINS))
        return "continuation" if goes_on else "word"
    whole = {"N": "number", "P": "sign", "S": "sign", "Z": "blank", "C": "blank"}
    return whole.get("".join(groups), "sign" if groups <= {"P", "S"} else "other")
