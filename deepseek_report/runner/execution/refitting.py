"""The run's model fitted anew to other rows, by the same settings and another seed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.models import BringsTrainer, ComesFitted, OnlyAnswered
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.config.experiment import Experiment

#: Parameters of an estimator that say how many trees it grows.
_TREES = ("n_estimators", "max_iter", "num_boost_round", "iterations")


@dataclass(frozen=True)
class ModelRefits:
    """See `Refits` of the protocols."""

    experiment: Experiment
    dataset: Dataset
    device: str

    @property
    def is_network(self) -> bool:
        return self._own_trainer is None

    @cached_property
    def work(self) -> int:
        model, train = self.experiment.single["model"], self.dataset.train
        built = model.build(self.dataset.schema, train, 0)
        if self._own_trainer is not None:
            return len(train) * _trees(built)
        parameters = sum(parameter.numel() for parameter in built.parameters())
        epochs = int(getattr(self.experiment.single["trainer"], "max_epochs", 1))
        return int(len(train) * parameters * epochs)

    def __call__(self, rows: Ints, seed: int) -> Classifier:
        model, schema = self.experiment.single["model"], self.dataset.schema
        dataset = dataclasses.replace(self.dataset, train=self.dataset.train.take(rows))
        built = model.build(schema, dataset.train, seed)
        trainer = self._own_trainer or self.experiment.single["trainer"]
        with TemporaryDirectory(prefix="deepseek-report-") as folder:
            trainer.fit(built, dataset, Path(folder), seed, self.device, Silent())
        classifier: Classifier = model.wrap(built, schema, self.device)
        return classifier

    @cached_property
    def _own_trainer(self) -> Any:
        model = self.experiment.single["model"]
        return model.own_trainer() if isinstance(model, BringsTrainer) else None


def refits_of(experiment: Experiment, dataset: Dataset, device: str) -> ModelRefits | None:
    """None where the model came fitted, or only its answers are known."""
    model = experiment.single["model"]
    fitted = isinstance(model, ComesFitted) and model.comes_fitted
    if fitted or experiment.is_given or isinstance(model, OnlyAnswered):
        return None
    return ModelRefits(experiment, dataset, device)


def _trees(built: Any) -> int:
    """How many trees an estimator grows, 1 where it grows none; steps of a pipeline are asked."""
    estimator = getattr(built, "estimator", built)
    known = estimator.get_params() if hasattr(estimator, "get_params") else {}
    counts = [
        value
        for name, value in known.items()
        if name.rpartition("__")[2] in _TREES and isinstance(value, int)
    ]
    return max([1, *counts])
