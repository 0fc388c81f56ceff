"""Computes one stage under its lock, unless the store has it, and keeps what came of it."""

from __future__ import annotations

import dataclasses
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text, plain, text_of
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import entries
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import DataError, DeepseekReportError, NotApplicableError
from deepseek_report.findings.conclude import conclude, concluded_from
from deepseek_report.metrics.internals.compute import process_peak
from deepseek_report.privacy.release import MADE_FROM_RELEASED, released
from deepseek_report.provenance import versions
from deepseek_report.runner.execution.run_events import Send, StageProgress
from deepseek_report.runner.execution.stages import StageJob, artifact_paths, run_stage
from deepseek_report.runner.execution.workers import give_memory_back
from deepseek_report.runner.planning.plan import CONCLUSIONS, Stage
from deepseek_report.runner.planning.work import work_facts
from deepseek_report.runner.run_folders.open_run import MissingPart
from deepseek_report.store import Store


@dataclass(frozen=True)
class StageOutcome:
    """How one stage ended: its folder, or the reason why there is none.

    roots : the stages that broke and so took this one with them.
    bad_data : the data cannot be used as they are, so there is nothing to report on.
    """

    stage: str
    folder: Path | None = None
    seconds: float = 0.0
    reason: Text = ""
    applicable: bool = True
    details: str = ""
    cached: bool = False
    roots: tuple[str, ...] = ()
    bad_data: bool = False


@dataclass
class Execution:
    """What came of a plan. made : stages that ran without some inputs, under keys of their own."""

    outcomes: dict[str, StageOutcome] = field(default_factory=dict)
    made: dict[str, Stage] = field(default_factory=dict)

    @property
    def folders(self) -> dict[str, Path]:
        return {o.stage: o.folder for o in self.outcomes.values() if o.folder is not None}

    @property
    def failures(self) -> list[StageOutcome]:
        """What was asked for and broke; not what was refused with a reason."""
        return [o for o in self.outcomes.values() if o.folder is None and o.applicable]

    @property
    def refused(self) -> list[StageOutcome]:
        return [o for o in self.outcomes.values() if o.folder is None and not o.applicable]

    def problems(self, experiment: Experiment) -> list[MissingPart]:
        """Why parts are missing: left out by the config, refused by a part, failed."""
        refused = [
            *((refusal.artifact, refusal.reason) for refusal in experiment.refused),
            *((outcome.stage, outcome.reason) for outcome in self.refused),
        ]
        return [
            *(
                MissingPart.of(part, reason, "not applicable", named=experiment.is_named(part))
                for part, reason in refused
            ),
            *(MissingPart.of(each.stage, each.reason, "failed") for each in self.failures),
        ]


#: Stages whose code can take up what a killed run left in the work folder.
_RESUMABLE = frozenset({"training"})


def run_locked(store: Store, stage: Stage, job: StageJob, send: Send) -> StageOutcome:
    """Compute one stage unless another process has done so meanwhile; never raises."""
    try:
        with store.lock(stage.place, stage.key):
            return _find_or_compute(store, stage, job, send)
    except DataError as error:
        return StageOutcome(stage.id, reason=str(error), bad_data=stage.kind == "data")
    except DeepseekReportError as error:
        return StageOutcome(stage.id, reason=str(error))
    except Exception as error:  # one broken part must not take the report with it
        return StageOutcome(
            stage.id, reason=f"{type(error).__name__}: {error}", details=traceback.format_exc()
        )


def _find_or_compute(store: Store, stage: Stage, job: StageJob, send: Send) -> StageOutcome:
    started = time.perf_counter()
    if (stored := stage.folder(store)) is not None:
        return kept_outcome(store, stage, stored)
    try:
        folder = _compute(store, stage, job, send)
    except NotApplicableError as error:
        return _refuse(store, stage, error.reason)
    return StageOutcome(stage.id, folder, time.perf_counter() - started)


def kept_outcome(store: Store, stage: Stage, folder: Path) -> StageOutcome:
    """What the store says of a stage: its folder, or why it cannot be applied."""
    reason = text_of(store.manifest(stage.place, stage.key).facts.get("refused", ""))
    if reason:
        return StageOutcome(stage.id, reason=reason, applicable=False, cached=True)
    return StageOutcome(stage.id, folder, cached=True)


def _refuse(store: Store, stage: Stage, reason: Text) -> StageOutcome:
    """Keep a refusal like a result: it follows from the same inputs."""
    folder = store.work_folder(stage.place, stage.key)
    store.publish(stage.place, stage.key, folder, {"refused": plain(reason)})
    return StageOutcome(stage.id, reason=reason, applicable=False)


def _compute(store: Store, stage: Stage, job: StageJob, send: Send) -> Path:
    started = time.perf_counter()
    work = _run_or_resume(store, stage, job, send)
    give_memory_back()
    facts: dict[str, object] = {
        "inputs": list(stage.inputs),
        "versions": versions(),
        "device": job.device,
        "work": work_facts(job.experiment, stage, job.inputs.get("data", work)),
    }
    if job.experiment.settings.measure_time:
        seconds = round(time.perf_counter() - started, 3)
        facts |= {"seconds": seconds, "peak_memory": round(process_peak(), 1)}  # MiB of the process
    return store.publish(stage.place, stage.key, work, facts)


def _run_or_resume(store: Store, stage: Stage, job: StageJob, send: Send) -> Path:
    """Run a stage in its work folder; where what a killed run left breaks it, start anew."""
    work = store.work_folder(stage.place, stage.key, resume=stage.kind in _RESUMABLE)
    resumed = any(entries(work))
    try:
        _run_stage(job, work, StageProgress(stage.id, send))
    except DeepseekReportError:
        raise
    except Exception:
        if not resumed:
            raise
        work = store.work_folder(stage.place, stage.key)
        _run_stage(job, work, StageProgress(stage.id, send))
    return work


def _run_stage(job: StageJob, work: Path, progress: StageProgress) -> None:
    """Run a stage; what is concluded and drawn rests on no more than the report may tell."""
    with ExitStack() as stack:
        if not job.experiment.privacy.is_full and ArtifactId(job.id).kind in MADE_FROM_RELEASED:
            inputs = stack.enter_context(released(job.inputs, job.experiment))
            job = dataclasses.replace(job, inputs=inputs)
        if job.id == CONCLUSIONS:
            run_conclusions(job, work)
        elif job.is_of_folds:
            from deepseek_report.runner.execution.fold_runs import run_folds

            run_folds(job, work, progress)
        else:
            run_stage(job, work, progress)


def run_conclusions(job: StageJob, folder: Path) -> None:
    """Conclude from the finished stages, save the timed ones, and write the artifact to `folder`.

    What times and memory say is concluded where it is read, see `conclusions_of`: it is a record.
    """
    paths, config = artifact_paths(job.inputs), concluded_from(job.experiment.raw)
    timed = {name: path for name, path in paths.items() if name in job.experiment.timed}
    promised = {score.metric for score in Results(timed, config).all_scores}
    report = config["report"]
    kept = [each for each in report["thresholds"] or () if each["metric"] not in promised]
    config["report"] = {**report, "thresholds": kept}
    results = {name: path for name, path in paths.items() if name not in timed}
    conclude(Results(results, config, job.failures, job.refused)).save(folder)
