"""What trains a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

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
