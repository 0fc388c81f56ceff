"""What can be set of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

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
