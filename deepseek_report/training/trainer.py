"""The gradient trainer: its configuration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.corrections import Way
from deepseek_report.artifacts.protocols.models import Penalty
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.data_kinds.cues import InputCue

Schedule = Literal["cosine", "linear", "constant"]
PrecisionChoice = Literal["auto", "float32", "bf16", "fp16"]


@dataclass(frozen=True)
class TrainingSettings:
    """How a training goes on and when it ends; `GradientTrainer` says what each field means."""

    max_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 4
    min_steps: Annotated[int, Field(ge=0, le=100_000_000)] = 250
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    accumulation: Annotated[int, Field(ge=1, le=100_000)] = 1
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 5e-3
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 1e-2
    schedule: Schedule = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.02
    balance_weight: Annotated[float, Field(ge=0)] = 0.01
    patience: Annotated[int, Field(ge=1)] = 2
    max_rows: Annotated[int, Field(ge=1)] | None = None
    precision: PrecisionChoice = "auto"
    compile: bool = False
    tensorboard: bool = True

    @property
    def rows_per_step(self) -> int:
        """Training rows of one optimiser step."""
        return self.batch_size * self.accumulation

    def most_epochs(self, n_train: int) -> int:
        """The most epochs that training may take, so that small data get steps enough."""
        steps = math.ceil(n_train / self.rows_per_step)
        return max(self.max_epochs, math.ceil(self.min_steps / steps))

    def planned_rows(self, n_train: int) -> int:
        """How many rows the model evaluates at most, each as often as it is seen."""
        rows = min(n_train, self.max_rows or n_train)
        return rows * self.most_epochs(rows)


@dataclass(frozen=True)
class GradientTrainer(TrainingSettings):
    """Trains by AdamW with early stopping on the validation loss; the best weights are kept.

    One optimiser step uses `batch_size` × `accumulation` rows. `max_rows` limits the training rows
    (None: all). `warmup` is the share of all steps in which the learning rate rises. The loss is
    cross-entropy with `label_smoothing`, plus `balance_weight` times the experts' balance loss.
    `patience` is the number of epochs without a better validation loss after which training stops.
    Where `max_epochs` would give fewer than `min_steps` optimiser steps, because the data are
    small, there are more epochs, and `patience` grows in the same proportion. `compile` lets
    torch.compile make faster code of the model, which costs a minute at the start and draws other
    random numbers; where it cannot, training goes on without, and the report says so.
    """

    def penalty_on(
        self, cues: Sequence[tuple[InputCue, Way]], weight: float, dataset: Dataset
    ) -> Penalty:
        """The term of the loss for cues that must not decide."""
        from deepseek_report.tasks import task_of
        from deepseek_report.training.penalties import CuePenalty

        variance = task_of(dataset.schema.target).spread(dataset.train.labels) ** 2
        return CuePenalty(tuple(cues), weight, dataset.train.inputs, dataset.schema, variance)

    def fit(
        self,
        module: ExplainableModule,
        dataset: Dataset,
        folder: Path,
        seed: int,
        device: str,
        progress: Progress,
        penalty: Penalty | None = None,
    ) -> None:
        """Train in place; write weights, history, summaries and TensorBoard events to `folder`.

        penalty : a term that is added to the loss, in training and on the validation part.
        """
        from deepseek_report.training.session import Place, Session

        Session(self, module, dataset, Place(folder, seed, device), penalty).run(progress)
