"""The stages of an experiment in order, each with the key of what it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.ids import BEFORE, ArtifactId
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance.beside_config import OPTIONS, beside_config
from deepseek_report.compliance.framework import FRAMEWORK_FILE
from deepseek_report.config.blocks import blocks
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.portable import PortablePaths
from deepseek_report.extension import finding_modules
from deepseek_report.findings.conclude import concluded_from
from deepseek_report.privacy.release import told_config
from deepseek_report.provenance import PACKAGE, code_of, version_of
from deepseek_report.runner.run_folders.open_run import RecordedRun, reasons
from deepseek_report.store import Store, digest
from deepseek_report.wording.words import texts_digest

_STAGES = f"{PACKAGE}.runner.execution.stages"
RELEASE = f"{PACKAGE}.privacy.release"
_CONCLUDING = f"{PACKAGE}.findings.conclude"
_FOLDS = f"{PACKAGE}.runner.execution.fold_runs"
#: The stage that concludes from all others, before the pictures are drawn.
CONCLUSIONS = "conclusions"
DATA_BEFORE, TRAINING_BEFORE, _ = BEFORE.values()
#: {kind of artifact: the group of the config whose plug-ins make it}
_GROUPS = {"explanations": "explainers", "measures": "metrics", "pictures": "visualizations"}


@dataclass(frozen=True)
class Stage:
    """One unit of work: `id` is the artifact it makes, `inputs` are the stages it reads.

    source : digest of the files outside of the store that the key was made from. kept_as : the id
    under which the store has it, where another plan calls it otherwise: `data` of `before/data`.
    code : digest of the code and the libraries that run in it, whatever data and settings are.
    """

    id: str
    key: str
    inputs: tuple[str, ...] = ()
    source: str = ""
    kept_as: str = ""
    code: str = ""

    @property
    def place(self) -> str:
        """The id under which the store keeps it."""
        return self.kept_as or self.id

    @property
    def kind(self) -> str:
        return ArtifactId(self.place).kind

    @property
    def group(self) -> str:
        """The group of the config in which `name` is a key; "" where there is but one plug-in."""
        return _GROUPS.get(self.kind, "")

    @property
    def name(self) -> str:
        """Key of the plug-in: `measures/deletion/shap` -> `deletion`."""
        return ArtifactId(self.id).name

    @property
    def subject(self) -> str:
        """The explainer that a measurement judges, or ""."""
        return ArtifactId(self.id).subject

    def folder(self, store: Store) -> Path | None:
        return store.find(self.place, self.key)


def module_of(target: str) -> str:
    """The module that a `_target_` names."""
    return target.rpartition(".")[0]


class _Planner:
    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.config = PortablePaths(experiment.raw, Path.cwd()).config  # no path is part of a key
        self.seeds = experiment.seeds
        #: Of the language's words, which stand in conclusions and inside of pictures.
        self.texts = texts_digest(self.experiment.report.language)
        self.revision = experiment.revision
        self.stages: dict[str, Stage] = {}

    def add(
        self,
        name: str,
        config: object,
        inputs: tuple[str, ...],
        *targets: str,
        seed: int | None = None,
        source: str = "",
    ) -> Stage:
        """Plan one stage.

        seed : of its own draws, None where it draws nothing. source : see `Stage`.
        """
        code = {module: code_of(module) for module in [_STAGES, *map(module_of, targets)]}
        made_from = {
            "stage": name,
            "config": config,
            "inputs": {stage: self.stages[stage].key for stage in inputs},
            "code": code,
            "seed": seed,
        }
        self.stages[name] = Stage(name, digest(made_from), inputs, source, code=digest(code))
        return self.stages[name]

    def target(self, group: str, key: str = "") -> str:
        return str(self.experiment.config_of(group, key)["_target_"])

    def part(self, group: str, key: str = "") -> Any:
        """What the configuration says of a group, or of one of its entries."""
        return self.config[group][key] if key else self.config[group]

    def plan(self) -> list[Stage]:
        self._before()
        self.data()
        self.model()
        for explainer in self.experiment.explainers:
            self._explainer(explainer)
        for metric in taken_first(self.experiment.metrics):
            self._metric(metric)
        self._conclusions()
        for picture in self.experiment.visualizations:
            self._picture(picture)
        return list(self.stages.values())

    def data(self) -> Stage:
        """The stage that reads the data, on which no other choice bears."""
        seed = self.seeds.data
        if (revision := self.revision) is not None:
            return self.add("data", revision.config, (DATA_BEFORE,), revision.target, seed=seed)
        source, target = self.experiment.dataset.source_digest(), self.target("dataset")
        readers = getattr(self.experiment.dataset, "readers", ())
        made_from = [self.part("dataset"), source, *map(version_of, readers)]
        return self.add("data", made_from, (), target, seed=seed, source=source)

    def _before(self) -> None:
        """The same model without its revision, as the plan without it makes it."""
        if self.experiment.before is None:
            return
        planner = _Planner(self.experiment.before)
        planner.data()
        planner.model()
        for name, renamed in BEFORE.items():
            stage = planner.stages[name]
            inputs = tuple(BEFORE[other] for other in stage.inputs)
            self.stages[renamed] = replace(stage, id=renamed, inputs=inputs, kept_as=name)

    def model(self) -> None:
        """The stages that train the model and ask it about the test part."""
        targets: tuple[str, ...] = (self.target("model"), self.target("trainer"))
        trained = [self.part("model"), self.part("trainer")]
        model = self.experiment.model
        inputs: tuple[str, ...] = ("data",)
        if others := model.source_digest():
            trained.append(others)
        if self.revision is not None:
            inputs = ("data", DATA_BEFORE, TRAINING_BEFORE)
            trained.append(self.revision.config)
            targets = (*targets, self.revision.target)
        self.add("training", trained, inputs, *targets, seed=self.seeds.training, source=others)
        explain, cases = self.experiment.settings.explain, self.experiment.report.cases
        chosen = [self.part("decision"), explain.instances, explain.pages, *cases]
        self.add("predictions", chosen, ("data", "training"), self.target("model"))

    def _explainer(self, name: str) -> None:
        explain = self.experiment.settings.explain
        shared = explain.background, explain.classes, explain.question
        config = [self.part("explainers", name), *shared]
        inputs = ("data", "training", "predictions")
        seed = self.seeds.explain if self.experiment.explainers[name].samples else None
        target = self.target("explainers", name)
        self.add(ArtifactId.explanation(name), config, inputs, target, seed=seed)

    def _metric(self, name: str) -> None:
        plugin = self.experiment.metrics[name]
        config = self.part("metrics", name)
        if "expectations" in plugin.reads:
            config = {"metric": config, "expectations": self.part("behaviour")}
        targets = [self.target("metrics", name)]
        for key in filter(plugin.reads.__contains__, self.experiment.declared):
            config = {"metric": config, key: self.part(key)}
            targets.append(blocks()[key].target)
        if "capacity" in plugin.reads:
            config = {"metric": config, "capacity": self.part("decision", "capacity")}
        if "folds" in plugin.reads:
            config = {"metric": config, **self._of_folds(targets)}
        seed = self.seeds.measure if "seed" in plugin.reads else None
        before: tuple[str, ...] = ()
        if "before" in plugin.reads and self.revision is not None:
            config = [config, self.revision.config]
            before = tuple(BEFORE.values())
        base: tuple[str, ...] = ("data", "training", "predictions")
        if set(plugin.reads) <= {"dataset", "seed", *blocks()}:
            base = ("data",)
        everything = tuple(ArtifactId.explanation(key) for key in self.experiment.explainers)
        if plugin.scope == "model":
            taken = map(ArtifactId.measure, sorted(plugin.takes))
            inputs = (*base, *before, *(measure for measure in taken if measure in self.stages))
            self.add(ArtifactId.measure(name), config, inputs, *targets, seed=seed)
        elif plugin.scope == "explainers":
            inputs = (*base, *everything, *self._taken(plugin.takes, everything))
            self.add(ArtifactId.measure(name), config, inputs, *targets, seed=seed)
        else:
            control = ArtifactId.explanation(CONTROL)
            for explanation in sorted(everything, key=lambda artifact: artifact != control):
                subject = explanation.name
                compared = [control] if "control" in plugin.reads and control in everything else []
                judged = dict.fromkeys([explanation, *compared])
                explainer = self.target("explainers", subject)
                inputs = (*base, *judged, *self._taken(plugin.takes, compared))
                artifact = ArtifactId.measure(name, subject)
                self.add(artifact, config, inputs, *targets, explainer, seed=seed)

    def _of_folds(self, targets: list[str]) -> dict[str, object]:
        """What each fold measures and concludes; their code joins the targets."""
        from deepseek_report.metrics.performance.cross_validation import judged_in_folds

        judged = judged_in_folds(self.experiment.metrics)
        targets += [f"{_FOLDS}.run_folds", *(self.target("metrics", name) for name in judged)]
        concluded = concluded_from(self.config)
        return {"judged": judged, "concluded": concluded, "expectations": self.part("behaviour")}

    def _taken(self, metrics: Iterable[str], of: Iterable[ArtifactId]) -> tuple[str, ...]:
        """The planned measurements of explanations that a metric takes over from others."""
        measures = [
            ArtifactId.measure(m, artifact.name) for m in sorted(metrics) for artifact in of
        ]
        return tuple(measure for measure in measures if measure in self.stages)

    def _conclusions(self) -> None:
        """Findings and verdicts hang on all that was measured, and on what was left out."""
        refused = sorted((refusal.artifact, refusal.reason) for refusal in self.experiment.refused)
        config = [concluded_from(self.config), refused, self.texts]
        inputs = tuple(name for name in self.stages if name not in BEFORE.values())
        further = (f"{name}.FAMILIES" for name in finding_modules(self.experiment.metrics))
        self._released(CONCLUSIONS, config, inputs, f"{_CONCLUDING}.conclude", *further)

    def _released(self, name: str, config: object, inputs: tuple[str, ...], *targets: str) -> None:
        """Plan a stage that reads no more than the level of privacy allows."""
        privacy = self.experiment.privacy
        if not privacy.is_full:
            config = {"made from": config, "privacy": vars(privacy)}
            targets = (*targets, f"{RELEASE}.release")
        self.add(name, config, inputs, *targets)

    def _picture(self, name: str) -> None:
        picture = self.experiment.visualizations[name]
        drawn_from = [
            stage
            for need in sorted({*picture.needs, *picture.also})
            for stage in self.stages
            if ArtifactId(stage).is_within(need)
        ]
        inputs = tuple(dict.fromkeys(["data", "predictions", *drawn_from]))
        config = {"picture": self.part("visualizations", name), "texts": self.texts}
        target = self.target("visualizations", name)
        self._released(ArtifactId.picture(name), config, inputs, target)


def taken_first(metrics: Mapping[str, MetricPart]) -> list[str]:
    """Metrics in their order, but each behind those whose measurements it takes."""
    order, waiting = dict[str, None](), set[str]()

    def place(name: str) -> None:
        if name in waiting:
            return
        waiting.add(name)
        for taken in sorted(metrics[name].takes & metrics.keys()):
            place(taken)
        order[name] = None

    for name in metrics:
        place(name)
    return [*order]


def make_plan(experiment: Experiment) -> list[Stage]:
    """Every stage up to the pictures, each after those that it reads; nothing is run."""
    return _Planner(experiment).plan()


def data_stage(experiment: Experiment) -> Stage:
    """The stage that reads the data; the same whatever is computed of them."""
    return _Planner(experiment.before or experiment).data()


#: Groups of the config that decide what is written, beside what is computed.
WRITTEN = ("report", "sections", "frameworks", "measure_time")


def run_id(experiment: Experiment, stages: list[Stage]) -> str:
    """Twelve hexadecimal digits that name a run: the same config on the same data, the same id."""
    plan = {stage.id: stage.key for stage in stages}
    refused = [refusal.artifact for refusal in experiment.refused]
    chosen = experiment.frameworks.values()
    own = {
        choice.id: sha256_file(choice.file, links=True)
        for choice in chosen
        if choice.file is not None
    } | beside_config().digests(named_beside(experiment))
    return _identity(experiment.name, plan, recorded_config(experiment), refused, own)


def named_beside(experiment: Experiment) -> dict[str, Path]:
    """{option of the report: the file beside the config that it names}."""
    named = {option: getattr(experiment.report, option) for option in OPTIONS}
    return {option: path for option, path in named.items() if path is not None}


def identity_of(run: RecordedRun) -> str:
    """The run id that follows from the content of `run.json`."""
    refused = [stage for stage in reasons(run.problems, "not applicable") if stage not in run.plan]
    own = {
        ArtifactId(name).rest: entry.files.get(FRAMEWORK_FILE, "")
        for name, entry in run.artifacts.items()
        if ArtifactId(name).kind == "frameworks"
    }
    recorded = {name: entry.files for name, entry in run.artifacts.items()}
    own |= beside_config().recorded_digests(recorded)
    whole = _identity(run.experiment, run.plan, run.config, refused, own)
    return incomplete_id(whole, run.failed) if run.failed else whole


def incomplete_id(whole: str, failed: Iterable[str]) -> str:
    """The id of a run in which stages failed: that of the whole run, and which ones failed.

    `3f2a…-incomplete-81c0de`: it never stands in the place of the whole run, and runs that lack
    different parts never stand in one another's.
    """
    return f"{whole}-incomplete-{digest(sorted(failed))[:6]}"


def _identity(
    name: str,
    plan: Mapping[str, str],
    config: Mapping[str, Any],
    refused: Iterable[str],
    frameworks: Mapping[str, str],
) -> str:
    why_chosen = (config.get("explain") or {}).get("reasons")  # the report says them
    content = {
        "name": name,
        "stages": dict(plan),
        "report": {group: config.get(group) for group in WRITTEN},
        "refused": sorted(refused),
        "frameworks": dict(frameworks),
        **({"reasons": why_chosen} if why_chosen else {}),
        "seeds": config["seeds"],
    }
    return digest(content)[:12]


def recorded_config(experiment: Experiment) -> dict[str, Any]:
    """The resolved config without what belongs to one machine or must not be told."""
    return told_config(PortablePaths(experiment.raw, Path.cwd()).config, experiment.privacy)


def modules_to_load(experiment: Experiment, stages: Iterable[Stage]) -> list[str]:
    """The modules of this package that these stages run, and the libraries of the model.

    Others are left to the processes, which load them while the model is trained: nothing begins
    before all of these are there. So are modules of a person's own.
    """
    needed = {(stage.group, stage.name) for stage in stages if stage.group}
    chosen = [*((group, "") for group in ("dataset", "model", "trainer")), *sorted(needed)]
    targets = [experiment.config_of(group, name)["_target_"] for group, name in chosen]
    own = [module_of(target) for target in targets if target.startswith(f"{PACKAGE}.")]
    return list(dict.fromkeys([*own, *experiment.model.libraries]))
