"""The plan of one run while it is carried out: what has ended, what can start, what is given up."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from deepseek_report.artifacts.ids import BEFORE, ArtifactId
from deepseek_report.artifacts.message import Text, all_reasons, message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import ArtifactError, DataError, DeepseekReportError
from deepseek_report.runner.execution.computing import (
    Execution,
    StageOutcome,
    kept_outcome,
    run_locked,
)
from deepseek_report.runner.execution.run_events import (
    REPORT,
    Event,
    Reporter,
    Send,
    Work,
    event_name,
)
from deepseek_report.runner.execution.stages import StageJob
from deepseek_report.runner.planning.against_data import refuse_misfits
from deepseek_report.runner.planning.cost import Cost, cost_left
from deepseek_report.runner.planning.plan import CONCLUSIONS, DATA_BEFORE, Stage
from deepseek_report.runner.run_folders.open_run import MissingPart, disclosed_problems, reasons
from deepseek_report.store import Store, digest
from deepseek_report.wording.words import wording

#: Stages after which it is better known how long the others take.
_TELLING = frozenset({"data", "training"})
#: Stages that give data: the run's own, and that before a revision.
_DATA = frozenset({"data", DATA_BEFORE})
T = TypeVar("T")


@dataclass(frozen=True)
class WorkItem:
    """One piece of work of an open plan.

    id : the same for two plans where both need the same result. name : as a reporter hears it.
    """

    id: Hashable
    name: str
    plan: OpenPlan[Any] = field(compare=False, repr=False)
    stage: Stage = field(compare=False)


class Schedule(Protocol):
    """What there is to run, and who is told how it went."""

    def startable(self) -> Iterator[WorkItem]:
        """The tasks that are not finished and have all of their inputs."""
        ...

    def take(self, task: WorkItem, result: object) -> None:
        """A task gave this."""
        ...

    def start(self, pool: ProcessPoolExecutor, task: WorkItem) -> Future[object]: ...

    def returned(self, task: WorkItem, future: Future[object]) -> None:
        """A task came to its end, by a result or an error."""
        ...

    def lost(self, task: WorkItem, *, for_good: bool) -> None:
        """The process of a task was ended from outside; `for_good` if it is not tried again."""
        ...

    def on_message(self, event: Event) -> None: ...


@dataclass(frozen=True)
class Closing(Generic[T]):
    """What a whole run leaves.

    make : makes it from how the stages ended, in any process.
    on_made : takes it, in the process of the plan.
    """

    make: Callable[[Execution], T]
    on_made: Callable[[T], None]


class OpenPlan(Generic[T]):
    """What of one run's plan has ended, and what can start.

    job : number of the run in a sweep, 0 where there is but one run.
    closing : makes what the whole run leaves from how its stages ended; the last
        piece of work. None: nothing more is done.
    """

    def __init__(
        self,
        experiment: Experiment,
        stages: Sequence[Stage],
        store: Store,
        device: str,
        reporter: Reporter,
        *,
        job: int = 0,
        closing: Closing[T] | None = None,
    ) -> None:
        self.experiment, self.store, self.device = experiment, store, device
        self.reporter, self.number, self.closing = reporter, job, closing
        self.words = wording(experiment.report.language)
        self.execution = Execution()
        self.waiting = {stage.id: stage for stage in stages}
        self.order = [stage.id for stage in stages]
        if closing is not None:
            self.waiting[REPORT] = Stage(REPORT, "", tuple(self.order))
        self._planned = dict(self.waiting)
        self.result: T | None = None
        self.error: Exception | None = None
        self._to_the_end: dict[str, float] = {}
        #: Whether more is known of the time that is left than was told.
        self.is_news = True

    @property
    def in_order(self) -> Execution:
        """How the stages ended, in the order of the plan and not in that of the clock."""
        outcomes = self.execution.outcomes
        kept = {name: outcomes[name] for name in self.order if name in outcomes}
        return Execution(kept, self.execution.made)

    def take_from_store(self) -> None:
        """End every stage that the store has."""
        for stage in list(self.waiting.values()):
            if stage.id == REPORT or self.error is not None:
                break
            if (folder := stage.folder(self.store)) is not None:
                self.done(kept_outcome(self.store, stage, folder))
        left = [name for name in self.waiting if name != REPORT]
        if left and self.error is None and not self.store.is_writable:
            self.stop(
                ArtifactError(
                    f"{self.store.root}: this store can only be read, and {len(left)} stages "
                    f"of the run are not in it, {left[0]} among them; name one that you may write "
                    "by paths.store=DIR"
                )
            )

    def startable(self) -> Iterator[WorkItem]:
        """The pieces of work that have all of their inputs, the most urgent first.

        That is the one after which most is left to do, itself included, one thing after another.
        Where nothing is known of them yet, they come in the order of the plan.
        """
        urgency = self._to_the_end
        for stage in sorted(self.waiting.values(), key=lambda stage: -urgency.get(stage.id, 0)):
            if stage.id in self.waiting and self.ready(stage):
                yield self.task(stage)

    def task(self, stage: Stage) -> WorkItem:
        name = event_name(self.number, stage.id)
        if stage.id == REPORT:
            return WorkItem((name,), name, self, stage)
        return WorkItem((self.store.root, stage.place, self.as_made(stage).key), name, self, stage)

    def work(self, stage: Stage) -> Work:
        """What is to be done for a piece of work, wherever it is done."""
        if stage.id == REPORT and self.closing is not None:
            return partial(_close, self.closing.make, self.in_order)
        return partial(run_locked, self.store, self.as_made(stage), self.job(stage))

    def returned(self, stage: Stage, result: object) -> None:
        """Take what a piece of work gave."""
        if isinstance(result, Exception):
            self.stop(result)
        elif isinstance(result, _Closed):
            self.result = result.result
            self.waiting.pop(REPORT, None)
            self.reporter.finished(event_name(self.number, REPORT), result.seconds, "")
            if self.closing is not None:
                self.closing.on_made(result.result)
        elif isinstance(result, StageOutcome):
            self.done(result)

    def broken(self, stage: Stage, reason: Text) -> StageOutcome | Exception:
        """What a piece of work counts as that gave nothing."""
        if stage.id == REPORT:
            return DeepseekReportError(self.words.say(reason))
        return StageOutcome(stage.id, reason=reason)

    def stop(self, error: Exception) -> None:
        """Nothing more is to be done: there is nothing to report on."""
        self.error = error
        self.waiting.clear()

    @property
    def runs_here(self) -> bool:
        """Whether everything must be done in this process: on a device, or with given objects."""
        return self.device != "cpu" or self.experiment.is_given

    def work_id(self, stage: str) -> Hashable:
        """The id of what is left to do for a stage that waits, or for the report."""
        waiting = self.waiting.get(stage)
        if waiting is None or stage == REPORT:
            return (event_name(self.number, stage),)
        return (self.store.root, waiting.place, waiting.key)

    @property
    def cost(self) -> Cost:
        """What is left to do, as far as it is known."""
        data = self.execution.outcomes.get("data")
        folder = data.folder if data is not None else None
        waiting = [
            stage
            for stage in self.waiting.values()
            if stage.id != REPORT and stage.id not in self.execution.outcomes
        ]
        return cost_left(self.experiment, waiting, self.store, folder)

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Learn how long stages should take, by id, to start the most urgent ones first."""
        self._to_the_end = {}
        after: dict[str, float] = {}
        for stage in reversed(self.waiting.values()):
            length = seconds.get(stage.id, 0.0) + after.get(stage.id, 0.0)
            self._to_the_end[stage.id] = length
            after |= {name: max(after.get(name, 0.0), length) for name in stage.inputs}

    def job(self, stage: Stage) -> StageJob:
        inputs = {name: self.execution.outcomes[name].folder for name in stage.inputs}
        present = {name: folder for name, folder in inputs.items() if folder is not None}
        if stage.kept_as and self.experiment.before is not None:
            own = {self._planned[name].place: folder for name, folder in present.items()}
            return StageJob(stage.place, self.experiment.before, own, self.device, stage.source)
        job = StageJob(stage.id, self.experiment, present, self.device, stage.source)
        if stage.id != CONCLUSIONS:
            return job
        missing = self.missing(stage)
        failures, refused = reasons(missing, "failed"), reasons(missing, "not applicable")
        return dataclasses.replace(job, failures=failures, refused=refused)

    def missing(self, stage: Stage) -> list[MissingPart]:
        """Why inputs of a stage are missing, as the run folder will tell it."""
        execution = self.execution
        known = {refusal.artifact for refusal in self.experiment.refused} | set(stage.inputs)
        return disclosed_problems(
            self.experiment,
            [entry for entry in execution.problems(self.experiment) if entry.stage in known],
            execution.folders,
        )

    def as_made(self, stage: Stage) -> Stage:
        """The stage, under a key of its own where it runs without inputs that broke.

        So an incomplete result is never taken from the store for a complete one.
        """
        outcomes, made = self.execution.outcomes, self.execution.made
        less = {
            name: made[name].key
            if name in made
            else MissingPart.of(name, outcomes[name].reason, "failed").to_json()
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
        if stage.id == REPORT:
            return all(name in outcomes for name in stage.inputs)
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
            reason: Text = message("refusals.lacks_input", broken=broken)
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
        own = (name for name in stage.inputs if name not in BEFORE.values())
        return any(name not in lost and "/" in name for name in own)

    def needed(self, stage: Stage) -> list[list[str]]:
        """For each need of a picture the inputs that it stands for."""
        picture = self.experiment.visualizations[stage.name]
        return [
            [name for name in stage.inputs if ArtifactId(name).is_within(need)]
            for need in sorted(picture.needs)
        ]

    def done(self, outcome: StageOutcome) -> None:
        """Take how a stage ended; bad data, and what does not fit them, end the whole plan."""
        self.execution.outcomes[outcome.stage] = outcome
        self.waiting.pop(outcome.stage, None)
        if not outcome.cached:
            self.reporter.finished(
                event_name(self.number, outcome.stage),
                outcome.seconds,
                self._news_of(outcome),
                applicable=outcome.applicable,
            )
            self.is_news |= outcome.stage in _TELLING
        if outcome.bad_data:
            self.stop(DataError(self.words.say(outcome.reason)))
        elif outcome.stage in _DATA and outcome.folder is not None:
            original = "data" if self.experiment.before is None else DATA_BEFORE
            if outcome.stage == original:
                self.check_against_data(outcome.folder)
        elif outcome.stage in _DATA:
            self._take_back()

    def _take_back(self) -> None:
        """Leave in the store what it had of a run whose data failed: nobody can read it without."""
        outcomes = self.execution.outcomes
        taken = [name for name, ended in outcomes.items() if ended.cached and name != "data"]
        for name in taken:
            del outcomes[name]
        self.waiting = {n: stage for n, stage in self._planned.items() if n not in outcomes}

    def _news_of(self, outcome: StageOutcome) -> str:
        """Why there is no result, as far as it was not told of the stages that broke first.

        A sweep tells nothing of what they took with them: there may be hundreds of stages.
        """
        if not outcome.roots:
            return self.words.say(outcome.reason)
        if self.number or not outcome.applicable:
            return ""
        parts = [self.words.inline(self.words.artifact(stage)) for stage in outcome.roots]
        return self.words.say(message("refusals.lacks_failed", parts=parts))

    def check_against_data(self, folder: Path) -> None:
        """Before anything is trained: what the data show to be wrong with the configuration."""
        schema = Schema.load(folder)
        try:
            refuse_misfits(self.experiment, schema, lambda part: Split.load(folder / f"{part}.npz"))
        except Exception as error:  # it ends this plan and no other
            self.stop(error)


@dataclass(frozen=True)
class _Closed(Generic[T]):
    """What the closing of a plan gave, and the seconds that it took."""

    result: T
    seconds: float


def _close(make: Callable[[Execution], T], execution: Execution, _: Send) -> _Closed[T]:
    started = time.perf_counter()
    return _Closed(make(execution), time.perf_counter() - started)
