"""Refits of a run's model, and what stands for them in tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import NO_CHANGE, FitChange
from deepseek_report.artifacts.split import Dataset
from deepseek_report.runner.execution.refitting import ModelRefits


def refits_of(data: Dataset, model: Any, trainer: Any = None) -> ModelRefits:
    """The refits of a run of this model, whose training has the seed 3."""
    experiment: Any = SimpleNamespace(
        model=model, trainer=trainer, seeds=SimpleNamespace(training=3), revision=None
    )
    return ModelRefits(experiment, data, "cpu", Path())


@dataclass
class StubRefits:
    """Stands for the refits of a run, of which each counts so much work.

    fit : gives the logits, as a function of inputs, of a fit by (rows, seed, change). requests :
        what each fit was to be made by.
    """

    data: Dataset
    fit: Callable[[np.ndarray, int | None, FitChange], Callable[[np.ndarray], np.ndarray]]
    is_network: bool = False
    work: int = 100
    most_work: int = 10_000
    keeps_directions: bool = False
    requests: list[tuple[np.ndarray, int | None, FitChange]] = field(default_factory=list)

    def __call__(
        self, rows: np.ndarray, seed: int | None = None, change: FitChange = NO_CHANGE
    ) -> Any:
        self.requests.append((rows, seed, change))
        fitted = Classifier()
        fitted.schema, fitted.logits = self.data.schema, self.fit(rows, seed, change)
        return fitted


def logistic_refits(data: Dataset, **fields: Any) -> StubRefits:
    """Fits logistic regressions to the training rows, without the inputs that are withheld."""
    return StubRefits(data, partial(_logistic, data), **fields)


def _logistic(
    data: Dataset, rows: np.ndarray, seed: int | None, change: FitChange
) -> Callable[[np.ndarray], np.ndarray]:
    kept = np.setdiff1d(np.arange(len(data.schema.features)), change.withheld)
    fitted = LogisticRegression().fit(data.train.inputs[rows][:, kept], data.train.labels[rows])
    return lambda inputs: np.asarray(fitted.predict_log_proba(inputs[:, kept]))
