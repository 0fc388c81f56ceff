"""Prompts and their answers from a file of the user's own, token by token, for a language model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.written_texts import joined
from deepseek_report.datasets.assembly.assemble import EncodedTable, assemble
from deepseek_report.datasets.assembly.column_declarations import (
    config_problems,
    data_error,
    grouped,
)
from deepseek_report.datasets.assembly.row_metadata import RowMetadata
from deepseek_report.datasets.assembly.texts import token_places
from deepseek_report.datasets.readers.table_file import ReadTable
from deepseek_report.datasets.readers.tokenizing import NOUNS, CutText, Tokenizer, is_chinese, learn
from deepseek_report.datasets.sources.text_file import TextFile, strings
from deepseek_report.datasets.splitting import FEWEST_OF_A_CLASS, GroupConstraint
from deepseek_report.extensions.language_models.known_tokens import KnownTokens

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Place:
    """A place of an answer: the prompt's row in the file, what stands before it, what follows.

    shown : what follows, as it is written; empty where the tokenizer does not tell.
    """

    row: int
    before: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    follows: int
    shown: str = ""


@dataclass(frozen=True)
class PromptsFile(TextFile):
    """Prompts and answers of your own, for a language model from a checkpoint.

    Each token of an answer is a row: the prompt with the answer so far, and the token that follows.
    The rows of one prompt stay in one part and count as one. The classes are the tokens that occur
    in `FEWEST_OF_A_CLASS` places at least, the `max_classes` most frequent ones; places with others
    are left out, and the report says how many.

    text : the column of prompts. target : the column of answers. tokenizer : the checkpoint.
    max_length : places of a row; of what is longer the start is lost.

    The other fields are those of `TextFile`; `entity`, `time` and `hide` do not apply.
    """

    @property
    def nature(self) -> DataTraits:
        return DataTraits("text", "classification", groups=self._kinds)

    def _rules(self) -> list[str]:
        unused = [
            name
            for name in ("entity", "time", "label_separator", "hide", "positive", "favourable")
            if getattr(self, name)
        ]
        return [
            *super()._rules(),
            *config_problems(
                (
                    self.tokenizer in NOUNS,
                    f"`dataset.tokenizer` is `{self.tokenizer}`",
                    "the checkpoint of the model, whose tokens follow one another",
                    "set dataset.tokenizer=${model.checkpoint}",
                ),
                (
                    bool(unused),
                    f"`dataset.{unused[0] if unused else ''}` is set",
                    "nothing: each prompt is an entity of its own, and the classes are tokens",
                    "remove it",
                ),
            ),
        ]

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, cut into tokens, make a row of each token of an answer, split, describe and check.

        Raises DataError: the file cannot be used, or no two tokens are frequent enough.
        """
        progress.start("Load the data", 2)
        file, read = self._read_checked()
        tokenizer = learn(self.tokenizer, [], self.vocabulary)
        texts, places = self._places(read.frame, tokenizer)
        classes, kept, notes = self._classes(places, file)
        progress.advance()
        table = self._table(read, tokenizer, texts, (classes, kept), notes)
        dataset = assemble(table, self._origin(file, read), self.rule, seed)
        progress.advance()
        return replace(dataset, read=self.digest(read.sha256))

    def _places(self, frame: pd.DataFrame, tokenizer: Tokenizer) -> tuple[list[str], list[_Place]]:
        """The whole texts, and all places of their answers."""
        prompts, answers = strings(frame[self.text]), strings(frame[self.targets[0]])
        texts = [
            prompt + _between(prompt) + answer
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
        whole, alone = tokenizer.cut(texts), tokenizer.cut(prompts)
        places: list[_Place] = []
        for row, (text, prompt) in enumerate(zip(whole, alone, strict=True)):
            places += _of_text(row, texts[row], (text, prompt), self.max_length)
        return texts, places

    def _classes(
        self, places: list[_Place], file: str
    ) -> tuple[list[int], list[_Place], tuple[Message, ...]]:
        """The tokens that are classes, the places where one of them follows, and what is left."""
        counts = Counter(place.follows for place in places)
        often = sorted(
            (t for t, n in counts.items() if n >= FEWEST_OF_A_CLASS), key=lambda t: (-counts[t], t)
        )
        classes = often[: self.max_classes]
        if len(classes) < 2:
            raise data_error(
                file,
                f"{len(places)} places of answers, and {len(classes)} tokens follow in "
                f"{FEWEST_OF_A_CLASS} of them at least",
                "two tokens that are each the answer of several prompts",
                "give more prompts, or answers in fewer words",
            )
        chosen = set(classes)
        kept = [place for place in places if place.follows in chosen]
        of, left, n_prompts = len(places), len(places) - len(kept), len({at.row for at in kept})
        notes = [message("preparation.continuations", prompts=n_prompts, places=len(kept))]
        if left:
            fewest = FEWEST_OF_A_CLASS
            notes.append(message("preparation.rare_tokens", left=left, of=of, fewest=fewest))
        return classes, kept, tuple(notes)

    def _table(
        self,
        read: ReadTable,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        chosen: tuple[list[int], list[_Place]],
        notes: tuple[Message, ...],
    ) -> EncodedTable:
        classes, kept = chosen
        width = max(len(place.before) for place in kept)
        inputs = np.full((len(kept), width), np.nan)
        written = {}
        for at, place in enumerate(kept):
            spans = np.full((width, 2), -1, dtype=np.int32)
            inputs[at, : len(place.before)] = place.before
            if place.spans:
                spans[: len(place.spans)] = place.spans
            written[at] = texts[place.row], spans
        rows = np.array([place.row for place in kept], dtype=np.int64)
        labels = np.array([classes.index(place.follows) for place in kept], dtype=np.int64)
        attributes, groups = grouped(
            self._group(read.frame[name], "", read.decimal) for name in self.compared
        )
        groups = {name: own[rows] for name, own in groups.items()}
        features, layout = token_places(tokenizer.tokens, tokenizer.noun, tokenizer.mask, width)
        name, codes = self.targets[0], tuple(f"token {token}" for token in classes)
        target = Target(name, name, _names(classes, kept, tokenizer), explained=0, codes=codes)
        schema = Schema(features, target, attributes, layout)
        split = Split(inputs, labels, np.arange(len(kept)), groups)
        encoder = KnownTokens(schema, tokenizer.description, written, tokenizer.noun)
        units = RowMetadata(entity=str(self.text), units=rows)
        together = units.named(GroupConstraint(units=rows))
        return EncodedTable(schema, split, notes, together, learn=lambda _: encoder)


def _between(prompt: str) -> str:
    """What stands between a prompt and its answer: a blank, where words are told apart by them."""
    last = prompt[-1:]
    return "" if not last or last.isspace() or is_chinese(last) else " "


def _of_text(row: int, text: str, cut: tuple[CutText, CutText], most: int) -> list[_Place]:
    """The places of one answer: behind the tokens that the prompt has with it and without.

    cut : the whole text, and the prompt alone.
    """
    whole, prompt = cut
    same = takewhile(
        lambda pair: pair[0] == pair[1], zip(whole.tokens, prompt.tokens, strict=False)
    )
    first = max(1, sum(1 for _ in same))
    written = [text[start:end] for start, end in whole.spans] or [""] * len(whole.tokens)
    return [
        _Place(
            row,
            tuple(whole.tokens[max(0, end - most) : end]),
            tuple(whole.spans[max(0, end - most) : end]),
            whole.tokens[end],
            written[end],
        )
        for end in range(first, len(whole.tokens))
    ]


def _names(classes: list[int], kept: list[_Place], tokenizer: Tokenizer) -> tuple[str, ...]:
    """What people call the tokens; those that read alike with their number behind."""
    shown = {place.follows: place.shown for place in kept}
    plain = [shown[token] or joined([tokenizer.tokens[token]]) or "?" for token in classes]
    alike = Counter(plain)
    return tuple(
        name if alike[name] == 1 else f"{name} ({token})"
        for name, token in zip(plain, classes, strict=True)
    )
