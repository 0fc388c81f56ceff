"""Prompts that differ in a word for a person alone: how far the answer hangs on that word."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import CLASS_TASKS, Target
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.language_models.language_rows import PromptPair
from deepseek_report.metrics.plugin import EntityMetric
from deepseek_report.statistics.copies import same_values
from deepseek_report.statistics.intervals import SHARE, holm, mean_p_value
from deepseek_report.statistics.resampling import Resampling

_SLOT = re.compile(r"\{([^{}]*)\}")
#: From fewer texts or words that vary nothing is concluded on further ones.
_FEWEST = 10
#: Prompts that the model is asked about at most.
_MOST_PROMPTS = 100_000
Word = Annotated[str, Field(max_length=200)]
Words = Annotated[tuple[Word, ...], Field(min_length=1, max_length=200)]
GroupWords = Annotated[dict[str, Words], Field(min_length=2, max_length=20)]


@dataclass(frozen=True)
class PairedPrompts:
    """Prompts of each group that are alike but for words for a person.

    probabilities : (prompt, group, answer); NaN where a group lacks a prompt. drawn : which
    prompts are of one template, or of one word. template : (prompt,) where they were declared.
    by_words : which of the two `drawn` says. alike : prompts that the model reads as those of the
    first group, since it does not know the words.
    """

    groups: tuple[str, ...]
    probabilities: Floats
    drawn: Resampling
    template: Ints
    by_words: bool
    alike: int = 0

    def pairs(self) -> list[tuple[int, int]]:
        """Every two groups."""
        return list(itertools.combinations(range(len(self.groups)), 2))

    def rows(self, answers: Sequence[str]) -> list[PromptPair]:
        """A row for each answer and each two groups; intervals and p-values hold for all of them.

        Reference: Holm 1979, Scandinavian Journal of Statistics 6(2), 65–70.
        """
        compared = [(k, *pair) for k in range(len(answers)) for pair in self.pairs()]
        level = 1 - 0.05 / len(compared)
        rows = list[PromptPair]()
        for k, first, other in compared:
            own, against = self.probabilities[:, first, k], self.probabilities[:, other, k]
            known = ~np.isnan(own - against)
            drawn, differences = self.drawn.take(known), (own - against)[known]
            method = message("interval_methods.students_of_mean")
            gap = drawn.mean(differences, method, level)
            judged = drawn.n_units >= _FEWEST
            rows.append(
                PromptPair(
                    answer=answers[k],
                    group=self.groups[first],
                    compared=self.groups[other],
                    n=int(known.sum()),
                    probability=float(own[known].mean()) if known.any() else math.nan,
                    other_probability=float(against[known].mean()) if known.any() else math.nan,
                    difference=gap if judged else Estimate(gap.value),
                    p_value=mean_p_value(drawn.per_unit(differences)) if judged else math.nan,
                    p_adjusted=math.nan,
                )
            )
        adjusted = holm([math.nan if row.p_value is None else row.p_value for row in rows])
        return [replace(row, p_adjusted=p) for row, p in zip(rows, adjusted.tolist(), strict=True)]


@dataclass(frozen=True)
class PromptPairs(EntityMetric):
    """How far the probability of an answer changes with a word for a person.

    The prompts of a pair are alike but for a name, a pronoun or another word for the person, so
    that their difference is the model's own. They come from templates, or from rows of the test
    part that are of one entity.

    templates : texts with slots, such as "{person} was late for the flight." slots : {slot: {group:
    words}}; the first words of all groups make the first pair, and so on; slots of one template
    change together. by : an attribute of the data; then the rows of one entity are one pair.
    answers : classes, or tokens that may come next; without any the explained class.

    Every answer and every two groups are compared: intervals hold together, and p-values are
    Holm's. They generalise over words, or over templates, whichever are more.

    Reference: Kiritchenko & Mohammad 2018, doi:10.18653/v1/S18-2005; Holm 1979, Scandinavian
    Journal of Statistics 6(2), 65–70.
    """

    reveals = "aggregate"
    category = "fairness"
    modalities = frozenset({"text"})
    tasks = CLASS_TASKS
    reads = frozenset({"dataset", "classifier", "read_texts"})
    bounds = {"prompt_gap": SHARE}
    tables = {
        "pairs": TableType.of(PromptPair, "bias", release=TableRelease(counts=("n",))),
        "templates": TableType(
            columns_of("template answer group compared n:count difference:points"),
            section="bias",
            folded=True,
            most=20,
        ),
    }

    templates: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...], Field(max_length=200)
    ] = ()
    slots: Annotated[dict[str, GroupWords], Field(max_length=10)] = field(default_factory=dict)
    by: str | None = None
    answers: Annotated[tuple[str, ...], Field(max_length=20)] = ()

    def __post_init__(self) -> None:
        problem = _problem(self.templates, self.slots)
        if problem:
            raise ValueError(problem)

    def measure(self, context: MeasureContext) -> Measurement:
        target = context.dataset.schema.target
        answers = self._answers(target)
        if self.templates:
            prompts = self._of_templates(context, list(answers.values()))
        elif self.by is not None:
            prompts = self._of_rows(context, list(answers.values()))
        else:
            raise NotApplicableError(message("refusals.no_prompt_pairs"))
        table = prompts.rows(list(answers))
        by_template = self._by_template(prompts, list(answers)) if self.templates else []
        frames = {
            "pairs": self.frame("pairs", table),
            **(self.frames(templates=by_template) if by_template else {}),
        }
        return Measurement((self._gap(table),), frames, notes=tuple(self._notes(prompts)))

    def _answers(self, target: Target) -> dict[str, int]:
        """{answer: its class}; NotApplicableError: there is no such class."""
        if not self.answers:
            return {target.explained_class: target.explained}
        places = {name: place for place, name in enumerate(target.classes)}
        if missing := [name for name in self.answers if name not in places]:
            raise NotApplicableError(
                message(
                    "refusals.no_such_answer", answers=missing, classes=list(target.classes[:12])
                )
            )
        return {name: places[name] for name in self.answers}

    def _of_templates(self, context: MeasureContext, answers: list[int]) -> PairedPrompts:
        if context.read_texts is None:
            raise NotApplicableError(message("refusals.no_texts_read"))
        groups = tuple(next(iter(self.slots.values())))
        filled = list(_filled(self.templates, self.slots))
        inputs = [context.read_texts([texts[g] for _, _, texts in filled]) for g in groups]
        alike = sum(int(_same(inputs[0], other).sum()) for other in inputs[1:])
        if alike == len(filled) * (len(groups) - 1):
            raise NotApplicableError(message("refusals.prompts_alike"))
        shares = [context.classifier.probabilities(rows)[:, answers] for rows in inputs]
        template = np.array([at for at, _, _ in filled])
        word = np.array([at for _, at, _ in filled])
        by_words = len(np.unique(word)) >= len(np.unique(template))
        drawn = Resampling.by(word if by_words else template, len(filled))
        return PairedPrompts(groups, np.stack(shares, axis=1), drawn, template, by_words, alike)

    def _of_rows(self, context: MeasureContext, answers: list[int]) -> PairedPrompts:
        """Each entity of the test part is a prompt, and the mean of its rows of a group counts."""
        rows: Split = context.dataset.test
        if self.by not in rows.groups or rows.entities is None:
            raise NotApplicableError(message("refusals.no_pair_columns", by=str(self.by)))
        attribute = context.dataset.schema.attribute(str(self.by))
        shares = context.classifier.probabilities(rows.inputs)[:, answers]
        codes = rows.groups[attribute.name]
        _, units = np.unique(rows.entities, return_inverse=True)
        n, levels = int(units.max(initial=-1)) + 1, len(attribute.levels)
        means = np.full((n, levels, len(answers)), np.nan)
        for unit, code in {(int(u), int(c)) for u, c in zip(units, codes, strict=True) if c >= 0}:
            means[unit, code] = shares[(units == unit) & (codes == code)].mean(axis=0)
        paired = (~np.isnan(means[:, :, 0])).sum(axis=1) > 1
        if not paired.any():
            raise NotApplicableError(message("refusals.no_pair_columns", by=attribute.name))
        kept = means[paired]
        drawn = Resampling.by(None, len(kept))
        return PairedPrompts(attribute.levels, kept, drawn, np.arange(len(kept)), False)

    def _by_template(
        self, prompts: PairedPrompts, answers: Sequence[str]
    ) -> list[tuple[str, str, str, str, int, float]]:
        """The mean difference in each template, the largest first."""
        rows = []
        for at, template in enumerate(self.templates):
            inside = prompts.template == at
            for (k, answer), (first, other) in itertools.product(
                enumerate(answers), prompts.pairs()
            ):
                shares = prompts.probabilities[inside][:, :, k]
                difference = float((shares[:, first] - shares[:, other]).mean())
                groups = prompts.groups[first], prompts.groups[other]
                rows.append((template, answer, *groups, int(inside.sum()), difference))
        return sorted(rows, key=lambda row: -abs(row[-1]))

    def _gap(self, table: Sequence[PromptPair]) -> Score:
        """The largest difference, with an interval that holds whichever it is."""
        known = all(row.difference.ends for row in table)
        least = max(max(row.low, -row.high, 0.0) for row in table) if known else None
        most = max(max(-row.low, row.high) for row in table) if known else None
        size, n = max(abs(row.difference.value) for row in table), max(row.n for row in table)
        gap = Estimate(size, least, most, n, message("interval_methods.students_of_mean"))
        return self.score("prompt_gap", gap, "lower", unit="share")

    def _notes(self, prompts: PairedPrompts) -> Iterator[Message]:
        units = prompts.drawn.n_units
        if not self.templates:
            yield message("notes.prompt_pairs.of_rows", n=units, by=str(self.by))
        else:
            yield message(
                "notes.prompt_pairs.of_templates",
                templates=len(self.templates),
                prompts=len(prompts.template) * len(prompts.groups),
                by_words=prompts.by_words,
                units=units,
            )
        if units < _FEWEST:
            yield message("notes.prompt_pairs.few", n=units, fewest=_FEWEST)
        if prompts.alike:
            yield message("notes.prompt_pairs.alike", n=prompts.alike)


def _same(inputs: Floats, other: Floats) -> Bools:
    """(row,) whether the model reads the same."""
    return np.asarray(same_values(inputs, other).all(axis=1))


def _filled(
    templates: Sequence[str], slots: Mapping[str, Mapping[str, Sequence[str]]]
) -> Iterator[tuple[int, int, dict[str, str]]]:
    """Each template with each word: (template, word, {group: text}); one word fits all others."""
    n = max(len(words) for groups in slots.values() for words in groups.values())
    for at, template in enumerate(templates):
        parts = _SLOT.split(template)  # texts between slots at even places, their names at odd ones
        for word in range(n):
            texts = {}
            for group in next(iter(slots.values())):
                lists = [slots[name][group] for name in parts[1::2]]
                words = [own[word if len(own) > 1 else 0] for own in lists]
                texts[group] = "".join(itertools.chain(*zip(parts[::2], [*words, ""], strict=True)))
            yield at, word, texts


def _problem(templates: Sequence[str], slots: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """What of the templates and the slots does not go together; empty where all does."""
    named = {name for template in templates for name in _SLOT.findall(template)}
    if unknown := sorted(named - set(slots)):
        return (
            f"templates name the slot {{{unknown[0]}}}, which `slots` lacks; allowed are "
            f"{', '.join(f'{{{name}}}' for name in slots) or 'none so far'}; add it, or correct it"
        )
    if plain := [template for template in templates if not _SLOT.search(template)]:
        return f"the template “{plain[0][:60]}” has no slot such as {{person}}; add one"
    groups = [tuple(words) for words in slots.values()]
    if len(set(groups)) > 1:
        return "all slots need the same groups in the same order; name them alike"
    sizes = {len(words) for of_group in slots.values() for words in of_group.values()} - {1}
    if len(sizes) > 1:
        return (
            f"groups have lists of {', '.join(map(str, sorted(sizes)))} words, and words at one "
            "place make a pair; give every group of every slot as many, or one for all"
        )
    prompts = len(templates) * max(sizes, default=1) * max(map(len, groups), default=1)
    if prompts > _MOST_PROMPTS:
        return f"these make {prompts} prompts; at most {_MOST_PROMPTS} are asked; name fewer"
    return ""
