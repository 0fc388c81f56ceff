"""Answers that a data set of traces holds, in the place of the language model that gave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.models import Trainer, TrainingPlace
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import CLASS_TASKS, LABEL_TASKS, Modality, Schema, TaskName
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.errors import DataError
from deepseek_report.extensions.language_models.chain_of_thought import WITH
from deepseek_report.models.given.given_answers import AnsweredModel, AnsweredRows, keep_answers

#: What an answer that was not chosen counts as: probabilities of one recorded answer are 1 and 0.
_NEXT_TO_NOTHING = 1e-12


@dataclass
class RecordedTable:
    """(row, class) of every row of the data, once it is known; see `RecordedAnswers.restore`."""

    shares: Floats = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True)
class RecordedAnswers(AnsweredModel):
    """The answers with the hint that a data set of traces holds, instead of a model."""

    modalities: ClassVar[frozenset[Modality]] = frozenset({"text"})
    tasks: ClassVar[frozenset[TaskName]] = CLASS_TASKS - LABEL_TASKS
    called: ClassVar[str] = "The language model that wrote the traces"

    def build(self, schema: Schema, train: Split, seed: int) -> RecordedTable:
        """An empty table of answers."""
        del schema, train, seed
        return RecordedTable()

    def misfits(self, schema: Schema, train: Split) -> list[str]:
        """That the data hold no recorded answers."""
        del schema
        if WITH in train.groups:
            return []
        return ["model=recorded_answers needs data that hold answers, such as dataset=traces"]

    def wrap(self, module: RecordedTable, schema: Schema, device: str) -> AnsweredRows:
        """The answers as a classifier that knows these rows alone."""
        del device
        return AnsweredRows(module.shares, schema)

    def own_trainer(self) -> Trainer:
        """What writes the recorded answers down."""
        return _KeepAnswers()

    def restore(self, built: RecordedTable, train: Split, folder: Path) -> None:
        """Take the answers of all rows from a training folder."""
        from deepseek_report.models.own.came_trained import load_answers

        del train
        built.shares = load_answers(folder)


@dataclass(frozen=True)
class _KeepAnswers(Trainer):
    """Writes the training folder of a model that is known by its recorded answers."""

    def fit(
        self, module: RecordedTable, dataset: Dataset, place: TrainingPlace, progress: Progress
    ) -> None:
        """Write the answers of all rows, each with probability 1; an unknown one tells nothing."""
        rows, classes = dataset.every_part, dataset.schema.target.classes
        if WITH not in rows.groups:
            raise DataError("; ".join(RecordedAnswers().misfits(dataset.schema, dataset.train)))
        shares = np.full((int(rows.instance_ids.max()) + 1, len(classes)), 1 / len(classes))
        answers = rows.groups[WITH]
        known = answers >= 0
        shares[rows.instance_ids[known]] = np.where(
            np.arange(len(classes)) == answers[known][:, None], 1.0, _NEXT_TO_NOTHING
        )
        module.shares = shares
        summary = "A language model that is not here: its answers were recorded, row by row."
        keep_answers(shares, "Recorded answers", summary, place, progress)
