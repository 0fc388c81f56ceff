"""Runs a plan: what is in the store is taken from it, the rest is computed, failures are kept."""

from __future__ import annotations

import queue
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.files import load_json
from deepseek_report.artifacts.schema import Schema
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.thresholds import against_data
from deepseek_report.errors import DataError, DeepseekReportError, NotApplicableError
from deepseek_report.provenance import versions
from deepseek_report.runner.plan import Stage
from deepseek_report.runner.progress import Reporter, StageProgress
from deepseek_report.runner.stages import Task, run_stage
from deepseek_report.runner.workers import give_memory_back, one_thread, signals_held, tell, workers
from deepseek_report.store import Store

#: Stages whose code can take up what a killed run left in the work folder.
_RESUMABLE = frozenset({"training"})


@dataclass(frozen=True)
class Outcome:
    """How one stage ended: its folder, or the reason why there is none.

    roots : the stages that broke and so took this one with them.
    bad_data : the data cannot be used as they are, so there is nothing to report on.
    """

    stage: str
    folder: Path | None = None
    seconds: float = 0.0
    reason: str = ""
    applicable: bool = True
    details: str = ""
    cached: bool = False
    roots: tuple[str, ...] = ()
    bad_data: bool = False


@dataclass
class Execution:
    """What came of a plan."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def folders(self) -> dict[str, Path]:
        return {o.stage: o.folder for o in self.outcomes.values() if o.folder is not None}

    @property
    def failures(self) -> list[Outcome]:
        """What was asked for and broke; not what was refused with a reason."""
        return [o for o in self.outcomes.values() if o.folder is None and o.applicable]

    @property
    def refused(self) -> list[Outcome]:
        return [o for o in self.outcomes.values() if o.folder is None and not o.applicable]


def run_locked(store: Store, stage: Stage, task: Task, send: Callable[[Any], None]) -> Outcome:
    """Compute one stage unless another process has done so meanwhile; never raises."""
    started = time.perf_counter()
    with store.lock(stage.id, stage.key):
        if (found := store.find(stage.id, stage.key)) is not None:
            return _kept(store, stage, found)
        try:
            folder = _compute(store, stage, task, send)
        except NotApplicableError as error:
            return _refuse(store, stage, str(error))
        except DataError as error:
            return Outcome(stage.id, reason=str(error), bad_data=stage.kind == "data")
        except DeepseekReportError as error:
            return Outcome(stage.id, reason=str(error))
        except Exception as error:  # one broken part must not take the report with it
            reason = f"{type(error).__name__}: {error}"
            return Outcome(stage.id, reason=reason, details=traceback.format_exc())
    return Outcome(stage.id, folder, time.perf_counter() - started)


def _kept(store: Store, stage: Stage, folder: Path) -> Outcome:
    """What the store says of a stage: its folder, or why it cannot be applied."""
    reason = str(store.manifest(stage.id, stage.key).get("refused", ""))
    if reason:
        return Outcome(stage.id, reason=reason, applicable=False, cached=True)
    return Outcome(stage.id, folder, cached=True)


def _refuse(store: Store, stage: Stage, reason: str) -> Outcome:
    """Keep a refusal like a result: it follows from the same inputs."""
    store.publish(stage.id, stage.key, store.work_folder(stage.id, stage.key), {"refused": reason})
    return Outcome(stage.id, reason=reason, applicable=False)


def _compute(store: Store, stage: Stage, task: Task, send: Callable[[Any], None]) -> Path:
    work = store.work_folder(stage.id, stage.key, resume=stage.kind in _RESUMABLE)
    started = time.perf_counter()
    run_stage(task, work, StageProgress(stage.id, send))
    give_memory_back()
    facts: dict[str, Any] = {"inputs": list(stage.inputs), "versions": versions()}
    facts["device"] = task.device
    if task.experiment.settings.measure_time:
        facts["seconds"] = round(time.perf_counter() - started, 3)
    return store.publish(stage.id, stage.key, work, facts)


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
        self.execution = Execution()
        self.waiting = {stage.id: stage for stage in stages}
        self.order = [stage.id for stage in stages]

    def run(self) -> Execution:
        for stage in list(self.waiting.values()):
            if (folder := stage.folder(self.store)) is not None:
                self.done(_kept(self.store, stage, folder))
        self.run_waiting()
        return Execution({name: self.execution.outcomes[name] for name in self.order})

    def task(self, stage: Stage) -> Task:
        inputs = {one: self.execution.outcomes[one].folder for one in stage.inputs}
        present = {name: folder for name, folder in inputs.items() if folder is not None}
        return Task(stage.id, self.experiment, present, self.device)

    def ready(self, stage: Stage) -> bool:
        """Whether every input is there; a stage with a failed input is given up with the reason."""
        outcomes = self.execution.outcomes
        if any(one not in outcomes for one in stage.inputs):
            return False
        lost = [one for one in stage.inputs if outcomes[one].folder is None]
        if lost and not self.can_do_without(stage, lost):
            self.done(self.given_up(stage, lost))
            return False
        return True

    def given_up(self, stage: Stage, lost: list[str]) -> Outcome:
        """Why a stage is not run: what it lacks, or the reasons why that cannot be applied here."""
        outcomes, roots = self.execution.outcomes, self.roots(lost)
        if any(outcomes[one].applicable for one in lost):
            reasons = "; ".join(f"{one}: {outcomes[one].reason}" for one in roots)
            reason = f"it needs {', '.join(lost)}, which could not be made ({reasons})"
            return Outcome(stage.id, reason=reason, roots=tuple(roots))
        reason = "; ".join(dict.fromkeys(outcomes[one].reason for one in roots))
        return Outcome(stage.id, reason=reason, applicable=False, roots=tuple(roots))

    def roots(self, lost: list[str]) -> list[str]:
        """The stages that broke first: what is behind those that lacked their input."""
        outcomes = self.execution.outcomes
        return list(dict.fromkeys(root for one in lost for root in outcomes[one].roots or (one,)))

    def can_do_without(self, stage: Stage, lost: list[str]) -> bool:
        """What compares several explanations goes on with those that are left.

        A picture of which a whole need is lost does not.
        """
        if stage.kind not in {"measures", "pictures"} or stage.subject:
            return False
        if stage.kind == "pictures" and any(
            set(parts) <= set(lost) for parts in self.needed(stage) if parts
        ):
            return False
        left = [one for one in stage.inputs if one not in lost and "/" in one]
        return bool(left)

    def needed(self, stage: Stage) -> list[list[str]]:
        """For each need of a picture the inputs that it stands for."""
        picture = self.experiment.multiple["visualizations"][stage.name]
        return [
            [one for one in stage.inputs if one == need or one.startswith(f"{need}/")]
            for need in sorted(picture.needs)
        ]

    def done(self, outcome: Outcome) -> None:
        self.execution.outcomes[outcome.stage] = outcome
        self.waiting.pop(outcome.stage, None)
        if not outcome.cached:
            told_before = outcome.roots and not outcome.applicable
            reason = "" if told_before else outcome.reason
            self.reporter.finished(outcome.stage, outcome.seconds, reason)
        if outcome.bad_data:
            raise DataError(outcome.reason)
        if outcome.stage == "data" and outcome.folder is not None:
            self.check_thresholds(outcome.folder)

    def check_thresholds(self, data: Path) -> None:
        """Before anything is trained: the data have the groups that thresholds are about."""
        schema = Schema.from_json(load_json(data / "schema.json"))
        if problems := against_data(self.experiment, schema):
            raise ConfigProblems(problems)

    def hear(self, message: Any) -> None:
        self.reporter.advanced(*message[1:])

    def run_waiting(self) -> None:
        if not self.waiting:
            return
        jobs = min(self.experiment.settings.jobs, len(self.waiting))
        if jobs == 1 or self.device != "cpu":
            one_thread()
            self.run_here()
            return
        with workers(jobs) as (pool, messages):
            self.run_pool(pool, messages)

    def run_here(self) -> None:
        while ready := [stage for stage in list(self.waiting.values()) if self.ready(stage)]:
            for stage in ready:
                self.reporter.started(stage.id)
                self.done(run_locked(self.store, stage, self.task(stage), self.hear))

    def run_pool(self, pool: ProcessPoolExecutor, messages: Any) -> None:
        running: dict[Future[Outcome], str] = {}
        while self.waiting:
            for stage in list(self.waiting.values()):
                if stage.id not in running.values() and self.ready(stage):
                    self.submit(pool, stage, running)
            if not running:
                return
            finished, _ = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
            self.listen(messages)
            for future in finished:
                self.done(_outcome(future, running.pop(future)))

    def submit(
        self, pool: ProcessPoolExecutor, stage: Stage, running: dict[Future[Outcome], str]
    ) -> None:
        try:
            with signals_held():
                future = pool.submit(_in_worker, self.store, stage, self.task(stage))
        except BrokenProcessPool as error:  # a worker was killed, for its memory perhaps
            self.done(Outcome(stage.id, reason=_died(error)))
        else:
            running[future] = stage.id

    def listen(self, messages: Any) -> None:
        while True:
            try:
                message = messages.get_nowait()
            except queue.Empty:
                return
            if message[0] == "started":
                self.reporter.started(message[1])
            else:
                self.hear(message)


def _outcome(future: Future[Outcome], stage: str) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool):
        return Outcome(stage, reason=_died(error))
    return Outcome(stage, reason=f"{type(error).__name__}: {error}")


def _died(error: BaseException) -> str:
    return (
        f"a process of this run was ended from outside ({type(error).__name__}), perhaps for want "
        "of memory; run again, with jobs=1 if it happens again"
    )


def _in_worker(store: Store, stage: Stage, task: Task) -> Outcome:
    tell(("started", stage.id))
    return run_locked(store, stage, task, tell)
