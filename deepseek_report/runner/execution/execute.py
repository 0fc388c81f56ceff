"""Runs a plan: what is in the store is taken from it, the rest is computed, failures are kept."""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import (
    Text,
    all_reasons,
    message,
    plain,
    text_of,
)
from deepseek_report.artifacts.protocols.traits import PicturePart, traits_of
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import (
    DataError,
    DeepseekReportError,
    NotApplicableError,
    UnknownCaseError,
)
from deepseek_report.privacy.release import MADE_FROM_RELEASED, released
from deepseek_report.provenance import versions
from deepseek_report.runner.execution.concluding import run_conclusions
from deepseek_report.runner.execution.outcomes import Execution, StageOutcome
from deepseek_report.runner.execution.pool import Pool
from deepseek_report.runner.execution.run_events import Reporter, StageProgress
from deepseek_report.runner.execution.stages import StageJob, run_stage
from deepseek_report.runner.execution.workers import give_memory_back, one_thread, tell
from deepseek_report.runner.planning.against_data import refuse_misfits
from deepseek_report.runner.planning.cost import cost_left
from deepseek_report.runner.planning.plan import CONCLUSIONS, Stage
from deepseek_report.runner.planning.work import work_facts
from deepseek_report.runner.run_folders.missing_parts import disclosed_problems, problem, reasons
from deepseek_report.store import Store, digest
from deepseek_report.wording.words import wording

#: Stages after which it is better known how long the others take.
_TELLING = frozenset({"data", "training"})
#: Stages whose code can take up what a killed run left in the work folder.
_RESUMABLE = frozenset({"training"})
_DIED_ONCE = message("refusals.died_once")
_DIED_TWICE = message("refusals.died_twice")


def run_locked(
    store: Store, stage: Stage, job: StageJob, send: Callable[[Any], None]
) -> StageOutcome:
    """Compute one stage unless another process has done so meanwhile; never raises."""
    try:
        with store.lock(stage.id, stage.key):
            return _find_or_compute(store, stage, job, send)
    except DataError as error:
        return StageOutcome(stage.id, reason=str(error), bad_data=_is_bad_data(stage, error))
    except DeepseekReportError as error:
        return StageOutcome(stage.id, reason=str(error))
    except Exception as error:  # one broken part must not take the report with it
        reason = f"{type(error).__name__}: {error}"
        return StageOutcome(stage.id, reason=reason, details=traceback.format_exc())


def _find_or_compute(
    store: Store, stage: Stage, job: StageJob, send: Callable[[Any], None]
) -> StageOutcome:
    started = time.perf_counter()
    if (stored := store.find(stage.id, stage.key)) is not None:
        return _kept(store, stage, stored)
    try:
        folder = _compute(store, stage, job, send)
    except NotApplicableError as error:
        return _refuse(store, stage, error.reason)
    return StageOutcome(stage.id, folder, time.perf_counter() - started)


def _is_bad_data(stage: Stage, error: DataError) -> bool:
    """Whether there is nothing to report on: no data, or not the cases that were asked for."""
    return stage.kind == "data" or isinstance(error, UnknownCaseError)


def _kept(store: Store, stage: Stage, folder: Path) -> StageOutcome:
    """What the store says of a stage: its folder, or why it cannot be applied."""
    reason = text_of(store.manifest(stage.id, stage.key).get("refused", ""))
    if reason:
        return StageOutcome(stage.id, reason=reason, applicable=False, cached=True)
    return StageOutcome(stage.id, folder, cached=True)


def _refuse(store: Store, stage: Stage, reason: Text) -> StageOutcome:
    """Keep a refusal like a result: it follows from the same inputs."""
    folder = store.work_folder(stage.id, stage.key)
    store.publish(stage.id, stage.key, folder, {"refused": plain(reason)})
    return StageOutcome(stage.id, reason=reason, applicable=False)


def _compute(store: Store, stage: Stage, job: StageJob, send: Callable[[Any], None]) -> Path:
    started = time.perf_counter()
    work = _run_or_resume(store, stage, job, send)
    give_memory_back()
    facts: dict[str, Any] = {"inputs": list(stage.inputs), "versions": versions()}
    facts["device"] = job.device
    facts["work"] = work_facts(job.experiment, stage, job.inputs.get("data", work))
    if job.experiment.settings.measure_time:
        facts["seconds"] = round(time.perf_counter() - started, 3)
    return store.publish(stage.id, stage.key, work, facts)


def _run_or_resume(store: Store, stage: Stage, job: StageJob, send: Callable[[Any], None]) -> Path:
    """Run a stage in its work folder; where what a killed run left breaks it, start anew."""
    work = store.work_folder(stage.id, stage.key, resume=stage.kind in _RESUMABLE)
    resumed = any(work.iterdir())
    try:
        _run_stage(job, work, StageProgress(stage.id, send))
    except DeepseekReportError:
        raise
    except Exception:
        if not resumed:
            raise
        work = store.work_folder(stage.id, stage.key)
        _run_stage(job, work, StageProgress(stage.id, send))
    return work


def _run_stage(job: StageJob, work: Path, progress: StageProgress) -> None:
    """Run a stage; what is concluded and drawn rests on no more than the report may tell."""
    withheld = not job.experiment.privacy.is_full
    if withheld and ArtifactId(job.id).kind in MADE_FROM_RELEASED:
        with released(job.inputs, job.experiment) as inputs:
            _run_on(dataclasses.replace(job, inputs=inputs), work, progress)
    else:
        _run_on(job, work, progress)


def _run_on(job: StageJob, work: Path, progress: StageProgress) -> None:
    if job.id == CONCLUSIONS:
        run_conclusions(job, work)
    else:
        run_stage(job, work, progress)


def execute(
    experiment: Experiment, stages: Iterable[Stage], store: Store, device: str, reporter: Reporter
) -> Execution:
    """Run the stages in order of what they need; the store keeps what succeeds.

    A stage whose input failed is not run; its reason names the input.
    """
    return _Run(experiment, list(stages), store, device, reporter).run()


class _Run:
    def __init__(
        self,
        experiment: Experiment,
        stages: list[Stage],
        store: Store,
        device: str,
        reporter: Reporter,
    ) -> None:
        self.experiment, self.store, self.device = experiment, store, device
        self.reporter = reporter
        self.words = wording(experiment.single["report"].language)
        self.execution = Execution()
        self.waiting = {stage.id: stage for stage in stages}
        self.order = [stage.id for stage in stages]

    def run(self) -> Execution:
        for stage in list(self.waiting.values()):
            if (folder := stage.folder(self.store)) is not None:
                self.done(_kept(self.store, stage, folder))
        self.tell_cost()
        self.run_waiting()
        outcomes = {name: self.execution.outcomes[name] for name in self.order}
        return Execution(outcomes, self.execution.made)

    def job(self, stage: Stage) -> StageJob:
        inputs = {name: self.execution.outcomes[name].folder for name in stage.inputs}
        present = {name: folder for name, folder in inputs.items() if folder is not None}
        job = StageJob(stage.id, self.experiment, present, self.device, stage.source)
        if stage.id != CONCLUSIONS:
            return job
        missing = self.missing(stage)
        failures, refused = reasons(missing, "failed"), reasons(missing, "not applicable")
        return dataclasses.replace(job, failures=failures, refused=refused)

    def missing(self, stage: Stage) -> list[dict[str, str]]:
        """Why inputs of a stage are missing, as the run folder will tell it."""
        execution = self.execution
        known = {refusal.artifact for refusal in self.experiment.refused} | set(stage.inputs)
        problems = [
            entry for entry in execution.problems(self.experiment) if entry["stage"] in known
        ]
        return disclosed_problems(self.experiment, problems, execution.folders)

    def as_made(self, stage: Stage) -> Stage:
        """The stage under a key of its own where it goes on without inputs that broke.

        So what was made of less than was planned never stands in the store for the whole.
        """
        outcomes, made = self.execution.outcomes, self.execution.made
        less = {
            name: made[name].key if name in made else problem(name, outcomes[name].reason, "failed")
            for name in stage.inputs
            if name in made or (outcomes[name].folder is None and outcomes[name].applicable)
        }
        if not less:
            return stage
        made[stage.id] = dataclasses.replace(stage, key=digest([stage.key, less]))
        return made[stage.id]

    def ready(self, stage: Stage) -> bool:
        """Whether every input is there; a stage with a failed input is given up with the reason."""
        outcomes = self.execution.outcomes
        if any(name not in outcomes for name in stage.inputs):
            return False
        lost = [name for name in stage.inputs if outcomes[name].folder is None]
        if lost and not self.can_do_without(stage, lost):
            self.done(self.given_up(stage, lost))
            return False
        return True

    def given_up(self, stage: Stage, lost: list[str]) -> StageOutcome:
        """Why a stage is not run: what it lacks, or the reasons why that cannot be applied here."""
        outcomes, roots = self.execution.outcomes, self.roots(lost)
        if any(outcomes[name].applicable for name in lost):
            broken = [{"stage": root, "reason": outcomes[root].reason} for root in roots]
            reason: Text = message("refusals.lacks_input", inputs=lost, broken=broken)
            return StageOutcome(stage.id, reason=reason, roots=tuple(roots))
        reason = all_reasons(outcomes[root].reason for root in roots)
        return StageOutcome(stage.id, reason=reason, applicable=False, roots=tuple(roots))

    def roots(self, lost: list[str]) -> list[str]:
        """The stages that broke first: what is behind those that lacked their input."""
        outcomes = self.execution.outcomes
        return list(
            dict.fromkeys(root for name in lost for root in outcomes[name].roots or (name,))
        )

    def can_do_without(self, stage: Stage, lost: list[str]) -> bool:
        """What compares several explanations goes on with those that are left.

        Conclusions are drawn from whatever there is. A picture of which a whole need is lost does
        not go on.
        """
        if stage.id == CONCLUSIONS:
            return "data" not in lost
        if stage.kind not in {"measures", "pictures"} or stage.subject:
            return False
        if stage.kind == "pictures" and any(
            set(parts) <= set(lost) for parts in self.needed(stage) if parts
        ):
            return False
        left = [name for name in stage.inputs if name not in lost and "/" in name]
        return bool(left)

    def needed(self, stage: Stage) -> list[list[str]]:
        """For each need of a picture the inputs that it stands for."""
        picture = self.experiment.multiple["visualizations"][stage.name]
        return [
            [name for name in stage.inputs if ArtifactId(name).is_within(need)]
            for need in sorted(traits_of(picture, PicturePart).needs)
        ]

    def done(self, outcome: StageOutcome) -> None:
        self.execution.outcomes[outcome.stage] = outcome
        self.waiting.pop(outcome.stage, None)
        if not outcome.cached:
            told_before = outcome.roots and not outcome.applicable
            reason = "" if told_before else self.words.say(outcome.reason)
            self.reporter.finished(
                outcome.stage, outcome.seconds, reason, applicable=outcome.applicable
            )
        if outcome.stage in _TELLING and not outcome.cached:
            self.tell_cost()
        if outcome.bad_data:
            raise DataError(self.words.say(outcome.reason))
        if outcome.stage == "data" and outcome.folder is not None:
            _check_against_data(self.experiment, outcome.folder)

    def tell_cost(self) -> None:
        """Say what the stages that are left should take, now that more is known of them."""
        data = self.execution.outcomes.get("data")
        folder = data.folder if data is not None else None
        waiting = [
            stage for stage in self.waiting.values() if stage.id not in self.execution.outcomes
        ]
        cost = cost_left(self.experiment, waiting, self.store, folder)
        expected = {name: span.expected for name, span in cost.stages.items()}
        parallel = cost.parallel if self.device == "cpu" else 1
        self.reporter.planned(expected, parallel)

    def hear(self, message: Any) -> None:
        self.reporter.advanced(*message[1:])

    def run_waiting(self) -> None:
        if not self.waiting:
            return
        jobs = min(self.experiment.settings.jobs, len(self.waiting))
        if jobs == 1 or self.device != "cpu" or self.experiment.is_given:
            one_thread()
            self.run_here()
            return
        Pool(self, jobs).run()

    def run_here(self) -> None:
        while ready := list(self.startable()):
            for stage in ready:
                self.reporter.started(stage.id)
                self.done(run_locked(self.store, self.as_made(stage), self.job(stage), self.hear))

    def startable(self) -> Iterator[Stage]:
        return (stage for stage in list(self.waiting.values()) if self.ready(stage))

    def start(self, pool: ProcessPoolExecutor, stage: Stage) -> Future[StageOutcome]:
        return pool.submit(_in_worker, self.store, self.as_made(stage), self.job(stage))

    def returned(self, stage: Stage, future: Future[StageOutcome]) -> None:
        error = future.exception()
        reason = f"{type(error).__name__}: {error}"
        self.done(future.result() if error is None else StageOutcome(stage.id, reason=reason))

    def lost(self, stage: Stage, *, for_good: bool) -> None:
        if for_good:
            self.done(StageOutcome(stage.id, reason=_DIED_TWICE))
        else:
            self.reporter.finished(stage.id, 0.0, self.words.say(_DIED_ONCE))

    def on_message(self, message: Any) -> None:
        if message[0] == "started":
            self.reporter.started(message[1])
        else:
            self.hear(message)


def _check_against_data(experiment: Experiment, folder: Path) -> None:
    """Before anything is trained: what the data show to be wrong with the configuration."""
    schema = Schema.from_json(load_json(folder / "schema.json"))
    refuse_misfits(experiment, schema, partial(Split.load, folder / "train.npz"))


def _in_worker(store: Store, stage: Stage, job: StageJob) -> StageOutcome:
    tell(("started", stage.id))
    return run_locked(store, stage, job, tell)
