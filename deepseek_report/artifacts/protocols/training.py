"""What trains a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset


class Trainer(Protocol):
    """Trains a module."""

    def fit(
        self,
        module: Any,
        dataset: Dataset,
        folder: Path,
        seed: int,
        device: str,
        progress: Progress,
    ) -> None:
        """Train in place; write weights, history and summary to `folder`."""


@runtime_checkable
class PlansRows(Protocol):
    """The optional part of a Trainer that goes through the training rows again and again."""

    def planned_rows(self, n_train: int) -> int:
        """How many rows the model evaluates at most, each as often as it is seen."""
