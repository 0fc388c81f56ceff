"""Copies of finished stages that hold no more of single persons than `report.privacy` allows.

What is copied is named here, stage by stage and file by file; a file that nobody names stays in the
store.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.disclosure import Privacy
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import message, plain, text_of
from deepseek_report.artifacts.predictions import PredictionSummary
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.plain_files import copy_file, make_folder
from deepseek_report.config.experiment import Experiment
from deepseek_report.data_kinds import kind_of
from deepseek_report.privacy.card_release import released_card, released_issues, released_schema
from deepseek_report.privacy.measures import is_private, released_measurement, without_private
from deepseek_report.privacy.withheld import RunSource
from deepseek_report.store import copy_tree

#: Stands for a row number that a run folder must not hold; no config with it is accepted.
WITHHELD = "withheld"
_CASES = "report.cases"


def told_config(config: Mapping[str, Any], privacy: Privacy) -> dict[str, Any]:
    """The config as the run folder holds it."""
    if privacy.is_full or not privacy.named:
        return dict(config)
    return {**config, "report": {**config["report"], "cases": [WITHHELD] * privacy.named}}


def told_overrides(overrides: Sequence[str], privacy: Privacy) -> list[str]:
    """The overrides that repeat the run, as the run folder holds them."""
    if privacy.is_full:
        return list(overrides)
    hidden = f"{_CASES}=[{','.join([WITHHELD] * privacy.named)}]"
    return [hidden if text.lstrip("+~").startswith(_CASES) else text for text in overrides]


def told_problems(
    problems: Iterable[Mapping[str, Any]], privacy: Privacy, source: RunSource | None
) -> Iterable[dict[str, Any]]:
    """Why parts are missing, without what quotes the data or counts few instances."""
    for problem in problems:
        if privacy.is_full or not _is_quoting(problem, source):
            yield dict(problem)
        else:
            reason = message("refusals.withheld", level=privacy.level)
            yield {**problem, "reason": reason.to_json()}


def _is_quoting(problem: Mapping[str, Any], source: RunSource | None) -> bool:
    """Errors may quote any value; a part that refuses words its reason itself."""
    if problem["kind"] == "failed" or source is None:
        return True
    return is_private(text_of(problem["reason"]), source)


#: Stages that read copies like these; pictures by plug-ins that say what they show.
MADE_FROM_RELEASED = frozenset({"conclusions", "pictures"})
#: Files of a training folder that hold nothing of single rows. Weights are not among them: they
#: hold means, ends and rare values of columns, and of some models training rows.
_OF_TRAINING = ("history.parquet", "training.json", "architecture.json", "timing.json")
#: What is told of how a model is made. A list of rules is not: its conditions hold the codes of
#: every value, also of those that few have; the `rules` metric tells it in words.
_OF_ARCHITECTURE = ("name", "summary", "parameters", "layers")


def release(stages: Mapping[str, Path], experiment: Experiment, folder: Path) -> dict[str, Path]:
    """Copy what may leave the store.

    stages : {stage: its folder in the store}; `data` must be among them.
    experiment : says the level, and holds the plug-ins with what they declare.
    folder : where the copies go.

    Returns
    -------
    {stage: its copy}; a stage of which nothing may be told is not among them.
    """
    copied: dict[str, Path] = {}
    if "data" not in stages:
        return copied
    source = source_of(stages, experiment.privacy)
    for stage, path in stages.items():
        target = folder / stage
        _release_stage(_Stage(stage, path, target), experiment, source)
        if target.is_dir():
            copied[stage] = target
    return copied


@contextmanager
def released(stages: Mapping[str, Path], experiment: Experiment) -> Iterator[dict[str, Path]]:
    """The same copies in a folder that is there inside of the block alone."""
    with tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
        yield release(stages, experiment, Path(folder))


def source_of(stages: Mapping[str, Path], privacy: Privacy) -> RunSource:
    """What the filter needs to know, from the stages as the store holds them."""
    return RunSource.of(stages["data"], stages.get("predictions"), privacy)


@dataclasses.dataclass(frozen=True)
class _Stage:
    id: str
    source: Path
    target: Path


def _release_stage(stage: _Stage, experiment: Experiment, source: RunSource) -> None:
    artifact = ArtifactId(stage.id)
    kind, name = artifact.kind, artifact.name
    if kind == "data":
        _data(stage, source)
    elif kind == "training":
        _training(stage, source)
    elif kind == "predictions":
        _predictions(stage, source)
    elif kind == "explanations":
        _explanation(stage, source)
    elif kind == "measures":
        measurement = Measurement.load(stage.source)
        plugin = experiment.multiple["metrics"][name]
        released_measurement(measurement, plugin, source).save(stage.target)
    elif kind in MADE_FROM_RELEASED:
        copy_tree(stage.source, stage.target)


def _data(stage: _Stage, source: RunSource) -> None:
    dataset = source.dataset
    save_json(stage.target / "schema.json", released_schema(dataset.schema, source).to_json())
    save_json(stage.target / "card.json", plain(released_card(dataset.card, source)))
    issues = [issue.to_json() for issue in released_issues(dataset.issues, source)]
    save_json(stage.target / "issues.json", issues)


def _training(stage: _Stage, source: RunSource) -> None:
    make_folder(stage.target)
    for name in _OF_TRAINING:
        if (stage.source / name).is_file():
            copy_file(stage.source / name, stage.target / name)
    facts = stage.target / "training.json"
    if facts.is_file():
        recorded = load_json(facts)
        notes = without_private(map(text_of, recorded.get("notes") or []), source)
        save_json(facts, {**recorded, "notes": plain(notes)})
    architecture = stage.target / "architecture.json"
    if architecture.is_file():
        described = load_json(architecture)
        save_json(architecture, {k: described[k] for k in _OF_ARCHITECTURE if k in described})


def _predictions(stage: _Stage, source: RunSource) -> None:
    """How many there are, the rule and the rates of the test part; no row."""
    if source.predictions is not None:
        PredictionSummary.of(source.predictions).save(stage.target / "test")


def _explanation(stage: _Stage, source: RunSource) -> None:
    hollow(Explanation.load(stage.source), source).save(stage.target)


def hollow(explanation: Explanation, source: RunSource) -> Explanation:
    """The explanation without its rows: how it was made, of how many, how exactly on the mean."""
    n = len(explanation)
    nothing = np.full(n, np.nan)
    error = kind_of(source.dataset.schema).mean_error(explanation)
    params: dict[str, Any] = {
        name: value
        for name, value in explanation.params.items()
        if not isinstance(value, (list, tuple))
    }
    return dataclasses.replace(
        explanation,
        values=np.zeros((n, 0)),
        inputs=np.zeros((n, 0)),
        predictions=nothing,
        positions=np.arange(n, dtype=np.int64),
        base_values=None if explanation.base_values is None else nothing,
        standard_error=None if error is None else np.full((n, 1), error),
        decided=None,
        others=None,
        params=params,
        notes=tuple(without_private(explanation.notes, source)),
    )
