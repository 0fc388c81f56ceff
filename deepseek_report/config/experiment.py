"""What a whole configuration is, once it is valid: the plug-ins, built, and a few settings.

`Revision` is what an extension extends whose declaration changes the data and the model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from deepseek_report.artifacts import conclusions
from deepseek_report.artifacts.disclosure import Privacy
from deepseek_report.artifacts.explanation import Game
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import SKIPPED, Message, Text, from_plain
from deepseek_report.artifacts.protocols import models
from deepseek_report.artifacts.protocols.datasets import DatasetPart
from deepseek_report.artifacts.protocols.explainers import ExplainerPart
from deepseek_report.artifacts.protocols.progress import Launcher, Progress
from deepseek_report.artifacts.protocols.sections import SectionPart
from deepseek_report.artifacts.protocols.traits import GivenInPython, MetricPart, PicturePart
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.seeds import Seeds
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.local_paths import PLAIN_NAME, LocalPath, unfit_name
from deepseek_report.config.composed import Undecided
from deepseek_report.config.config_files import MULTIPLE
from deepseek_report.config.problems import Problem
from deepseek_report.data_kinds import kind_of


def _plain(name: str) -> str:
    if unfit_name(name):
        raise ValueError(PLAIN_NAME)
    return name


def _recommended(reasons: dict[str, object]) -> dict[str, object]:
    for reason in reasons.values():
        text = from_plain(reason)
        if not isinstance(text, Message) or not text.id.startswith("recommendation."):
            raise ValueError("what `explainers=recommend` wrote, or {}")
    return reasons


Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Share = Annotated[float, Field(gt=0, lt=1)]
#: A name that becomes a folder or a file on every system.
PlainName = Annotated[str, AfterValidator(_plain)]


@dataclass(frozen=True)
class DeclaredDecision:
    """Turns a probability into a decision.

    rule : "declared" takes `threshold` as it is; "model" what the model itself decides (`predict`
        of an estimator; else the more probable class); "costs" the one with the least expected
        cost by `costs`; "capacity" the one that gives as many alerts as `capacity` on average; the
        others choose it on the validation part too. null: by a declared `threshold`; without it
        "model" for one that came fitted, and for others "costs" where `costs` are declared, else
        "capacity" where that is declared, else "base_rate".
    threshold : a probability of the explained class.
    costs : what a false alarm and a missed case of the explained class cost.
    capacity : how many cases decided for the explained class people can look into, such as
        {alerts: 50, per: day}; needs the moments of the rows (`dataset.time`).
    """

    rule: (
        Literal[
            "declared",
            "model",
            "costs",
            "capacity",
            "balanced_accuracy",
            "f1",
            "accuracy",
            "base_rate",
        ]
        | None
    ) = None
    threshold: Share | None = None
    costs: conclusions.DecisionCosts | None = None
    capacity: conclusions.AlertCapacity | None = None

    @property
    def threshold_rule(self) -> conclusions.ThresholdRule:
        """The rule by which the threshold of a model that is fitted here is found."""
        declared = {"costs": self.costs, "declared": self.threshold, "capacity": self.capacity}
        by_what_is_declared = next((rule for rule, value in declared.items() if value), "base_rate")
        return conclusions.ThresholdRule(
            self.rule or by_what_is_declared, self.threshold, self.costs, self.capacity
        )


@dataclass(frozen=True)
class ExplainOptions:
    """How many test instances are explained, and against how many training rows.

    instances : test instances that every explainer explains.
    pages : explained instances that get a page of their own, where the roles and groups that are
        shown in any case are fewer.
    background : training rows that stand for a typical input.
    evaluations : rows that the model may evaluate for all explanations together, of which
        `explainers=recommend` makes the best; null: no bound where `seconds` is one, else what its
        candidates plan with their own sizes.
    seconds : CPU seconds that all explanations may take together, of which `explainers=recommend`
        makes the best by what each method took on another machine, in one thread
        (`runner/planning/measured_methods.yaml`); null: no bound.
    classes : of more than two classes those that every explainer explains instances for, beside the
        one that `dataset.positive` names. decided: each for the class that was decided of it, by
        which deletion and insertion judge a method, at most another explanation; "all", or names:
        all instances for these classes too, to be switched to, each another explanation for a
        method that asks for one class at a time; what asks for probabilities finds the answers for
        all classes of a row once. null: the decided class of the shown cases alone.
    question : what a feature, word, patch or window adds is asked against: training rows
        (`background`), one baseline (`baseline`), or what goes with the others (`conditional`);
        null: training rows for tables, else the baseline. Methods that can answer the question do,
        and those that answer another one are not ranked beside them.
    reasons : {explainer: message} why `explainers=recommend` chose it so; written by it.
    """

    instances: Annotated[int, Field(ge=10, le=100_000)] = 200
    pages: Annotated[int, Field(ge=0, le=200)] = 24
    background: Annotated[int, Field(ge=1, le=10_000)] = 64
    evaluations: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[float, Field(gt=0, le=1e6)] | None = None
    classes: Literal["all", "decided"] | tuple[str, ...] | None = "decided"
    question: Literal["background", "baseline", "conditional"] | None = None
    reasons: Annotated[dict[str, Any], AfterValidator(_recommended)] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitOptions:
    """What is asked of the split beyond the one in a training, a validation and a test part.

    folds : how often the model is trained again, each time to judge it on other rows of all rows
        (cross-validation); null: not at all.
    """

    folds: Annotated[int, Field(ge=2, le=20)] | None = None


@dataclass(frozen=True)
class SeedOptions:
    """The seed of each step that draws at random; null takes `seed`. See `artifacts/seeds.py`."""

    data: Seed | None = None
    training: Seed | None = None
    explain: Seed | None = None
    measure: Seed | None = None

    def over(self, shared: int) -> Seeds:
        """The seeds of all steps, the shared one where none is named."""
        named = vars(self).items()
        return Seeds(**{step: shared if seed is None else seed for step, seed in named})


@dataclass(frozen=True)
class Paths:
    """Where reports go, and where finished stages are kept.

    reports : the folder of the run folders, one for each experiment and run.
    store : the folder of finished stages, which a later run takes up.
    """

    reports: LocalPath = "reports"
    store: LocalPath = "reports/.store"


@dataclass(frozen=True)
class Settings:
    """Everything in `conf/config.yaml` that is neither a plug-in nor a block of an extension.

    seed : decides every random draw; `seeds` overrides it step by step.
    device : "auto" takes a GPU where there is one.
    measure_time : with False nothing that differs from run to run is measured or printed, so two
        runs from an empty store give the same bytes.
    jobs : processes that work at the same time; null: as many as there are cores, and memory for.
    split : cross-validation beside the split. decision : how a probability becomes a decision.
    explain : how much is explained.
    behaviour : what is expected of the model, see `Expectation`.
    paths : where reports go.
    """

    name: PlainName = "experiment"
    seed: Seed = 1
    seeds: SeedOptions = field(default_factory=SeedOptions)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    measure_time: bool = True
    jobs: Annotated[int, Field(ge=1, le=64)] | None = None
    split: SplitOptions = field(default_factory=SplitOptions)
    decision: DeclaredDecision = field(default_factory=DeclaredDecision)
    explain: ExplainOptions = field(default_factory=ExplainOptions)
    behaviour: conclusions.Expectations = ()
    paths: Paths = field(default_factory=Paths)


@dataclass(frozen=True)
class Refusal:
    """A part that a set or a file chose and that cannot be applied here, with the reason."""

    artifact: str
    reason: Text


@dataclass(frozen=True)
class Experiment:
    """A valid configuration.

    raw : the resolved config as plain data, all defaults written out; it is what `run.json` keeps.
    dataset, model, trainer : the chosen plug-ins. report : `rendering.page_words.ReportOptions`.
    explainers, metrics, visualizations, sections : plug-ins by key. frameworks : choices by key,
        `compliance.framework.FrameworkChoice`.
    launcher : brings stages to processes; no part of `raw`, as no result hangs on it.
    refused : chosen parts that this model or data cannot have.
    named : ids of the parts that a person named one by one: `measures/latency`. Others are of sets.
    trusted, trusted_types : packages whose classes may be named, and types that a model's file may
        hold beyond the fixed rule. Both come from the person running it and are written nowhere.
    threshold_places, expectation_places : where each threshold, and each expectation of the
        model, was declared, for messages after the data are read. declared_places : {dotted key
        within a block: where it stands}, of the blocks that are held against the data.
    undecided : what is decided by the data before anything is planned; None where all is said.
    declared : {key: value} of the blocks of extensions that declare something.
    revision : how one of them changes the data and the model; None where none does.
    """

    settings: Settings
    raw: Mapping[str, Any]
    dataset: DatasetPart
    model: models.ModelPart
    trainer: models.Trainer
    report: Any
    explainers: Mapping[str, ExplainerPart]
    metrics: Mapping[str, MetricPart]
    visualizations: Mapping[str, PicturePart]
    sections: Mapping[str, SectionPart]
    frameworks: Mapping[str, Any]
    launcher: Launcher
    refused: tuple[Refusal, ...] = ()
    named: frozenset[str] = frozenset()
    trusted: tuple[str, ...] = ()
    trusted_types: tuple[str, ...] = ()
    threshold_places: tuple[str, ...] = ()
    expectation_places: tuple[str, ...] = ()
    declared_places: Mapping[str, str] = field(default_factory=dict)
    undecided: Undecided | None = None
    declared: Mapping[str, Any] = field(default_factory=dict)
    revision: Revision | None = None

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def seeds(self) -> Seeds:
        """The seed of each step that draws at random."""
        return self.settings.seeds.over(self.settings.seed)

    @property
    def before(self) -> Experiment | None:
        """The same without its revision; None without one."""
        return None if self.revision is None else self.revision.before

    @property
    def threshold_rule(self) -> conclusions.ThresholdRule:
        """How the threshold is found: as declared, else a model that came fitted decides itself."""
        decision, model = self.settings.decision, self.model
        undeclared = decision.rule is None and decision.threshold is None
        if undeclared and model.comes_fitted:
            return conclusions.ThresholdRule("model", costs=decision.costs)
        return decision.threshold_rule

    @property
    def is_given(self) -> bool:
        """Whether its rows, its model or its attributions were given in Python.

        Such objects are never pickled, so every stage then runs in this process.
        """
        several = (plugin for group in MULTIPLE for plugin in self.plugins(group).values())
        single = (self.dataset, self.model, self.trainer)
        return any(isinstance(plugin, GivenInPython) for plugin in (*single, *several))

    def plugins(self, group: str) -> dict[str, Any]:
        """The plug-ins of a group of which several can be chosen, by key."""
        return dict(getattr(self, group))

    @property
    def timed(self) -> frozenset[ArtifactId]:
        """Artifacts that measure time or memory, and pictures of them: records, never results."""
        measured = {
            ArtifactId.measure(name) for name, metric in self.metrics.items() if metric.volatile
        }
        return frozenset(measured) | {
            ArtifactId.picture(name)
            for name, picture in self.visualizations.items()
            if measured & {*picture.needs, *picture.also}
        }

    @property
    def is_quick(self) -> bool:
        """Whether the report leaves out parts of the study.

        Its few stages wait for one another: further processes would load libraries for nothing.
        """
        return any(refusal.reason == SKIPPED for refusal in self.refused)

    @property
    def privacy(self) -> Privacy:
        """What the run folder may hold of single persons."""
        return Privacy.of(self.raw["report"])

    def other_classes(self, target: Target) -> tuple[int, ...]:
        """Positions of the further classes that all instances are explained for.

        Of two classes there are none: attributions to one are those to the other with the sign
        turned.
        """
        named, known = self.settings.explain.classes, target.classes
        if named in (None, "decided") or len(known) <= 2:
            return ()
        names = {*known} if named == "all" else {*named}
        codes = target.codes or known
        return tuple(
            place
            for place, pair in enumerate(zip(known, codes, strict=True))
            if place != target.explained and names & {*pair}
        )

    def question(self, schema: Schema) -> Game:
        """The game that the run asks about: the declared one, else what is usual for such data."""
        return self.settings.explain.question or kind_of(schema).compared_with

    @property
    def can_refit(self) -> bool:
        """Whether the model is fitted here, or somebody says how it is fitted again."""
        model = self.model
        return model.can_fit_anew or not (model.comes_fitted or self.is_given or model.unasked)

    def is_named(self, artifact: str) -> bool:
        """Whether a person named the part that an artifact comes from: `measures/deletion/shap`."""
        return "/".join(artifact.split("/")[:2]) in self.named

    @property
    def reports(self) -> Path:
        return Path(self.settings.paths.reports)

    @property
    def store(self) -> Path:
        """The folder of what was computed."""
        return Path(self.settings.paths.store).absolute()

    def config_of(self, group: str, key: str = "") -> Mapping[str, Any]:
        """The resolved settings of one plug-in, as plain data."""
        chosen: Mapping[str, object] = self.raw[group][key] if key else self.raw[group]
        return chosen


@dataclass(frozen=True)
class Revision(ABC):
    """How a block changes the data and the model of an experiment; each is stored before and after.

    The folders of the stages before it are handed over as {"data", "training", "predictions":
    folder}, as far as a stage reads them.

    before : the same experiment without it.
    """

    key: ClassVar[str]
    """The key of the block, by which messages name the place of what is wrong."""
    target: ClassVar[str]
    """The dotted name of what the changed stages run beside the code of data and model."""

    before: Experiment

    @property
    @abstractmethod
    def config(self) -> object:
        """Plain data that the keys of changed stages are made from."""

    @abstractmethod
    def misfits(self, experiment: Experiment, read: Dataset) -> list[Problem]:
        """What of it does not fit the data as they were read."""

    @abstractmethod
    def revised(self, experiment: Experiment, read: Dataset) -> Dataset:
        """The changed data."""

    @abstractmethod
    def planned(self, experiment: Experiment, read: Dataset) -> list[Text]:
        """What `check` says that it will do, in the order in which it was declared."""

    @abstractmethod
    def save_data(self, experiment: Experiment, before: Mapping[str, Path], folder: Path) -> None:
        """Write the changed data, and what was changed in them, to the folder of their stage."""

    @abstractmethod
    def train(
        self,
        experiment: Experiment,
        dataset: Dataset,
        trainer: models.Trainer,
        place: models.TrainingPlace,
        before: Mapping[str, Path],
        progress: Progress,
    ) -> None:
        """Train the changed model into a folder. dataset : the changed data."""

    @abstractmethod
    def penalty(
        self, experiment: Experiment, training: Path, data: Dataset
    ) -> models.Penalty | None:
        """What a training of other rows pays, as that in the folder `training` did; None: nothing.

        data : changed data of the same schema.
        """

    @abstractmethod
    def compared(self, experiment: Experiment, before: Mapping[str, Path], device: str) -> object:
        """What metrics that read `before` are handed: the data and the model before it."""
