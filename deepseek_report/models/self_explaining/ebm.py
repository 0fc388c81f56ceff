"""The explainable boosting machine of interpret-core: its configuration, and the fitted terms."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.models import ModelPart, Trainer, TrainingPlace
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import ALL_TASKS, LABEL_TASKS, Schema, TaskName
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.files import load_arrays, save_arrays
from deepseek_report.errors import ArtifactError
from deepseek_report.models.self_explaining.added_outputs import AddedOutputs
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd
    from interpret.glassbox._ebm._ebm import EBMModel

    from deepseek_report.models.estimators.estimator import ShapesClassifier

#: Where the training folder holds the terms.
TERMS = "terms.npz"
#: A step of boosting splits one feature alone, and takes an eighth of the time of a tree of all
#: features: 0.04 to 0.05 microseconds a row, where those of scikit-learn take 0.3 to 0.45.
_STEPS_OF_A_TREE = 8


@dataclass(frozen=True)
class EBM(ModelPart):
    """An explainable boosting machine: a curve for each feature, and some pairs, added up.

    output = base + Σⱼ fⱼ(xⱼ) + Σ fᵢⱼ(xᵢ, xⱼ), whose curves are step functions that boosting fits
    feature by feature, so that they are the whole model and its explanation at once. What a pair
    adds is split evenly between its two features. By the library interpret-core; the fitted curves
    are stored as plain arrays, and the library is not needed to answer.

    pairs : of features that act together, those that help most. bags : fits whose mean is taken.
    bins : of a number, at most. learning_rate : of each step of boosting.

    Reference: Lou et al. 2013, doi 10.1145/2487575.2487579; Nori et al. 2019, InterpretML,
    doi 10.48550/arXiv.1909.09223.
    """

    name = "ebm"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"intrinsic", "shape_functions"})
    modalities = frozenset({"table"})
    tasks: ClassVar[frozenset[TaskName]] = ALL_TASKS - LABEL_TASKS
    libraries = ("sklearn",)

    pairs: Annotated[int, Field(ge=0, le=100)] = 10
    bags: Annotated[int, Field(ge=1, le=100)] = 4
    bins: Annotated[int, Field(ge=4, le=1024)] = 256
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05

    def build(self, schema: Schema, train: Split, seed: int) -> FittedTerms:
        """The model without its curves, which `fit` makes."""
        del train
        settings = {
            "interactions": self.pairs,
            "outer_bags": self.bags,
            "max_bins": self.bins,
            "learning_rate": self.learning_rate,
            "random_state": seed,
        }
        return FittedTerms(schema, settings)

    def wrap(self, module: FittedTerms, schema: Schema, device: str) -> ShapesClassifier:
        """The fitted curves as a classifier of original features."""
        from deepseek_report.models.estimators.estimator import ShapesClassifier

        del device
        return ShapesClassifier(module, schema, self.name, self.capabilities)

    def own_trainer(self) -> Trainer:
        """What fits the curves in one go and stores them."""
        return StoresTerms()

    def restore(self, built: FittedTerms, train: Split, folder: Path) -> None:
        """Read the curves that were fitted, and see that they answer as they did."""
        from deepseek_report.models.estimators.estimator_trainer import check

        built.load(folder)
        check(built, train, folder)

    def trees_grown(self, training: Path) -> int:
        """As how many its steps count; boosting stops where the fit no longer improves."""
        return -(-int(_stored(training)["steps"]) // _STEPS_OF_A_TREE)

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """Whether the library is there."""
        del trusted
        if find_spec("interpret") is not None:
            return []
        how = pip_install("interpret-core")
        return [f"model=ebm needs interpret-core, which is not installed; install it with: {how}"]

    def source_digest(self) -> str:
        """The version of the library, which decides what is fitted."""
        from deepseek_report.provenance import version_of

        return version_of("interpret-core") if find_spec("interpret") is not None else ""


@dataclass(frozen=True)
class StoresTerms(Trainer):
    """Fits the curves on the training part and stores them as arrays."""

    def fit(
        self, module: FittedTerms, dataset: Dataset, place: TrainingPlace, progress: Progress
    ) -> None:
        """Fit in place; write what a training folder holds, and the curves."""
        from deepseek_report.models.estimators.estimator_trainer import EstimatorTrainer

        EstimatorTrainer(loaded=False).fit(module, dataset, place, progress)
        save_arrays(place.folder / TERMS, **module.arrays())


@dataclass(frozen=True)
class AddedTerm:
    """A step function of one feature or of two.

    features : their positions. cuts : of each feature the ascending ends of its bins, the left one
    of which a bin includes; a category's position lies between two. scores : (bin, …, output) the
    first bin of each feature is for missing values, and the mean over the training rows is 0.
    """

    features: tuple[int, ...]
    cuts: tuple[Floats, ...]
    scores: Floats

    def values(self, inputs: Floats) -> Floats:
        """(row, feature) -> (row, output)."""
        return np.asarray(self.scores[self.bins(inputs)])

    def bins(self, inputs: Floats) -> tuple[Ints, ...]:
        """(row, feature) -> for each of its features the bin of each row."""
        return tuple(
            _bins(inputs[:, feature], cuts)
            for feature, cuts in zip(self.features, self.cuts, strict=True)
        )


def _bins(values: Floats, cuts: Floats) -> Ints:
    places = np.searchsorted(cuts, values, side="right") + 1
    return np.where(np.isnan(values), 0, places).astype(np.int64)


class FittedTerms(AddedOutputs):
    """Step functions for one schema, added up; `fit` makes them."""

    def __init__(self, schema: Schema, settings: Mapping[str, object]) -> None:
        super().__init__(schema)
        self.settings = settings
        self.added: tuple[AddedTerm, ...] = ()
        self.base: Floats = np.zeros(0)
        self.steps = 0

    def fit(self, train: Split) -> None:
        """Fit on the training part with one thread, so that the result is the same everywhere."""
        from interpret import glassbox

        from deepseek_report.statistics.one_thread import libraries_on_one_thread

        decides, target = task_of(self.schema.target).decides, self.schema.target
        features = self.schema.features
        kinds = ["nominal" if f.kind == "categorical" else "continuous" for f in features]
        cls = getattr(glassbox, f"ExplainableBoosting{'Classifier' if decides else 'Regressor'}")
        labels: Array = train.labels
        if decides and len(target.classes) == 2:
            labels = (labels == target.explained).astype(np.int64)
        with libraries_on_one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on missing values and pairs in its own pictures
            machine = cls(feature_types=kinds, n_jobs=1, **self.settings)
            machine.fit(self._frame(train.inputs), labels)
        self._read(machine, train.inputs)
        self.steps = int(machine.best_iteration_.sum())  # all that were made, whichever was best

    def _frame(self, inputs: Floats) -> pd.DataFrame:
        """A table for the library: numbers and orders as they are, categories as texts."""
        import pandas as pd

        columns = {
            str(place): (
                pd.Series([None if np.isnan(v) else str(int(v)) for v in values], dtype=object)
                if feature.kind == "categorical"
                else values
            )
            for place, (feature, values) in enumerate(
                zip(self.schema.features, inputs.T, strict=True)
            )
        }
        return pd.DataFrame(columns)

    def _read(self, machine: EBMModel, train: Floats) -> None:
        """Take the terms out of the fitted machine, each with its mean moved to the base."""
        outputs = len(self.schema.target.classes) if self.link == "softmax" else 1
        own = getattr(machine, "classes_", np.arange(outputs))
        places = own if self.link == "softmax" else [0]
        base = np.full(outputs, -30.0 if len(own) < outputs else 0.0)
        base[places] = machine.intercept_
        added = []
        for features, raw in zip(machine.term_features_, machine.term_scores_, strict=True):
            scores = raw if self.link == "softmax" and len(own) > 2 else raw[..., None]
            cuts = []
            for axis, feature in enumerate(features):
                levels = machine.bins_[feature]
                bins = levels[min(len(features), len(levels)) - 1]
                ends, order = self._cuts(feature, bins, scores.shape[axis])
                scores = np.take(scores, order, axis=axis)
                cuts.append(ends)
            whole = np.zeros((*scores.shape[:-1], outputs))
            whole[..., places] = scores
            term = AddedTerm(tuple(map(int, features)), tuple(cuts), whole)
            mean = term.values(train).mean(axis=0)
            base += mean
            added.append(AddedTerm(term.features, term.cuts, whole - mean))
        self.added, self.base = tuple(added), base

    def _cuts(self, feature: int, bins: object, size: int) -> tuple[Floats, Ints]:
        """The ends of the bins, and in which of the machine's bins each of them lies.

        The machine's first bin is for missing values, its last for categories that it never saw.
        """
        if not isinstance(bins, Mapping):
            return np.asarray(bins, dtype=np.float64), np.arange(size - 1)
        levels = range(len(self.schema.features[feature].categories))
        order = [0, *(bins.get(str(level), size - 1) for level in levels)]
        ends = np.arange(1, len(levels), dtype=np.float64) - 0.5
        return ends, np.array(order, dtype=np.int64)

    def outputs(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, output)."""
        outputs = np.tile(self.base, (len(inputs), 1))
        for term in self.added:
            outputs += term.values(inputs)
        return outputs

    def mixed_terms(self, inputs: Floats, mix: Floats) -> tuple[Floats, Floats]:
        """What each feature adds to a mix of the outputs, half of each pair that it is in."""
        values = np.zeros(inputs.shape)
        for term in self.added:
            added = term.values(inputs) @ mix / len(term.features)
            for feature in term.features:
                values[:, feature] += added
        return values, np.full(len(inputs), float(self.base @ mix))

    def curves(self, inputs: Floats, target: int) -> Floats:
        """(instance, feature) what the curve of each feature adds, without its pairs."""
        values, mix = np.zeros(inputs.shape), self.about(target)
        for term in self.added:
            if len(term.features) == 1:
                values[:, term.features[0]] = term.values(inputs) @ mix
        return values

    def surfaces(self, target: int) -> dict[tuple[int, int], object]:
        """{two features: function of rows (instance, feature) that gives what the pair adds}."""
        mix = self.about(target)
        return {
            (term.features[0], term.features[1]): lambda rows, term=term: term.values(rows) @ mix
            for term in self.added
            if len(term.features) == 2
        }

    def describe(self) -> dict[str, object]:
        """The content of `architecture.json`."""
        pairs = sum(len(term.features) == 2 for term in self.added)
        curves = len(self.added) - pairs
        summary = message("architectures.ebm", curves=curves, pairs=pairs)
        parameters = sum(term.scores.size for term in self.added) + len(self.base)
        return {"name": "EBM", "summary": summary, "parameters": parameters, "layers": []}

    def arrays(self) -> dict[str, Array]:
        """The terms as arrays, for a file."""
        stored: dict[str, Array] = {"base": self.base, "steps": np.array(self.steps)}
        for place, term in enumerate(self.added):
            stored[f"features_{place}"] = np.array(term.features, dtype=np.int64)
            stored[f"scores_{place}"] = term.scores
            for axis, cuts in enumerate(term.cuts):
                stored[f"cuts_{place}_{axis}"] = cuts
        return stored

    def load(self, folder: Path) -> None:
        """Read the terms of a training folder.

        Raises ArtifactError : the folder holds none.
        """
        stored = _stored(folder)
        try:
            self.base = stored["base"]
            added = []
            for place in range(sum(name.startswith("features_") for name in stored)):
                features = tuple(int(feature) for feature in stored[f"features_{place}"])
                cuts = tuple(stored[f"cuts_{place}_{axis}"] for axis in range(len(features)))
                added.append(AddedTerm(features, cuts, stored[f"scores_{place}"]))
        except KeyError as error:
            raise _no_terms(folder) from error
        self.added = tuple(added)


def _stored(folder: Path) -> dict[str, Array]:
    try:
        return {"steps": np.array(0), **load_arrays(folder / TERMS)}
    except (OSError, ValueError) as error:
        raise _no_terms(folder) from error


def _no_terms(folder: Path) -> ArtifactError:
    return ArtifactError(f"{folder / TERMS}: no terms of a model")
