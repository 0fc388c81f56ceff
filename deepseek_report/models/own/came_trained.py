"""The training folder of a model that came trained, and what every training folder needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message, message, plain
from deepseek_report.artifacts.protocols.models import (
    HISTORY,
    MODEL_FILES,
    Trainer,
    TrainingPlace,
    untrained_facts,
)
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.files import load_arrays, save_arrays, save_json, save_table
from deepseek_report.artifacts.storage.weights import save_weights

#: What a reader must know of a model that was trained elsewhere.
CAME_TRAINED = message("training_notes.came_trained")
GIVEN_IN_PYTHON = message("training_notes.given_in_python")
ANSWERS_GIVEN = message("training_notes.answers_given")


#: The file of a training folder that says which model it holds, where the model is not stored.
_ANSWERS = MODEL_FILES[1]


def save_answers(folder: Path, answers: Floats) -> None:
    """Write what a model says of some rows, (row, class), to its training folder."""
    save_arrays(folder / _ANSWERS, probabilities=answers)


def load_answers(folder: Path) -> Floats:
    """What `save_answers` wrote."""
    answers: Floats = load_arrays(folder / _ANSWERS)["probabilities"]
    return answers


@dataclass(frozen=True)
class KeepWeights(Trainer):
    """Trains nothing: stores the weights that the module has, and says so."""

    def fit(
        self, module: ExplainableModule, dataset: Dataset, place: TrainingPlace, progress: Progress
    ) -> None:
        """Write what a training folder holds, as far as it applies."""
        del dataset
        progress.start("training", 1)
        save_weights(module, place.folder)
        write_folder(place, module.architecture())
        progress.advance()


def write_folder(
    place: TrainingPlace,
    architecture: Mapping[str, Any],
    rows: int = 0,
    seconds: float = 0.0,
    origin: Message = CAME_TRAINED,
) -> None:
    """Write all of a training folder but the model, for one that no epochs were run for.

    rows : how many it was fitted to; 0 means that it came trained. origin : the note on where a
    model that came trained is from.
    """
    folder = place.folder
    facts = untrained_facts(architecture["parameters"], place.seed, rows)
    save_json(folder / "training.json", facts | {"notes": plain([] if rows else [origin])})
    save_json(folder / "architecture.json", plain(architecture))
    save_table(folder / "history.parquet", pd.DataFrame(columns=list(HISTORY), dtype="float64"))
    timing = {
        "seconds": seconds,
        "seconds_per_epoch": None,
        "rows_per_second": rows / seconds if rows and seconds else None,
        "peak_memory": None,
    }
    save_json(folder / "times.json", timing)
