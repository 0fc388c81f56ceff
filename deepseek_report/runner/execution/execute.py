"""Carries plans out: what the store has is taken from it, the rest is computed.

Plans of several runs are one plan: what two of them need is computed once, and what is ready runs
side by side, whichever run it is of.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from deepseek_report.artifacts.message import message
from deepseek_report.config.experiment import Experiment
from deepseek_report.runner.execution import run_events
from deepseek_report.runner.execution.computing import Execution, StageOutcome
from deepseek_report.runner.execution.open_plan import OpenPlan, WorkItem
from deepseek_report.runner.execution.workers import one_thread, tell
from deepseek_report.runner.planning.plan import Stage, modules_to_load
from deepseek_report.store import Store

_DIED_ONCE = message("refusals.died_once")
_DIED_TWICE = message("refusals.died_twice")


def execute(
    experiment: Experiment,
    stages: Iterable[Stage],
    store: Store,
    device: str,
    reporter: run_events.Reporter,
    meanwhile: Callable[[], None] | None = None,
) -> Execution:
    """Run the stages of one run in order of what they need; the store keeps what succeeds.

    A stage whose input failed is not run; its reason names the input.

    meanwhile : is called in a thread of this process when another one begins to train, since then
    little else can be computed; its errors are not told.

    Raises DataError, ConfigProblems: the data cannot be used, or do not go with the configuration.
    """
    plan: OpenPlan[None] = OpenPlan(experiment, list(stages), store, device, reporter)
    carry_out([plan], reporter, meanwhile)
    if plan.error is not None:
        raise plan.error
    return plan.in_order


def carry_out(
    plans: Sequence[OpenPlan[Any]],
    reporter: run_events.Reporter,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Carry out the plans of one or of several runs; what ends one of them does not end the others.

    How each ended stands in the plan itself. meanwhile : see `execute`.
    """
    for plan in plans:
        plan.take_from_store()
    for store in dict.fromkeys(plan.store for plan in plans):
        for news in store.begin():
            reporter.warned(news)
    _Schedule(plans, reporter, meanwhile).run()


class _Schedule:
    """Several plans as one: a `Schedule`.

    ended : {id of a task: how it ended}, of those that were worked on here.
    """

    def __init__(
        self,
        plans: Sequence[OpenPlan[object]],
        reporter: run_events.Reporter,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        self.plans, self.reporter, self.meanwhile = plans, reporter, meanwhile
        self.ended: dict[Hashable, StageOutcome] = {}
        self.processes = 1
        self.is_sweep = len(plans) > 1

    def run(self) -> None:
        self.tell_cost()
        open_plans = [plan for plan in self.plans if plan.waiting]
        waiting = sum(len(plan.waiting) for plan in open_plans)
        if not waiting:
            return
        launcher = open_plans[0].experiment.launcher
        processes = min(self.processes, waiting)
        alone = processes == 1 and not launcher.elsewhere
        if alone or any(plan.runs_here for plan in open_plans):
            with one_thread():
                self.run_here()
            return
        modules = [
            module
            for plan in open_plans
            for module in modules_to_load(plan.experiment, plan.waiting.values())
        ]
        modules = list(dict.fromkeys(modules))
        launcher.load_early(modules)
        if not launcher.elsewhere:
            self.run_first_here()
        if any(plan.waiting for plan in open_plans):
            launcher.carry_out(self, processes, modules)

    def run_first_here(self) -> None:
        """The reading of the data, where all others wait for it, while processes are loaded."""
        ready = list(self.startable())
        if len({task.id for task in ready}) == 1 and ready[0].stage.id == "data":
            with one_thread():
                self.run_one(ready[0])

    def run_one(self, task: WorkItem) -> None:
        self.reporter.started(task.name)
        work = task.plan.work(task.stage)
        self.take(task, work(partial(_as_named, task.name, self.on_message)))

    def run_here(self) -> None:
        while ready := list(self.startable()):
            for task in ready:
                if task.id not in self.ended:
                    self.run_one(task)

    def startable(self) -> Iterator[WorkItem]:
        """What can start, the most urgent first.

        Of the last runs a report waits for what else can start, and so is written beside it: at the
        end no process has nothing to do while another writes.
        """
        if sum(bool(plan.waiting) for plan in self.plans) > self.processes:
            return self._startable()
        return iter(sorted(self._startable(), key=lambda task: task.stage.id == run_events.REPORT))

    def _startable(self) -> Iterator[WorkItem]:
        """By the order of the plans; a task that another plan has had done is taken over."""
        for plan in self.plans:
            for task in plan.startable():
                if task.id in self.ended:
                    plan.done(replace(self.ended[task.id], cached=True))
                else:
                    yield task

    def take(self, task: WorkItem, result: object) -> None:
        if isinstance(result, StageOutcome):
            self.ended[task.id] = result
        task.plan.returned(task.stage, result)
        self.tell_cost()

    def start(self, pool: ProcessPoolExecutor, task: WorkItem) -> Future[object]:
        return pool.submit(_in_worker, task.name, task.plan.work(task.stage))

    def returned(self, task: WorkItem, future: Future[object]) -> None:
        if (error := future.exception()) is None:
            self.take(task, future.result())
        else:
            self.take(task, task.plan.broken(task.stage, f"{type(error).__name__}: {error}"))

    def lost(self, task: WorkItem, *, for_good: bool) -> None:
        if for_good:
            self.take(task, task.plan.broken(task.stage, _DIED_TWICE))
        else:
            self.reporter.finished(task.name, 0.0, task.plan.words.say(_DIED_ONCE))

    def tell_cost(self) -> None:
        """Say what is left should take, where more is known of it than before.

        What several plans wait for counts once.
        """
        if not any(plan.is_news for plan in self.plans):
            return
        expected: dict[Hashable, tuple[str, float]] = {}
        parallel = []
        for plan in self.plans:
            plan.is_news = False
            if self.is_sweep and not plan.waiting:
                continue
            cost = plan.cost
            plan.expect({name: span.expected for name, span in cost.stages.items()})
            here = plan.experiment.settings.jobs or cost.parallel
            parallel.append(1 if plan.runs_here else plan.experiment.launcher.room(here))
            for name, span in cost.stages.items():
                expected.setdefault(
                    plan.work_id(name), (run_events.event_name(plan.number, name), span.high)
                )
        self.processes = min(parallel, default=1)
        self.reporter.planned(dict(expected.values()), self.processes)

    def on_message(self, event: run_events.Event) -> None:
        if event[0] == "started":
            self.reporter.started(event[1])
            if self.meanwhile is not None and event[1] == "training":
                threading.Thread(target=_quietly, args=(self.meanwhile,), daemon=True).start()
                self.meanwhile = None
        else:
            self.reporter.advanced(*event[1:])


def _quietly(work: Callable[[], None]) -> None:
    with suppress(Exception):  # who needs what it does will do it, and tell what is wrong
        work()


def _in_worker(name: str, work: run_events.Work) -> object:
    tell(("started", name))
    return work(partial(_as_named, name, tell))


def _as_named(name: str, send: run_events.Send, event: run_events.Event) -> None:
    """A stage tells its id; in a sweep the number of its job belongs to its name."""
    send((event[0], name) if event[0] == "started" else (event[0], name, *event[2:]))
