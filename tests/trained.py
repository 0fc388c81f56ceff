"""Models that are trained for a test, and a training that is killed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Progress, Silent
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.models.shared.loading import load_classifier

if TYPE_CHECKING:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def place_in(folder: Path, seed: int = 3) -> TrainingPlace:
    return TrainingPlace(folder, seed, "cpu")


def dataset_of(schema: Schema, train: Split) -> Dataset:
    """The first rows are the validation part too, and all of them are the test part."""
    return Dataset(schema, train, train.take(np.arange(min(60, len(train)))), train, card={})


def trained(
    plugin: Any,
    data: Dataset,
    folder: Path,
    *,
    trainer: Any = None,
    seed: int = 3,
    progress: Progress | None = None,
) -> Any:
    """The module of a plug-in, trained by a trainer of its own where it brings one."""
    module = plugin.build(data.schema, data.train, seed)
    own = plugin.own_trainer() if hasattr(plugin, "own_trainer") else None
    (own or trainer).fit(module, data, place_in(folder, seed), progress or Silent())
    return module


def classifier_of(plugin: Any, schema: Schema, train: Split, folder: Path) -> Any:
    """The classifier that was trained on these rows, in this process."""
    return plugin.wrap(trained(plugin, dataset_of(schema, train), folder), schema, "cpu")


def stored_classifier(plugin: Any, schema: Schema, train: Split, folder: Path, **named: Any) -> Any:
    """The classifier that was trained on these rows, read from its folder."""
    trained(plugin, dataset_of(schema, train), folder, **named)
    return load_classifier(plugin, schema, train, folder)


def events_in(folder: Path) -> EventAccumulator:
    """What TensorBoard reads in a folder, all of it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


class Interrupting(Silent):
    """Behaves as if the process were killed at one step."""

    def __init__(self, at: int) -> None:
        self.left = at

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left < 0:
            raise KeyboardInterrupt
