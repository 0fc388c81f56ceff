"""Gathers the finished stages of a run in one folder that can be copied anywhere whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path

import pandas as pd
import yaml

from deepseek_report.artifacts.ids import BEFORE, ArtifactId
from deepseek_report.artifacts.protocols.models import model_digest
from deepseek_report.artifacts.results import PROVENANCE
from deepseek_report.artifacts.score import Score, load_scores
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.files import save_json, save_table
from deepseek_report.compliance.beside_config import beside_config
from deepseek_report.compliance.framework import FRAMEWORK_FILE
from deepseek_report.config.experiment import Experiment
from deepseek_report.privacy.release import release
from deepseek_report.provenance import environment, lock, versions
from deepseek_report.rendering.markdown import slug
from deepseek_report.runner.execution.computing import Execution
from deepseek_report.runner.execution.stages import artifact_paths
from deepseek_report.runner.planning.plan import Stage, named_beside, recorded_config
from deepseek_report.runner.run_folders.open_run import (
    CopiedArtifact,
    RecordedRun,
    disclosed_problems,
)
from deepseek_report.store import Store, copy_tree, digest, hash_folder
from deepseek_report.store.run_folder import (
    ARTIFACTS,
    CONFIG,
    DOCUMENTS_MANIFEST,
    ENVIRONMENT,
    EVENTS,
    RECORDS,
    RECORDS_MANIFEST,
    RUN,
    SCORES,
    class_of,
)
from deepseek_report.wording.of_results import score_table

#: Training rows stay in the store: a report needs none of them, and they are people's data.
_NOT_COPIED = frozenset({"train.npz", "validation.npz"})
#: What differs from run to run by nature, and is in every run that measures time.
_VOLATILE = (
    *(PROVENANCE, ENVIRONMENT, f"{EVENTS}/*", RECORDS_MANIFEST, DOCUMENTS_MANIFEST),
    *(f"{ARTIFACTS}/*/times.json", f"{RECORDS}/{SCORES}"),
    *("report.*", "brief.*", "citation.bib"),
    *("evidence.json", "findings.json"),
    f"{ARTIFACTS}/conclusions/*",
    *("tables/bottlenecks-*", "tables/compliance-*", "tables/reproducibility-*"),
    "tables/trust-cost*",
)


def assemble(
    experiment: Experiment,
    stages: Sequence[Stage],
    execution: Execution,
    store: Store,
    folder: Path,
    *,
    run_id: str,
    command: Mapping[str, object],
) -> None:
    """Copy the artifacts into `folder`; write `run.json`, `environment.json`, `config.yaml` and the
    tables of scores.

    command : how to repeat the run, see `PortablePaths.command`.
    """
    timed = experiment.timed & execution.folders.keys()
    _copy(experiment, execution, folder, timed)
    privacy = experiment.privacy
    config = recorded_config(experiment)
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
    plain_files.write_text(folder / CONFIG, text)
    paths = {
        stage: folder / (RECORDS if stage in timed else ARTIFACTS) / stage
        for stage in execution.folders
    }
    stored = artifact_paths({stage: path for stage, path in paths.items() if path.is_dir()})
    artifacts = {name: _copied(path, folder) for name, path in stored.items()}
    artifacts |= _frameworks(experiment, folder) | _beside_config(experiment, folder)
    run = RecordedRun(
        run_id=run_id,
        command=command,
        experiment=experiment.name,
        config=config,
        artifacts=artifacts,
        problems=disclosed_problems(experiment, execution.problems(experiment), execution.folders),
        privacy={"level": privacy.level, "floor": privacy.floor},
        digests=_digests(artifacts, config, stages, store),
        versions=versions(),
        lock=lock(),
        environment=environment(_device(store, stages, execution)),
        plan={stage.id: stage.key for stage in stages},
        stages=list(_stages(stages, execution, store)),
        volatile=list(_volatile(experiment)),
    )
    save_json(folder / RUN, run.to_json())
    save_json(folder / ENVIRONMENT, run.environment_json())
    for path, table in score_tables(folder, run).items():
        save_table(path, table)


def score_tables(folder: Path, run: RecordedRun) -> dict[Path, pd.DataFrame]:
    """{file: its table} of the scores of a run; those of time and memory are a record."""
    scores: dict[Path, list[Score]] = {folder / SCORES: []}
    for name, entry in run.artifacts.items():
        if ArtifactId(name).kind == "measures":
            is_record = entry.path.startswith(f"{RECORDS}/")
            file = folder / RECORDS / SCORES if is_record else folder / SCORES
            scores.setdefault(file, []).extend(load_scores(folder / entry.path))
    return {file: score_table(held) for file, held in scores.items()}


def _copy(experiment: Experiment, execution: Execution, folder: Path, timed: Set[str]) -> None:
    """Copy what the run's own stages made, as far as its level of privacy allows."""
    own = {name: path for name, path in execution.folders.items() if name not in BEFORE.values()}
    if experiment.privacy.is_full:
        _copy_whole(own, folder, experiment.settings.measure_time)
    else:
        release(own, experiment, folder / ARTIFACTS)
    for stage in timed:
        target = folder / RECORDS / stage
        plain_files.make_folder(target.parent)
        plain_files.move(folder / ARTIFACTS / stage, target)
    if not experiment.settings.measure_time:
        for path in plain_files.files_below(folder / ARTIFACTS, "times.json"):
            if path.name == "times.json":
                plain_files.remove(path)


def _copy_whole(stages: Mapping[str, Path], folder: Path, measure_time: bool) -> None:
    for stage, source in stages.items():
        target = folder / ARTIFACTS / stage
        copy_tree(source, target)
        for name in _NOT_COPIED:
            if stage == "data":
                plain_files.remove(target / name)
    events = folder / ARTIFACTS / "training" / EVENTS
    if events.is_dir():
        if measure_time:
            _copy_events(events, folder / EVENTS)
        plain_files.remove(events)


def _copy_events(events: Path, target: Path) -> None:
    """TensorBoard's files, which carry the clock, under names that do not hold the host's."""
    plain_files.make_folder(target)
    for number, path in enumerate(plain_files.files_in(events)):
        plain_files.move(path, target / f"events.out.tfevents.{number}")


def _volatile(experiment: Experiment) -> Iterator[str]:
    """Patterns of the files that differ between two runs; none where no time is measured."""
    if not experiment.settings.measure_time:
        return
    yield from _VOLATILE
    timed = experiment.timed
    yield from (f"{RECORDS}/{artifact}/*" for artifact in sorted(timed))
    for name, metric in experiment.metrics.items():
        for table, kind in metric.tables.items():
            if metric.volatile and kind.section:
                yield f"tables/{slug('-'.join(dict.fromkeys((kind.section, name, table))))}*"
    for artifact in sorted(timed):
        if ArtifactId(artifact).kind == "pictures":
            yield f"figures/*{slug(ArtifactId(artifact).rest)}*"


def _copied(path: Path, folder: Path) -> CopiedArtifact:
    place = path.relative_to(folder).as_posix()
    hashes = hash_folder(path).items()
    results = {name: sha for name, sha in hashes if class_of(f"{place}/{name}") == "result"}
    return CopiedArtifact(place, results)


def _frameworks(experiment: Experiment, folder: Path) -> dict[str, CopiedArtifact]:
    """Copies of the frameworks of one's own, so that the run can be written again anywhere."""
    copies: dict[str, CopiedArtifact] = {}
    for choice in experiment.frameworks.values():
        if choice.file is not None:
            target = folder / ARTIFACTS / "frameworks" / choice.id
            plain_files.copy_file(choice.file, target / FRAMEWORK_FILE, links=True)
            copies[ArtifactId.of("frameworks", choice.id)] = _copied(target, folder)
    return copies


def _beside_config(experiment: Experiment, folder: Path) -> dict[str, CopiedArtifact]:
    """Copies of the files beside the config that belong to the run, such as a seal."""
    copies: dict[str, CopiedArtifact] = {}
    for name, files in beside_config().files(named_beside(experiment)).items():
        target = folder / ARTIFACTS / name
        for file, source in files.items():
            plain_files.copy_file(source, target / file, links=True)
        copies[name] = _copied(target, folder)
    return copies


def _digests(
    artifacts: Collection[str], config: Mapping[str, object], stages: Sequence[Stage], store: Store
) -> dict[str, str]:
    keys = {stage.id: stage.key for stage in stages}
    data, trained = (
        store.manifest(name, keys[name]).files if name in artifacts else {}
        for name in ("data", "training")
    )
    return {
        "data": digest(data),
        "weights": model_digest(trained),
        "config": digest(config),
        "code": digest({stage.id: stage.code for stage in stages}),
    }


def _device(store: Store, stages: Sequence[Stage], execution: Execution) -> str:
    trained = next((stage for stage in stages if stage.id == "training"), None)
    if trained is None or "training" not in execution.folders:
        return "none"
    return str(store.manifest(trained.id, trained.key).facts.get("device", ""))


def _stages(
    stages: Sequence[Stage], execution: Execution, store: Store
) -> Iterable[dict[str, object]]:
    """{id, key, seconds} of each finished stage; seconds is null where time was not measured."""
    for stage in stages:
        if stage.id in execution.folders:
            key = execution.made.get(stage.id, stage).key
            seconds = store.manifest(stage.place, key).facts.get("seconds")
            yield {"id": stage.id, "key": key, "seconds": seconds}
