"""What a model answered for the rows at hand, where the model itself is not given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NoReturn

import numpy as np

from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.models import ModelPart, Trainer, TrainingPlace
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.protocols.traits import GivenInPython, not_held
from deepseek_report.artifacts.schema import ALL_TASKS, LABEL_TASKS, Modality, Schema, TaskName
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.errors import ConfigError, NotApplicableError
from deepseek_report.models.estimators.design_matrix import match_classes
from deepseek_report.models.estimators.estimator import scaled
from deepseek_report.models.given.callable_model import as_numbers, as_probabilities
from deepseek_report.tasks import task_of

_UNASKED = message("model_refusals.only_answers")


@dataclass(frozen=True)
class HeldAnswers:
    """What a model answered for the test rows as they were given, row by row.

    values : (row, class) probabilities or (row,) numbers. classes : of its columns.
    """

    values: Array
    classes: Sequence[object]


class AnsweredModel(ModelPart):
    """Base of what stands for a model of which nothing but its answers is known."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    unasked: ClassVar[Text] = _UNASKED
    comes_fitted: ClassVar[bool] = True


@dataclass(frozen=True)
class GivenAnswers(AnsweredModel, GivenInPython):
    """Predictions that were given in Python (`deepseek_report.report`) instead of a model.

    sha256 : of the predictions.
    """

    modalities: ClassVar[frozenset[Modality]] = frozenset({"table"})
    tasks: ClassVar[frozenset[TaskName]] = ALL_TASKS - LABEL_TASKS
    called: ClassVar[str] = "What was predicted elsewhere"

    sha256: str = ""

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """That there are no predictions, where this comes from a config."""
        del trusted
        return [not_held("the predictions", plural=True)] if self.held is None else []

    def source_digest(self) -> str:
        """SHA-256 of the predictions."""
        return self.sha256

    def build(self, schema: Schema, train: Split, seed: int) -> Floats:
        """(row, class) of every test row as given, in the order of the schema's classes."""
        del train, seed
        if self.held is None:
            raise ConfigError(self.problems(())[0])
        values, classes = self.held.values, self.held.classes
        if not task_of(schema.target).decides:
            return as_numbers(values, len(values), "predictions").reshape(-1, 1)
        shares = as_probabilities(values, len(values), classes, "predictions")
        positions = match_classes(list(classes), schema.target)
        return scaled(shares, positions, len(schema.target.classes))

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Why the predictions are not of these classes."""
        try:
            self.build(schema, train, 0)
        except ConfigError as error:
            return [str(error)]
        return []

    def wrap(self, module: Floats, schema: Schema, device: str) -> AnsweredRows:
        """The answers as a classifier that knows these rows alone."""
        del device
        return AnsweredRows(module, schema)

    def own_trainer(self) -> Trainer:
        """What only writes down that no model was given."""
        return _NoModel()

    def restore(self, built: Floats, train: Split, folder: Path) -> None:
        """Nothing is stored but what was predicted."""


class AnsweredRows(Classifier):
    """A classifier that gives the known answers for the rows of its data, and refuses all else."""

    name = "predictions given in Python"
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, answers: Floats, schema: Schema) -> None:
        self.module = answers
        self.schema = schema
        self.calls = 0

    def logits_of(self, instance_ids: Ints) -> Floats:
        """(instance, class) logs of the probabilities of these rows, or (instance, 1) numbers."""
        answers: Floats = self.module[instance_ids]
        return np.log(answers) if task_of(self.schema.target).decides else answers

    def _refuse(self, *inputs: object, **named: object) -> NoReturn:
        """The model is not here."""
        raise NotApplicableError(_UNASKED)

    logits = probabilities = log_odds = label_probabilities = randomised = _refuse


@dataclass(frozen=True)
class _NoModel(Trainer):
    """Writes the training folder of a model that is not here."""

    def fit(
        self, module: Floats, dataset: Dataset, place: TrainingPlace, progress: Progress
    ) -> None:
        """Write what a training folder holds, as far as it applies."""
        what = "probabilities" if task_of(dataset.schema.target).decides else "numbers"
        summary = f"A model that is not here: its {what} were given in Python, row by row."
        keep_answers(module, "Predictions only", summary, place, progress)


def keep_answers(
    answers: Floats, name: str, summary: str, place: TrainingPlace, progress: Progress
) -> None:
    """Write the answers of a model that is not here, its name and what it is."""
    from deepseek_report.models.own import came_trained

    progress.start("training", 1)
    came_trained.save_answers(place.folder, answers)
    described: dict[str, object] = {
        "name": name,
        "summary": summary,
        "parameters": None,
        "layers": [],
    }
    came_trained.write_folder(place, described, origin=came_trained.ANSWERS_GIVEN)
    progress.advance()
