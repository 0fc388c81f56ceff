"""Chains of thought that a model wrote elsewhere, and its answers without and with a hint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.codes import sorted_codes, truth_of
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Attribute, Target
from deepseek_report.artifacts.split import DECIDED, Dataset
from deepseek_report.datasets.assembly import column_declarations
from deepseek_report.datasets.assembly.assemble import Origin
from deepseek_report.datasets.assembly.cell_encoding import EncodedTarget
from deepseek_report.datasets.assembly.texts import Corpus, TextRule, assemble_texts
from deepseek_report.datasets.data_card import Description
from deepseek_report.datasets.readers.cells import Cells, observed, read_cells
from deepseek_report.datasets.readers.table_file import ReadTable
from deepseek_report.datasets.sources.text_file import TextRows, strings
from deepseek_report.datasets.splitting import Duplicates, Shares
from deepseek_report.extensions.language_models.chain_of_thought import (
    ACKNOWLEDGED,
    AFTER,
    HINT,
    HINTED,
    WITH,
    WITHOUT,
)

if TYPE_CHECKING:
    import pandas as pd

#: Answers to choose from, and kinds of hint.
_MOST_ANSWERS, _MOST_KINDS = 26, 50
#: Longest name of a change, so that they are sorted by their numbers.
_LONGEST = 8
_CHANGE = re.compile(r"cut_[0-9]{1,2}|filler|mistake")
#: Checks that are told of: the others ask what a model would learn from the texts, and none does.
_TOLD = frozenset({"damaged_signs", "duplicates", "population_limits"})
Phrase = Annotated[str, Field(min_length=2, max_length=200)]


@dataclass(frozen=True)
class Traces(Shares, TextRule, TextRows):
    """Chains of thought and answers from a CSV, TSV, Parquet, Excel or JSON Lines file.

    A row is a pair of prompts that are alike but for a hint.

    pair : column of the question, of which several rows may be. hint : of the kind of hint.
    hinted : of the answer that the hint names. without, answer : of the answers without the hint
    and with it. chain : of the chain of thought with the hint. prompt : of the prompt with it.
    right : of the right answer; without it the answer without the hint counts as right.
    acknowledged : column that says yes or no, whether the chain names the hint as what moved the
    answer. judged_by : who judged that. phrases : where no column is named, a chain names the hint
    that holds one of these, in either case of letters.
    after : {change: column} of answers after the chain was changed; a change is `cut_25` (25 % of
    the chain kept), `filler` or `mistake`.
    title, limits : what the report says of the file.
    tokenizer, max_length, vocabulary, hide : see `texts.TextRule`.
    separator, encoding, decimal, missing_values, sheet : see `file_form.FileForm`.
    bounds : how much the file may hold, see `file_form.ReadLimits`.
    """

    wanted: ClassVar[tuple[tuple[str, str], ...]] = (("path", "the path of a file of traces"),)

    pair: str = "pair"
    hint: str = "hint"
    hinted: str = "hinted_answer"
    without: str = "answer_without"
    answer: str = "answer_with"
    chain: str = "chain"
    prompt: str | None = None
    right: str | None = None
    acknowledged: str | None = None
    judged_by: Annotated[str, Field(max_length=200)] = ""
    phrases: Annotated[tuple[Phrase, ...], Field(max_length=200)] = ()
    after: Annotated[dict[str, str], Field(max_length=24)] = field(default_factory=dict)
    title: str = ""
    limits: tuple[str, ...] = ()
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.8
    duplicates: Duplicates = "apart"

    @property
    def nature(self) -> DataTraits:
        return DataTraits("text", "classification", groups=frozenset({"other"}))

    @property
    def description(self) -> Description:
        """What the card says of the file."""
        title = self.title or Path(str(self.path)).stem
        return Description("traces", title, limits=self.limits)

    def source_digest(self) -> str:
        """SHA-256 of the file, and what decides the tokens."""
        return self.digest(super().source_digest())

    def _rules(self) -> list[str]:
        wrong = [name for name in self.after if not _CHANGE.fullmatch(name)]
        return [
            *self.rule.problems(),
            *self.tokenizer_problems(),
            *column_declarations.config_problems(
                (
                    self.acknowledged is None and not self.phrases,
                    "nothing says which chains name the hint",
                    "a column of yes and no, or a list of phrases",
                    "set `dataset.acknowledged` to a column, or `dataset.phrases` to [phrase, …]",
                ),
                (
                    bool(wrong),
                    f"`dataset.after` names {', '.join(f'`{name}`' for name in wrong)}",
                    "cut_0 to cut_99, filler, mistake",
                    "correct it",
                ),
            ),
        ]

    @property
    def _columns(self) -> list[tuple[str, str]]:
        """(field, column) of every column that is read."""
        named = ("pair", "hint", "hinted", "without", "answer", "chain")
        maybe = ("prompt", "right", "acknowledged")
        chosen = [(name, getattr(self, name)) for name in (*named, *maybe)]
        return [
            *((name, column) for name, column in chosen if column is not None),
            *((f"after.{change}", column) for change, column in self.after.items()),
        ]

    def _unknown_columns(self, names: Sequence[str]) -> list[str]:
        return column_declarations.not_columns(str(self.path), self._columns, names)

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, split, cut into tokens, describe and check.

        Raises DataError: the file or what is declared about it cannot be used.
        """
        progress.start("Load the data", 2)
        file, read = self._read_checked()
        columns = _TraceColumns(self, read, file)
        corpus = columns.corpus()
        progress.advance()
        origin = Origin(file, read.sha256, self.description, read.notes)
        dataset = assemble_texts(corpus, origin, self, self.rule, seed)
        progress.advance()
        questions = columns.questions
        issues = tuple(issue for issue in dataset.issues if issue.check in _TOLD)
        # No model learns from a part, so that one question may stand in several.
        train, validation, test = (
            replace(rows, entities=questions[rows.instance_ids])
            for rows in (dataset.train, dataset.validation, dataset.test)
        )
        n, tested = len(np.unique(questions)), len(np.unique(questions[test.instance_ids]))
        observations = {"entity": self.pair, "rows_of": n, "tested_of": tested}
        observations = dataset.card["observations"] | observations
        card = {**dataset.card, DECIDED: columns.decided(), "observations": observations}
        read_of = self.digest(read.sha256)
        return Dataset(dataset.schema, train, validation, test, card, issues, read_of)


@dataclass(frozen=True)
class _TraceColumns:
    """The columns of a file of traces, as attributes of texts."""

    traces: Traces
    read: ReadTable
    file: str

    @property
    def frame(self) -> pd.DataFrame:
        return self.read.frame

    def corpus(self) -> Corpus:
        """The texts, the right answers and all else as attributes."""
        traces = self.traces
        answers, codes = self._answers()
        kinds = self._cells(traces.hint)
        levels = tuple(observed(kinds))
        if len(levels) > _MOST_KINDS:
            raise column_declarations.data_error(
                self._where(traces.hint),
                f"{len(levels)} kinds of hint",
                f"at most {_MOST_KINDS}",
                "name the column of kinds by `dataset.hint`",
            )
        groups = {HINT: kinds.among(levels), ACKNOWLEDGED: self._acknowledged()}
        groups |= {name: codes[name] for name in (HINTED, WITHOUT, WITH, *self._after)}
        labels = codes["right"]
        if (labels < 0).any():
            raise column_declarations.data_error(
                self._where(traces.right or traces.without),
                f"no answer in {column_declarations.rows_text(labels < 0)}",
                "an answer in each row",
                "leave these rows out",
            )
        target = Target("right_answer", "Right answer", answers, explained=0)
        texts = strings(self.frame[traces.chain])
        if traces.prompt is not None:
            prompts = strings(self.frame[traces.prompt])
            texts = [f"{prompt}\n\n{chain}" for prompt, chain in zip(prompts, texts, strict=True)]
        return Corpus(
            texts,
            EncodedTarget(target, labels),
            (Attribute(HINT, "Kind of hint", levels, kind="other", partial=True),),
            groups,
        )

    @property
    def questions(self) -> Ints:
        """(row,) the same number for rows of one question; a row without one is on its own."""
        cells = self._cells(self.traces.pair)
        alone = len(cells.codes) + np.arange(len(cells.positions))
        return np.where(cells.missing, alone, cells.positions)

    @property
    def _after(self) -> dict[str, str]:
        """{attribute: column} of the answers after changes, those that keep least first."""
        order = sorted(
            self.traces.after, key=lambda name: (not name.startswith("cut_"), name.zfill(_LONGEST))
        )
        return {f"{AFTER}{name}": self.traces.after[name] for name in order}

    def _answers(self) -> tuple[tuple[str, ...], Mapping[str, Ints]]:
        """All answers that occur, and {role: (row,) which of them, −1 for none}."""
        traces = self.traces
        named = {
            HINTED: traces.hinted,
            WITHOUT: traces.without,
            WITH: traces.answer,
            "right": traces.right or traces.without,
            **self._after,
        }
        cells = {role: self._cells(column) for role, column in named.items()}
        answers = tuple(sorted_codes({code for each in cells.values() for code in observed(each)}))
        if not 2 <= len(answers) <= _MOST_ANSWERS:
            raise column_declarations.data_error(
                self.file,
                f"{len(answers)} different answers",
                f"2 to {_MOST_ANSWERS} answers to choose from, such as A, B, C, D",
                "write answers by their letters, each in the same way",
            )
        return answers, {role: each.among(answers) for role, each in cells.items()}

    def _acknowledged(self) -> Ints:
        """(row,) 1 where the chain names the hint, 0 where not, −1 where nobody judged it."""
        column = self.traces.acknowledged
        if column is None:
            return self._holds_phrase().astype(np.int64)
        cells = self._cells(column)
        truths = [truth_of(code) for code in cells.codes]
        wrong = [code for code, truth in zip(cells.codes, truths, strict=True) if truth is None]
        if wrong:
            raise column_declarations.data_error(
                self._where(column),
                f"`{wrong[0]}` is neither yes nor no",
                "yes, no or nothing",
                "correct it",
            )
        codes = np.array([*(int(truth is True) for truth in truths), -1], np.int64)
        return np.asarray(codes[cells.positions])

    def _holds_phrase(self) -> Bools:
        """(row,) whether the chain holds one of the phrases."""
        phrases = [_folded(phrase) for phrase in self.traces.phrases]
        chains = map(_folded, strings(self.frame[self.traces.chain]))
        return np.array([any(phrase in chain for phrase in phrases) for chain in chains], bool)

    def decided(self) -> dict[str, object]:
        """Who or what decided which chains name the hint, for the card."""
        traces = self.traces
        if traces.acknowledged is None:
            return {"phrases": list(traces.phrases)}
        judged = self._acknowledged() == 1
        missed = int((judged & ~self._holds_phrase()).sum()) if traces.phrases else None
        return {"by": traces.judged_by, "missed_by_phrases": missed, "named": int(judged.sum())}

    def _cells(self, column: str) -> Cells:
        return read_cells(self.frame[column], column, self.read.decimal)

    def _where(self, column: str) -> str:
        return f"{self.file}, column `{column}`"


def _folded(text: str) -> str:
    """In small letters, with one blank between words."""
    return " ".join(text.casefold().split())
