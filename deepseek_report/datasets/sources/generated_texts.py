"""Generated texts for language models, of which it is known which tokens decide what follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.data_kinds.token_tasks import CARD, Brackets, Recall, TokenTask, to_card
from deepseek_report.datasets.assembly.assemble import EncodedTable, Origin, assemble
from deepseek_report.datasets.assembly.column_declarations import config_problems
from deepseek_report.datasets.assembly.texts import KnownTokens, token_places
from deepseek_report.datasets.data_card import generated_description
from deepseek_report.datasets.splitting import Shares

_DRAWN = message("preparation.tokens.drawn")
#: {task: which tokens decide}
_TRUTHS = {
    Recall.name: message("data_sets.recall.preparation.truth"),
    Brackets.name: message("data_sets.brackets.preparation.truth"),
}


@dataclass(frozen=True)
class TokenTaskData(Shares):
    """Rows of a task of tokens: the text up to an answer, and the token that follows.

    n : rows drawn. rows : keep only so many of them.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    """

    n: Annotated[int, Field(ge=100, le=100_000)] = 3000

    @property
    def task(self) -> TokenTask:
        """What the rows are drawn from."""
        raise NotImplementedError

    @property
    def nature(self) -> DataTraits:
        return DataTraits(
            "text",
            "classification",
            truth=True,
            groups=frozenset(),
            classes=len(self.task.answers),
            draws_sequences=True,
        )

    def problems(self) -> list[str]:
        return self.rule.problems()

    def source_digest(self) -> str:
        """Hash of what is drawn; the seed is part of the run."""
        return sha256(repr((self.n, self.task)).encode()).hexdigest()

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Draw, split, describe and check the rows."""
        progress.start("Load the data", 1)
        task = self.task
        drawn = task.rows(self.n, np.random.default_rng([seed, 31]))
        codes = tuple(f"token {task.tokens.index(answer)}" for answer in task.answers)
        target = Target("answer", "Next token", task.answers, explained=0, codes=codes)
        features, layout = token_places(task.tokens, "word", 0, drawn.values.shape[1])
        rows = Split(drawn.values, drawn.labels, np.arange(self.n), truth=drawn.truth)
        encoder = KnownTokens(Schema(features, target, layout=layout), _DRAWN)
        notes = (_TRUTHS[task.name],)
        table = EncodedTable(encoder.schema, rows, notes, learn=lambda _: encoder)
        about = generated_description(task.name, "generated")
        origin = Origin("generated, no file", self.source_digest(), about)
        dataset = assemble(table, origin, self.rule, seed)
        progress.advance()
        return replace(dataset, card={**dataset.card, CARD: to_card(task)})


@dataclass(frozen=True)
class RecallData(TokenTaskData):
    """Associative recall: pairs of a letter and a colour, and the colour of one letter asked for.

    pairs : of a row. keys, values : letters and colours that there are to draw from.
    n, rows, duplicates : see `TokenTaskData`.
    """

    pairs: Annotated[int, Field(ge=2, le=16)] = 6
    keys: Annotated[int, Field(ge=2, le=26)] = 16
    values: Annotated[int, Field(ge=2, le=16)] = 16

    @property
    def task(self) -> Recall:
        return Recall(self.pairs, self.keys, self.values)

    def problems(self) -> list[str]:
        most = min(self.keys, self.values)
        case = (
            self.pairs > most,
            f"`dataset.pairs` is {self.pairs}, and no key and no value may stand in two pairs",
            f"2 to {most}",
            "choose fewer pairs, or more keys and values",
        )
        return [*super().problems(), *config_problems(case)]


@dataclass(frozen=True)
class BracketsData(TokenTaskData):
    """Nested brackets of several kinds, and the next one that closes.

    pairs : brackets that a row would hold if it were closed. kinds : how many there are.
    n, rows, duplicates : see `TokenTaskData`.
    """

    pairs: Annotated[int, Field(ge=2, le=32)] = 8
    kinds: Annotated[int, Field(ge=2, le=8)] = 6

    @property
    def task(self) -> Brackets:
        return Brackets(self.pairs, self.kinds)
