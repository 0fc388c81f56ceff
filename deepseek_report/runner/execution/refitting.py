"""The run's model fitted anew to other rows, by the same settings and another seed."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols import models
from deepseek_report.artifacts.protocols.classifier import ChangedInputs, Classifier
from deepseek_report.artifacts.protocols.metrics import NO_CHANGE, FitChange
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.config.experiment import Experiment
from deepseek_report.data_kinds.base import typical_row

if TYPE_CHECKING:
    from torch import Tensor


#: Parameters of an estimator that say how many trees it grows.
_TREES = ("n_estimators", "max_iter", "num_boost_round", "iterations")
#: Counted work of all fits of one metric: rows × trees, and rows × parameters × epochs of networks.
MOST_OF_ESTIMATORS, MOST_OF_NETWORKS = 100_000_000, 2_000_000_000


@dataclass(frozen=True)
class ModelRefits:
    """See `Refits` of the protocols.

    training : the folder of the run's own training.
    """

    experiment: Experiment
    dataset: Dataset
    device: str
    training: Path

    @property
    def is_network(self) -> bool:
        return self._own_trainer is None

    @cached_property
    def work(self) -> int:
        model, train = self.experiment.model, self.dataset.train
        if trees := model.trees_grown(self.training):
            return len(train) * trees
        built = model.build(self.dataset.schema, train, 0)
        if self._own_trainer is not None:
            return len(train) * _trees(built)
        parameters = sum(parameter.numel() for parameter in built.parameters())
        return int(self.experiment.trainer.planned_rows(len(train)) * parameters)

    @property
    def most_work(self) -> int:
        return MOST_OF_NETWORKS if self.is_network else MOST_OF_ESTIMATORS

    @property
    def keeps_directions(self) -> bool:
        if self.is_network:
            return False
        built = self.experiment.model.build(self.dataset.schema, self.dataset.train, 0)
        return bool(getattr(built, "keeps_directions", False))

    def __call__(
        self, rows: Ints, seed: int | None = None, change: FitChange = NO_CHANGE
    ) -> Classifier:
        data = self.dataset
        typical = typical_row(data.train.inputs, data.schema) if change.withheld else None
        parts = data.train.take(rows), data.validation
        train, validation = (_without(part, change.withheld, typical) for part in parts)
        learnt = dataclasses.replace(data, train=train, validation=validation)
        classifier = self.fitted_to(learnt, seed, change)
        return classifier if typical is None else _Withheld(classifier, change.withheld, typical)

    def fitted_to(
        self, data: Dataset, seed: int | None = None, change: FitChange = NO_CHANGE
    ) -> Classifier:
        """The model fitted to the training part of other data of the same schema.

        Without a seed it is drawn by that of the run.
        """
        model = self.experiment.model
        if model.can_fit_anew:
            fitted = model.fitted_anew(data.schema, data.train, seed)
        else:
            fitted = self._trained(data, seed, change)
        classifier: Classifier = model.wrap(fitted, data.schema, self.device)
        return classifier

    def checkpoints(self, count: int) -> list[Classifier]:
        model, data = self.experiment.model, self.dataset
        if not self.is_network:
            return []
        seed = self.experiment.seeds.training
        built = model.build(data.schema, data.train, seed)
        kept = _Snapshots(built, count)
        with TemporaryDirectory(prefix="deepseek-report-") as folder:
            trainer = self.experiment.trainer
            trainer.fit(built, data, models.TrainingPlace(Path(folder), seed, self.device), kept)
        classifiers = []
        for state in kept.states:
            again = model.build(data.schema, data.train, seed)
            again.load_state_dict(state)
            classifiers.append(model.wrap(again, data.schema, self.device))
        return classifiers

    def _trained(self, data: Dataset, seed: int | None, change: FitChange) -> Any:
        """The model after a training like that of the run."""
        seed = self.experiment.seeds.training if seed is None else seed
        built = self.experiment.model.build(data.schema, data.train, seed)
        if change.directions is not None:
            built.keep_directions(change.directions)
        trainer = self._own_trainer or self.experiment.trainer
        with TemporaryDirectory(prefix="deepseek-report-") as folder:
            place = models.TrainingPlace(Path(folder), seed, self.device)
            penalty, revision = None, self.experiment.revision
            if revision is not None and change == NO_CHANGE:
                penalty = revision.penalty(self.experiment, self.training, data)
            if penalty is not None and isinstance(trainer, models.PenaltyTrainer):
                trainer.fit(built, data, place, Silent(), penalty)
            else:
                trainer.fit(built, data, place, Silent())
        return built

    @cached_property
    def _own_trainer(self) -> models.Trainer | None:
        return self.experiment.model.own_trainer()


class _Snapshots:
    """A `Progress` that copies the weights of a module at points evenly spread over a training.

    A trainer tells it of every step once the step is done.
    """

    def __init__(self, module: ExplainableModule, count: int) -> None:
        self._module, self._count = module, count
        self._due: list[int] = []
        self._steps = 0
        self.states: list[dict[str, Tensor]] = []

    def start(self, what: str, total: int | None) -> None:
        parts = range(1, self._count + 1)
        self._due = [part * (total or 0) // (self._count + 1) for part in parts]

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._steps += steps
        if self._due and steps and self._steps >= self._due[0]:
            self._due.pop(0)
            self.states.append(copy.deepcopy(self._module.state_dict()))


class _Withheld(ChangedInputs):
    """A classifier that is asked about rows without some inputs."""

    def __init__(self, classifier: Classifier, columns: tuple[int, ...], typical: Floats) -> None:
        self.classifier, self._columns, self._typical = classifier, list(columns), typical

    def __getattr__(self, name: str) -> Any:
        return getattr(self.classifier, name)

    def decided(self, inputs: Floats) -> Ints | None:
        return self.classifier.decided(self.changed(inputs))

    def changed(self, inputs: Floats) -> Floats:
        held = np.array(inputs, dtype=np.float64)
        held[:, self._columns] = self._typical[self._columns]
        return held


def _without(part: Split, columns: tuple[int, ...], typical: Floats | None) -> Split:
    """The part with the typical values in these columns of every row."""
    if typical is None:
        return part
    inputs = part.inputs.copy()
    inputs[:, list(columns)] = typical[list(columns)]
    return dataclasses.replace(part, inputs=inputs)


def refits_of(
    experiment: Experiment, dataset: Dataset, device: str, training: Path
) -> ModelRefits | None:
    """None where the model came fitted and nothing says how, or only its answers are known."""
    return ModelRefits(experiment, dataset, device, training) if experiment.can_refit else None


def _trees(built: object) -> int:
    """How many trees an estimator grows, 1 where it grows none; steps of a pipeline are asked."""
    estimator = getattr(built, "estimator", built)
    known = estimator.get_params() if hasattr(estimator, "get_params") else {}
    counts = [
        value
        for name, value in known.items()
        if name.rpartition("__")[2] in _TREES and isinstance(value, int)
    ]
    return max([1, *counts])
