"""Fits an estimator once for a training folder, and again wherever it is needed.

Estimators have no form of storage that is safe, whole and the same byte for byte: pickles run code,
and skops files differ from one writing to the next. Fitting is repeatable, so the folder keeps what
a fitted estimator predicted for some training rows, and one that is fitted again must predict the
same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.protocols.models import Trainer, TrainingPlace
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.errors import ArtifactError
from deepseek_report.models.estimators.estimator import Fitted
from deepseek_report.models.own import came_trained

_CHECKED = 200
_LARGEST_DIFFERENCE = 1e-6
#: The estimator that this process fitted last, by its training folder.
_FITTED: dict[Path, Fitted] = {}


class FittedModel(Protocol):
    """What is fitted in one go, and then answers."""

    def fit(self, train: Split) -> None: ...

    def probabilities(self, inputs: Floats) -> Floats: ...

    def describe(self) -> dict[str, object]: ...


@dataclass(frozen=True)
class EstimatorTrainer(Trainer):
    """Fits an estimator on the training part.

    loaded : it came fitted. origin : the note on where one that came fitted is from.
    """

    loaded: bool
    origin: Message = came_trained.CAME_TRAINED

    def fit(
        self, module: FittedModel, dataset: Dataset, place: TrainingPlace, progress: Progress
    ) -> None:
        """Fit in place; write what a training folder holds, as far as it applies."""
        progress.start("training", 1)
        started = time.perf_counter()
        if not self.loaded:
            module.fit(dataset.train)
        seconds = time.perf_counter() - started
        answers = module.probabilities(dataset.train.inputs[:_CHECKED])
        came_trained.save_answers(place.folder, answers)
        rows = 0 if self.loaded else len(dataset.train)
        came_trained.write_folder(place, module.describe(), rows, seconds, self.origin)
        progress.advance()


def fit_again(built: Fitted, train: Split, folder: Path, *, seeded: bool) -> None:
    """Fit as in the training of this folder, once a process.

    seeded : whether it drew from the run's seed.
    """
    if folder not in _FITTED:
        if seeded:
            built.draw_from(int(load_json(folder / "training.json")["seed"]))
        built.fit(train)
        _FITTED.clear()
        _FITTED[folder] = built
    built.estimator = _FITTED[folder].estimator


def check(built: FittedModel, train: Split, folder: Path) -> None:
    """Raise ArtifactError where the estimator predicts something else than after its training."""
    expected = came_trained.load_answers(folder)
    answers = built.probabilities(train.inputs[: len(expected)])
    same = answers.shape == expected.shape
    apart = np.abs(answers - expected) / np.maximum(np.abs(expected), 1.0) if same else np.inf
    difference = np.max(apart, initial=0.0)
    if difference > _LARGEST_DIFFERENCE:
        raise ArtifactError(
            f"{folder}: the estimator predicts something else than after its training (largest "
            f"difference {difference:.2g}). Give it a random_state, and share no store between "
            "machines; then train again"
        )
