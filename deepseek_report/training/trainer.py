"""The gradient trainer: its configuration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset

Schedule = Literal["cosine", "linear", "constant"]
PrecisionChoice = Literal["auto", "float32", "bf16", "fp16"]


@dataclass(frozen=True)
class GradientTrainer:
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

    max_epochs: Annotated[int, Field(ge=1)] = 4
    min_steps: Annotated[int, Field(ge=0)] = 250
    batch_size: Annotated[int, Field(ge=1)] = 256
    accumulation: Annotated[int, Field(ge=1)] = 1
    learning_rate: Annotated[float, Field(gt=0)] = 5e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
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

    def most_epochs(self, n_train: int) -> int:
        """The most epochs that training may take, so that small data get steps enough."""
        steps = math.ceil(n_train / (self.batch_size * self.accumulation))
        return max(self.max_epochs, math.ceil(self.min_steps / steps))

    def planned_rows(self, n_train: int) -> int:
        """How many rows the model evaluates at most, each as often as it is seen."""
        rows = min(n_train, self.max_rows or n_train)
        return rows * self.most_epochs(rows)

    def fit(
        self,
        module: Any,
        dataset: Dataset,
        folder: Path,
        seed: int,
        device: str,
        progress: Progress,
    ) -> None:
        """Train in place; write weights, history, summaries and TensorBoard events to `folder`."""
        from deepseek_report.training.session import Place, Session

        Session(self, module, dataset, Place(folder, seed, device)).run(progress)
