"""What trains a module."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Modality, Schema, TaskName
from deepseek_report.artifacts.split import Dataset, Split

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TrainingPlace:
    """Where and from which seed a training runs; `folder` is what it writes."""

    folder: Path
    seed: int
    device: str


class Trainer(Protocol):
    """Trains a module."""

    def fit(self, module: Any, dataset: Dataset, place: TrainingPlace, progress: Progress) -> None:
        """Train in place; write weights, history and summary to the folder of `place`."""


@runtime_checkable
class PlansRows(Protocol):
    """The optional part of a Trainer that goes through the training rows again and again."""

    def planned_rows(self, n_train: int) -> int:
        """How many rows the model evaluates at most, each as often as it is seen."""


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


@runtime_checkable
class TrainsCorrected(Protocol):
    """The optional part of a Trainer that can be given a term of the loss."""

    def fit(
        self,
        module: Any,
        dataset: Dataset,
        place: TrainingPlace,
        progress: Progress,
        penalty: Penalty | None = None,
    ) -> None:
        """As `Trainer.fit`; the best weights are those with the least loss and penalty."""

    def penalty_on(self, cues: Sequence[Any], weight: float, dataset: Dataset) -> Penalty:
        """The term for cues that must not decide.

        Parameters
        ----------
        cues : pairs of an `InputCue` and how it is penalised, "swap" or "penalty".
        weight : factor of the term. dataset : whose training rows cues are drawn from.
        """


class ModelPlugin(Protocol):
    """Builds one family of models.

    modalities, tasks : what the family can be trained on; data of another nature are a problem
    that `check` reports.
    """

    capabilities: ClassVar[frozenset[Capability]]
    modalities: ClassVar[frozenset[Modality]]
    tasks: ClassVar[frozenset[TaskName]]

    def build(self, schema: Schema, train: Split, seed: int) -> Any:
        """A torch module (see ExplainableModule); statistics are taken from `train` alone."""

    def wrap(self, module: object, schema: Schema, device: str) -> Classifier: ...


@runtime_checkable
class BringsTrainer(Protocol):
    """The optional part of a ModelPlugin whose models the configured trainer cannot train."""

    def own_trainer(self) -> Trainer | None:
        """What trains instead of the configured trainer; None: the configured one."""


@runtime_checkable
class ImportsLibraries(Protocol):
    """The optional part of a ModelPlugin whose models are made by large libraries."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """Modules of them, which are loaded once for all processes, before they start."""


@runtime_checkable
class SuitsData(Protocol):
    """The optional part of a ModelPlugin that hands out less for some data than for others."""

    def capabilities_for(self, schema: Schema) -> frozenset[Capability]:
        """What the model of such data hands out."""


def capabilities_of(model: ModelPlugin, schema: Schema) -> frozenset[Capability]:
    """What a model of such data hands out."""
    return model.capabilities_for(schema) if isinstance(model, SuitsData) else model.capabilities


@runtime_checkable
class HasName(Protocol):
    """The optional part of a ModelPlugin whose class is not what a person calls the model."""

    @property
    def called(self) -> str:
        """What sentences call it."""


@runtime_checkable
class ReadsTokens(Protocol):
    """The optional part of a ModelPlugin that knows the tokens of one checkpoint alone."""

    @property
    def reads_tokens_of(self) -> str | None:
        """The checkpoint whose tokens the texts must be cut into; None where any will do."""


@runtime_checkable
class TrainsOnSequences(Protocol):
    """The optional part of a ModelPlugin that learns from token sequences drawn as it trains."""

    @property
    def needs_sequences(self) -> bool:
        """Whether the data must be of a task whose sequences can be drawn."""


def name_of(model: ModelPlugin) -> str:
    """What sentences call a model: the class of its plug-in, or what it says in `called`."""
    return model.called if isinstance(model, HasName) else type(model).__name__


@runtime_checkable
class Restores(Protocol):
    """The optional part of a ModelPlugin whose models are not a state dict in safetensors."""

    def restore(self, built: object, train: Split, folder: Path) -> None:
        """Make what `build` gave the trained model of a folder; ArtifactError if it cannot be."""


@runtime_checkable
class LoadsTypes(Protocol):
    """The optional part of a ModelPlugin whose file names types that are loaded with it."""

    def trusting(self, types: Sequence[str]) -> ModelPlugin:
        """The same model, which loads these types too; only the person running it names them."""


@runtime_checkable
class ComesFitted(Protocol):
    """The optional part of a ModelPlugin that can take a model which was fitted elsewhere."""

    @property
    def comes_fitted(self) -> bool:
        """Whether the config names such a model."""

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Why a model from a file does not fit these data; empty where it does."""


@runtime_checkable
class FitsAnew(Protocol):
    """The optional part of a ModelPlugin whose model came fitted, and may be fitted again."""

    @property
    def can_fit_anew(self) -> bool:
        """Whether somebody says how it is fitted."""

    def fitted_anew(self, schema: Schema, train: Split, seed: int | None) -> object:
        """What `build` gives, fitted to these rows; without a seed drawn as it was.

        Raises NotApplicableError: the fit failed, or gave no model of the same kind.
        """


@runtime_checkable
class CountsTrees(Protocol):
    """The optional part of a ModelPlugin whose fits decide themselves how long they go on."""

    def trees_grown(self, training: Path) -> int:
        """As how many trees of all features the fit in a training folder counts."""


@runtime_checkable
class KeepsDirections(Protocol):
    """The optional part of a ModelPlugin whose models may be kept to directions as they are."""

    def keeping(self, directions: Mapping[str, object]) -> ModelPlugin:
        """The same, whose answer only "rises" or only "falls" with columns, by their names."""


@runtime_checkable
class NamesOthers(Protocol):
    """The optional part of a ModelPlugin whose YAML names code or files of the user's own."""

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with them; code is loaded from packages in `trusted` alone."""

    def source_digest(self) -> str:
        """Hash of them, so that edited code or another file is noticed."""


@runtime_checkable
class EditsFitted(Protocol):
    """The optional part of a ModelPlugin of which a person changes what was fitted."""

    @property
    def edits(self) -> Sequence[object]:
        """What the person changes."""

    def edited(self, edits: Sequence[object]) -> ModelPlugin:
        """The same with further edits."""

    def misfits_of_edits(self, schema: Schema, train: Split, fitted: Path | None) -> Sequence[str]:
        """What edits name that there is not; `fitted` holds the model without them, if stored."""


@runtime_checkable
class OnlyAnswered(Protocol):
    """The optional part of a ModelPlugin that knows what a model answered, and cannot ask it."""

    @property
    def unasked(self) -> Text:
        """Why other rows cannot be asked about, as the end of a sentence."""


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


#: The weights of a network in a training folder.
WEIGHTS = "weights.safetensors"
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
