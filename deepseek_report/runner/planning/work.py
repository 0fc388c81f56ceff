"""The data as they are known before a run, and how much work each stage on them is.

Work is told in a unit that a stage's time grows with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.message import from_plain
from deepseek_report.artifacts.protocols.explainers import ExplainerPart
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import PARTS, DataIssue, Dataset, Part, Split
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.config.experiment import Experiment
from deepseek_report.runner.planning.plan import Stage, data_stage
from deepseek_report.store import Store, digest


@dataclass(frozen=True)
class Size:
    """How large a data set is: rows of each part, and the columns by their schema."""

    schema: Schema
    train: int
    validation: int
    test: int

    @property
    def rows(self) -> int:
        return self.train + self.validation + self.test

    @property
    def players(self) -> int:
        return len(self.schema.player_labels)

    @classmethod
    def of(cls, schema: Schema, card: Mapping[str, Any]) -> Size:
        """By the schema and the card of a data set."""
        sizes = {str(part["part"]): int(part["n"]) for part in card["parts"]}
        return cls(schema, *(sizes[part] for part in PARTS))


@lru_cache(maxsize=2)
def size_of(folder: Path) -> Size:
    """The size of the data set in the folder of a finished stage `data`."""
    return Size.of(Schema.load(folder), load_json(folder / "card.json"))


@dataclass(frozen=True)
class KnownData:
    """The data of an experiment before it runs: as the store has them, else as they are read now.

    load : gives the rows of a part, which the store reads only where something asks for them.
    """

    schema: Schema
    card: Mapping[str, Any]
    issues: tuple[DataIssue, ...]
    load: Callable[[Part], Split]

    @classmethod
    def of(cls, experiment: Experiment) -> KnownData:
        """Raises DataError: the store does not have the data, and they cannot be read."""
        folder = data_stage(experiment).folder(Store(experiment.store))
        if folder is None:
            read = experiment.dataset.load(experiment.seeds.data, Silent())
            return cls(read.schema, read.card, read.issues, partial(getattr, read))
        issues = tuple(map(DataIssue.from_json, load_json(folder / "issues.json")))
        card = from_plain(load_json(folder / "card.json"))
        return cls(
            Schema.load(folder), card, issues, lambda part: Split.load(folder / f"{part}.npz")
        )

    @property
    def size(self) -> Size:
        return Size.of(self.schema, self.card)

    @cached_property
    def dataset(self) -> Dataset:
        """The same with the rows of all parts."""
        parts: dict[str, Any] = {part: self.load(part) for part in PARTS}
        return Dataset(self.schema, **parts, card=self.card, issues=self.issues)


@dataclass(frozen=True)
class Work:
    """How much there is to do in a stage.

    units : grow in step with its time. like : the same for stages whose units take equally long.
    """

    units: float
    like: str


def work_facts(experiment: Experiment, stage: Stage, data: Path) -> dict[str, object]:
    """The work of a finished stage as its manifest keeps it; empty where it cannot be estimated.

    data : the folder of the stage `data`.
    """
    try:
        return vars(work_of(experiment, stage, size_of(data)))
    except Exception:  # the stage is done, even if its plug-in cannot say how much there was
        return {}


def work_of(experiment: Experiment, stage: Stage, size: Size) -> Work:
    """The work of one stage on data of this size."""
    units = _UNITS[stage.kind](experiment, stage, size)
    return Work(float(max(units, 1)), like_of(experiment, stage))


def like_of(experiment: Experiment, stage: Stage) -> str:
    """Sixteen digits, the same for stages in which the same code works for the same model."""
    config: Mapping[str, object] = {"_target_": ""}
    if stage.group:
        config = experiment.config_of(stage.group, stage.name)
    elif stage.kind != "conclusions":
        config = experiment.config_of("dataset" if stage.kind == "data" else "trainer")
    is_of_model = stage.kind not in {"data", "conclusions", "pictures"}
    model = experiment.config_of("model") if is_of_model else None
    return digest([stage.id, config["_target_"], model])[:16]


def planned_calls(
    experiment: Experiment, explainer: ExplainerPart, size: Size, instances: int
) -> int:
    """How many rows the model evaluates while an explainer explains so many instances."""
    schema, model = size.schema, experiment.model
    capabilities = model.capabilities_for(schema)
    explainer = explainer.playing(experiment.question(schema)).suited_to(capabilities, schema)
    background = background_of(experiment, size)
    return int(explainer.planned_calls(instances, size.players, background))


def background_of(experiment: Experiment, size: Size) -> int:
    """How many training rows stand for a typical input."""
    return min(experiment.settings.explain.background, size.train)


def calls_of(experiment: Experiment, name: str, size: Size) -> int:
    """How many rows the model evaluates at most while an explainer explains all that is asked."""
    explainer = experiment.explainers[name]
    once = planned_calls(experiment, explainer, size, instances_of(experiment, size))
    target = size.schema.target
    others = len(experiment.other_classes(target))
    decided = experiment.settings.explain.classes is not None and len(target.classes) > 2
    return once * (1 + max(others, int(decided)))


def instances_of(experiment: Experiment, size: Size) -> int:
    """How many test instances are explained."""
    return min(experiment.settings.explain.instances, size.test)


def trained_rows(experiment: Experiment, size: Size) -> int:
    """How many rows the training evaluates at most; those of one fit where nothing is repeated."""
    if experiment.model.own_trainer() is not None:
        return size.train
    return experiment.trainer.planned_rows(size.train)


def _measures(experiment: Experiment, stage: Stage, size: Size) -> float:
    metric, instances = experiment.metrics[stage.name], instances_of(experiment, size)
    if "folds" in metric.reads:
        return trained_rows(experiment, size) * (experiment.settings.split.folds or 1)
    if stage.subject:
        again = metric.explained_again(instances)
        if again is None:
            return instances * size.players
        return planned_calls(experiment, experiment.explainers[stage.subject], size, again)
    if metric.scope == "explainers":
        return instances * size.players * len(experiment.explainers)
    return size.test if "predictions" in stage.inputs else size.rows * size.players


#: By kind of stage.
_UNITS: Mapping[str, Callable[[Experiment, Stage, Size], float]] = {
    "data": lambda _, __, size: size.rows * len(size.schema.features),
    "training": lambda experiment, _, size: trained_rows(experiment, size),
    "predictions": lambda _, __, size: size.validation + size.test,
    "explanations": lambda experiment, stage, size: calls_of(experiment, stage.name, size),
    "measures": _measures,
    "conclusions": lambda _, stage, __: len(stage.inputs),
    "pictures": lambda _, __, ___: 1,
}
