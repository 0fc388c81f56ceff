"""What a model and a trainer promise, and what a training folder holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.protocols.traits import Part
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.weights import WEIGHTS, load_weights

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TrainingPlace:
    """Where and from which seed a training runs; `folder` is what it writes."""

    folder: Path
    seed: int
    device: str


class Trainer:
    """Base of what trains a module."""

    def fit(self, module: Any, dataset: Dataset, place: TrainingPlace, progress: Progress) -> None:
        """Train in place; write weights, history and summary to the folder of `place`."""
        raise NotImplementedError

    def planned_rows(self, n_train: int) -> int:
        """How many rows the model evaluates at most, each as often as it is seen."""
        return n_train


class Penalty(Protocol):
    """A term that is added to the loss of a training."""

    def of(self, module: Any, rows: Any, seed: int) -> Any:
        """The term of a batch, a tensor without dimensions.

        Parameters
        ----------
        module : what is trained. rows : (instance, column) tensor in original units.
        seed : of what is drawn for the batch.
        """

    def describe(self) -> str:
        """What tells it from others, for the mark of an interrupted training."""


class PenaltyTrainer(Trainer):
    """Base of a trainer that can be given a term of the loss."""

    def fit(
        self,
        module: Any,
        dataset: Dataset,
        place: TrainingPlace,
        progress: Progress,
        penalty: Penalty | None = None,
    ) -> None:
        """As `Trainer.fit`; the best weights are those with the least loss and penalty."""
        raise NotImplementedError


class ModelPart(Part):
    """Base of a family of models: builds one, and makes a classifier of it.

    Data of another nature than its `modalities` and `tasks` are a problem that `check` reports.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the model hands out; every model says it."""
        raise NotImplementedError

    def capabilities_for(self, schema: Schema) -> frozenset[Capability]:
        """What the model of such data hands out, which may be less."""
        return self.capabilities

    def build(self, schema: Schema, train: Split, seed: int) -> Any:
        """A torch module (see ExplainableModule); statistics are taken from `train` alone."""
        raise NotImplementedError

    def wrap(self, module: Any, schema: Schema, device: str) -> Classifier:
        """The trained module as a classifier of original features."""
        raise NotImplementedError

    @property
    def called(self) -> str:
        """What sentences call it."""
        return type(self).__name__

    @property
    def libraries(self) -> tuple[str, ...]:
        """Modules of large libraries that make it, which are loaded once for all processes, before
        they start.
        """
        return ()

    def own_trainer(self) -> Trainer | None:
        """What trains instead of the configured trainer; None: the configured one."""
        return None

    def restore(self, built: Any, train: Split, folder: Path) -> None:
        """Make what `build` gave the trained model of a folder; by default its stored weights.

        Raises ArtifactError: it cannot be done.
        """
        load_weights(built, folder / WEIGHTS)

    def trees_grown(self, training: Path) -> int | None:
        """As how many trees of all features the fit in a training folder counts, where fits decide
        themselves how long they go on.
        """
        return None

    # What comes from the user's own code or files, named in its YAML.

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with them; code is loaded from packages in `trusted` alone."""
        return ()

    def source_digest(self) -> str:
        """Hash of them, so that edited code or another file is noticed; "" where there are none."""
        return ""

    def trusting(self, types: Sequence[str]) -> ModelPart:
        """The same, which loads these types of its file too; the person running it names them."""
        return self

    @property
    def reads_tokens_of(self) -> str | None:
        """The checkpoint whose tokens the texts must be cut into; None where any will do."""
        return None

    @property
    def needs_sequences(self) -> bool:
        """Whether it learns from token sequences that the data must be able to draw."""
        return False

    # Of a model that was fitted elsewhere.

    @property
    def comes_fitted(self) -> bool:
        """Whether the config names such a model."""
        return False

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Why a model from a file does not fit these data; empty where it does."""
        return ()

    @property
    def can_fit_anew(self) -> bool:
        """Whether it came fitted and somebody says how it is fitted again, by `fitted_anew`."""
        return False

    def fitted_anew(self, schema: Schema, train: Split, seed: int | None) -> Any:
        """What `build` gives, fitted to these rows; without a seed drawn as it was.

        Raises NotApplicableError: the fit failed, or gave no model of the same kind.
        """
        raise NotImplementedError

    @property
    def unasked(self) -> Text | None:
        """Why other rows cannot be asked about, as the end of a sentence; None where they can."""
        return None

    # What corrections change of it.

    def keeping(self, directions: Mapping[str, Any]) -> ModelPart:
        """The same, whose answer only "rises" or only "falls" with columns, by their names; as it
        is where that cannot be.
        """
        return self

    @property
    def edits(self) -> Sequence[object]:
        """What a person changes of what was fitted."""
        return ()

    def edited(self, edits: Sequence[object]) -> ModelPart | None:
        """The same with further edits; None where nothing can be edited."""
        return None

    def misfits_of_edits(self, schema: Schema, train: Split, fitted: Path | None) -> Sequence[str]:
        """What edits name that there is not; `fitted` holds the model without them, if stored."""
        return ()


# What every training folder holds, whoever trained: see `docs/contracts.md`.


@dataclass(frozen=True)
class EpochRecord:
    """A row of `history.parquet`, which has none where a model is not trained in epochs."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_score: float
    learning_rate: float
    gradient_norm: float
    balance_loss: float = math.nan


#: Columns of `history.parquet`.
HISTORY = tuple(field.name for field in fields(EpochRecord))


def history_table(records: Sequence[EpochRecord]) -> pd.DataFrame:
    """The content of `history.parquet`."""
    import pandas as pd

    kinds = {name: "int64" if name == "epoch" else "float64" for name in HISTORY}
    return pd.DataFrame(map(asdict, records), columns=list(HISTORY)).astype(kinds)


#: The file that says which model a training folder holds: its weights, or, where it is fitted again
#: from the data, what it predicted for some training rows. The first that is there counts.
MODEL_FILES = (WEIGHTS, "predictions_check.npz")


def model_digest(digests: Mapping[str, str]) -> str:
    """The SHA-256 of the model file, from {file of the training folder: SHA-256}; empty if none."""
    return next((digests[name] for name in MODEL_FILES if name in digests), "")


def untrained_facts(parameters: int | None, seed: int, rows: int) -> dict[str, object]:
    """The content of `training.json` for a model that no epochs were run for."""
    return {
        "epochs": 0,
        "max_epochs": 0,
        "best_epoch": None,
        "score": None,
        "stopped_early": False,
        "precision": "",
        "precision_reason": "",
        "accumulation": 1,
        "device": "cpu",
        "parameters": parameters,
        "seed": seed,
        "rows": rows,
        "diverged": False,
        "last_validation_loss": None,
        "best_validation_loss": None,
        "notes": [],
    }
