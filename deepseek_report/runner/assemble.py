"""Gathers the finished stages of a run in one folder that can be copied anywhere whole."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deepseek_report.artifacts.files import save_json, save_table
from deepseek_report.artifacts.local_paths import without_local_paths
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.training import model_digest
from deepseek_report.compliance.framework import FRAMEWORK_FILE
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.portable import Places
from deepseek_report.provenance import environment, versions
from deepseek_report.runner.execute import Execution
from deepseek_report.runner.plan import Stage
from deepseek_report.runner.stages import artifact_paths
from deepseek_report.runner.writing import ARTIFACTS, RUN
from deepseek_report.store import Store, copy_tree, digest, hash_folder

#: Training rows stay in the store: a report needs none of them, and they are people's data.
_NOT_COPIED = frozenset({"train.npz", "validation.npz"})
#: Event files carry the clock in their names and contents.
_CLOCKED = "tensorboard"


def assemble(
    experiment: Experiment,
    stages: Sequence[Stage],
    execution: Execution,
    store: Store,
    folder: Path,
    identity: Mapping[str, Any],
) -> None:
    """Copy the artifacts into `folder` and write `run.json`, `config.yaml` and `scores.parquet`.

    identity : {"run_id": …, "command": how to repeat the run, see `Places.command`}.
    """
    _copy(execution, folder, experiment.settings.measure_time)
    config = Places(experiment.raw, Path.cwd()).config
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
    (folder / "config.yaml").write_text(text, encoding="utf-8", newline="\n")
    artifacts = _artifacts(execution, folder) | _frameworks(experiment, folder)
    run = {
        "format": "deepseek-report/run",
        "format_version": 1,
        **identity,
        "experiment": experiment.name,
        "config": config,
        "artifacts": artifacts,
        "problems": list(_problems(experiment, execution)),
        "findings": [],
        "thresholds": [],
        "digests": _digests(artifacts, config, stages, store),
        "versions": versions(),
        "environment": environment(_device(store, stages, execution)),
        "stages": list(_stages(stages, execution, store)),
    }
    save_json(folder / RUN, run)
    paths = {name: folder / entry["path"] for name, entry in artifacts.items()}
    save_table(folder / "scores.parquet", Results(paths, config).scores)


def _copy(execution: Execution, folder: Path, measure_time: bool) -> None:
    for stage, source in execution.folders.items():
        target = folder / ARTIFACTS / stage
        copy_tree(source, target)
        for name in _NOT_COPIED:
            if stage == "data":
                (target / name).unlink(missing_ok=True)
        if not measure_time:
            (target / "timing.json").unlink(missing_ok=True)
    events = folder / ARTIFACTS / "training" / _CLOCKED
    if events.is_dir():
        _move_events(events, folder / _CLOCKED)


def _move_events(events: Path, target: Path) -> None:
    """TensorBoard's files, under names that do not hold the host's."""
    target.mkdir()
    for number, path in enumerate(sorted(events.iterdir())):
        path.rename(target / f"events.out.tfevents.{number}")
    events.rmdir()


def _artifacts(execution: Execution, folder: Path) -> dict[str, Any]:
    stages = {stage: folder / ARTIFACTS / stage for stage in execution.folders}
    return {
        name: {"path": path.relative_to(folder).as_posix(), "files": hash_folder(path)}
        for name, path in artifact_paths(stages).items()
    }


def _frameworks(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Copies of the frameworks of one's own, so that the run can be written again anywhere."""
    copies = {}
    for choice in experiment.multiple["frameworks"].values():
        if choice.file is not None:
            target = folder / ARTIFACTS / "frameworks" / re.sub(r"[^\w-]", "_", choice.id)
            target.mkdir(parents=True)
            shutil.copyfile(choice.file, target / FRAMEWORK_FILE)
            path = target.relative_to(folder).as_posix()
            copies[f"frameworks/{choice.id}"] = {"path": path, "files": hash_folder(target)}
    return copies


def _problems(experiment: Experiment, execution: Execution) -> Iterable[dict[str, str]]:
    for refusal in experiment.refused:
        yield _problem(refusal.artifact, refusal.reason, "not applicable")
    for outcome in execution.refused:
        yield _problem(outcome.stage, outcome.reason, "not applicable")
    for outcome in execution.failures:
        yield _problem(outcome.stage, outcome.reason, "failed")


def _problem(stage: str, reason: str, kind: str) -> dict[str, str]:
    return {"stage": stage, "reason": without_local_paths(reason), "kind": kind}


def _digests(
    artifacts: Mapping[str, Any],
    config: Mapping[str, Any],
    stages: Sequence[Stage],
    store: Store,
) -> dict[str, str]:
    training = artifacts.get("training", {}).get("files", {})
    keys = {stage.id: stage.key for stage in stages}
    data = store.manifest("data", keys["data"])["files"] if "data" in artifacts else {}
    return {
        "data": digest(data),
        "weights": model_digest(training),
        "config": digest(config),
        "code": digest(keys),
    }


def _device(store: Store, stages: Sequence[Stage], execution: Execution) -> str:
    trained = next((one for one in stages if one.id == "training"), None)
    if trained is None or "training" not in execution.folders:
        return "none"
    return str(store.manifest(trained.id, trained.key).get("device", ""))


def _stages(
    stages: Sequence[Stage], execution: Execution, store: Store
) -> Iterable[dict[str, Any]]:
    """{id, key, seconds} of each finished stage; seconds is null where time was not measured."""
    for stage in stages:
        if stage.id in execution.folders:
            seconds = store.manifest(stage.id, stage.key).get("seconds")
            yield {"id": stage.id, "key": stage.key, "seconds": seconds}
