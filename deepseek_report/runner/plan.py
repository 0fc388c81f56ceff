"""The stages of an experiment in order, each with the key of what it is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.files import sha256_file
from deepseek_report.artifacts.local_paths import without_local_paths
from deepseek_report.artifacts.protocols.models import NamesOthers
from deepseek_report.artifacts.shipped import shipped
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.portable import Places
from deepseek_report.provenance import code_of
from deepseek_report.store import Store, digest

_STAGES = "deepseek_report.runner.stages"
CONTROL = "random"


@dataclass(frozen=True)
class Stage:
    """One unit of work: `id` is the artifact it makes, `inputs` are the stages it reads."""

    id: str
    key: str
    inputs: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """Key of the plug-in: `measures/deletion/shap` -> `deletion`."""
        return self.id.split("/")[1] if "/" in self.id else ""

    @property
    def subject(self) -> str:
        """The explainer that a measurement judges, or ""."""
        parts = self.id.split("/")
        return parts[2] if len(parts) > 2 else ""

    def folder(self, store: Store) -> Path | None:
        return store.find(self.id, self.key)


def module_of(target: str) -> str:
    """The module that a `_target_` names."""
    return target.rpartition(".")[0]


class _Planner:
    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.config = Places(experiment.raw, Path.cwd()).config  # no path is part of a key
        self.stages: dict[str, Stage] = {}

    def add(self, name: str, config: Any, inputs: tuple[str, ...], *targets: str) -> None:
        code = {module: code_of(module) for module in [_STAGES, *map(module_of, targets)]}
        made_from = {
            "stage": name,
            "config": config,
            "inputs": {one: self.stages[one].key for one in inputs},
            "code": code,
            "seed": self.experiment.settings.seed,
        }
        self.stages[name] = Stage(name, digest(made_from), inputs)

    def target(self, group: str, key: str = "") -> str:
        return str(self.experiment.config_of(group, key)["_target_"])

    def plan(self) -> list[Stage]:
        self._model()
        for explainer in self.experiment.multiple["explainers"]:
            self._explainer(explainer)
        for metric in self.experiment.multiple["metrics"]:
            self._metric(metric)
        for picture in self.experiment.multiple["visualizations"]:
            self._picture(picture)
        return list(self.stages.values())

    def _model(self) -> None:
        raw, dataset = self.config, self.experiment.single["dataset"]
        source = dataset.source_digest()
        self.add("data", [raw["dataset"], source], (), self.target("dataset"))
        targets = (self.target("model"), self.target("trainer"))
        trained = [raw["model"], raw["trainer"]]
        model = self.experiment.single["model"]
        if isinstance(model, NamesOthers):
            trained.append(model.source_digest())
        self.add("training", trained, ("data",), *targets)
        chosen = [raw["decision"], raw["explain"]["instances"]]
        self.add("predictions", chosen, ("data", "training"), self.target("model"))

    def _explainer(self, name: str) -> None:
        raw = self.config
        config = [raw["explainers"][name], raw["explain"]["background"]]
        inputs = ("data", "training", "predictions")
        self.add(f"explanations/{name}", config, inputs, self.target("explainers", name))

    def _metric(self, name: str) -> None:
        plugin = self.experiment.multiple["metrics"][name]
        config = self.config["metrics"][name]
        target = self.target("metrics", name)
        base: tuple[str, ...] = ("data", "training", "predictions")
        if set(plugin.reads) <= {"dataset", "seed"}:
            base = ("data",)
        everything = tuple(f"explanations/{one}" for one in self.experiment.multiple["explainers"])
        if plugin.scope == "model":
            self.add(f"measures/{name}", config, base, target)
        elif plugin.scope == "explainers":
            self.add(f"measures/{name}", config, (*base, *everything), target)
        else:
            for explanation in everything:
                subject = explanation.partition("/")[2]
                control = f"explanations/{CONTROL}"
                judged = dict.fromkeys([explanation, *([control] if control in everything else [])])
                explainer = self.target("explainers", subject)
                inputs = (*base, *judged)
                self.add(f"measures/{name}/{subject}", config, inputs, target, explainer)

    def _picture(self, name: str) -> None:
        plugin = self.experiment.multiple["visualizations"][name]
        inputs = tuple(dict.fromkeys(["data", "predictions", *self._drawn_from(plugin)]))
        config = self.config["visualizations"][name]
        self.add(f"pictures/{name}", config, inputs, self.target("visualizations", name))

    def _drawn_from(self, plugin: Any) -> Iterator[str]:
        wanted = sorted(set(plugin.needs) | set(getattr(plugin, "also", ())))
        for need in wanted:
            for stage in self.stages:
                if stage == need or stage.startswith(f"{need}/"):
                    yield stage


def make_plan(experiment: Experiment) -> list[Stage]:
    """Every stage up to the pictures, each after those that it reads; nothing is run."""
    return _Planner(experiment).plan()


def run_id(experiment: Experiment, stages: list[Stage]) -> str:
    """Twelve hexadecimal digits that name a run: the same config on the same data, the same id."""
    written = ("report", "sections", "frameworks", "measure_time")
    config = Places(experiment.raw, Path.cwd()).config
    content = {
        "name": experiment.name,
        "stages": {stage.id: stage.key for stage in stages},
        "report": {group: config[group] for group in written},
        **_own_frameworks(experiment),
        "refused": [
            {**vars(one), "reason": without_local_paths(one.reason)} for one in experiment.refused
        ],
    }
    return digest(content)[:12]


def _own_frameworks(experiment: Experiment) -> dict[str, Any]:
    """The hashes of frameworks of one's own; nothing where there are none."""
    chosen = experiment.multiple["frameworks"].values()
    own = {one.id: sha256_file(one.file) for one in chosen if one.file is not None}
    return {"frameworks": own} if own else {}


@cache
def writing_key() -> str:
    """Hash of all that turns results into text: templates, sections, findings, renderer."""
    files = sorted(path for path in shipped("templates").rglob("*") if path.is_file())
    templates = {
        path.name + str(index): hashlib.sha256(path.read_bytes()).hexdigest()
        for index, path in enumerate(files)
    }
    return digest([templates, code_of("deepseek_report.runner.writing")])
