"""Processes of this machine, kept for the whole plan and replaced when one is ended from outside.

A process that is killed (by the system for want of memory, say) takes with it all that ran beside
it, and the executor cannot say what it ran. So each task that was running is tried once more, with
nothing beside it: what brings its process down then has done so by itself, and alone counts as
failed.
"""

from __future__ import annotations

import queue
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import Queue

from deepseek_report.artifacts.protocols.progress import Launcher
from deepseek_report.runner.execution.open_plan import Schedule, WorkItem
from deepseek_report.runner.execution.run_events import Event
from deepseek_report.runner.execution.workers import Processes, load_shared, signals_held, workers


@dataclass(frozen=True)
class LocalLauncher(Launcher):
    """Starts processes once and gives each the next piece that is ready; a dead one is replaced."""

    def load_early(self, modules: Sequence[str]) -> None:
        load_shared(modules)

    def carry_out(self, schedule: Schedule, processes: int, modules: Sequence[str]) -> None:
        Pool(schedule, processes, modules).run()


class Pool:
    """Up to `jobs` tasks at a time, each in a process.

    modules : what the processes are to be started with.
    """

    def __init__(self, schedule: Schedule, jobs: int, modules: Sequence[str] = ()) -> None:
        self.schedule, self.jobs, self.modules = schedule, jobs, modules
        self.running: dict[Future[object], WorkItem] = {}
        self.again: list[WorkItem] = []
        self.died: set[Hashable] = set()

    def run(self) -> None:
        """Run until nothing can be started any more."""
        whole = False
        while not whole:
            with workers(self.jobs, self.modules) as (processes, messages):
                whole = self._run_until_broken(processes, messages)

    def _run_until_broken(self, processes: Processes, messages: Queue[Event]) -> bool:
        """Whether it came to its end; False if a process was ended and the pool is of no use."""
        while self._fill(processes):
            if not self.running:
                return True
            wait(self.running, timeout=0.1, return_when=FIRST_COMPLETED)
            self._listen(messages)
            if not self._collect(processes):
                break
        wait(self.running)  # an executor ends what else it runs as well
        self._collect(processes)
        return False

    def _fill(self, processes: Processes) -> bool:
        """Start what can be; False if an executor is broken."""
        for task in self._next():
            executor = processes.executor(trains=task.stage.kind == "training")
            try:
                with signals_held():
                    future = self.schedule.start(executor, task)
            except BrokenProcessPool:
                self._lose(task)
                return False
            self.running[future] = task
            processes.started(executor, future)
        return True

    def _next(self) -> Iterator[WorkItem]:
        """What to start now: a task whose process was ended has the machine to itself."""
        if self.again or any(task.id in self.died for task in self.running.values()):
            if self.again and not self.running:
                yield self.again.pop(0)
            return
        for task in self.schedule.startable():
            if len(self.running) >= self.jobs:
                return
            if all(task.id != busy.id for busy in self.running.values()):
                yield task

    def _collect(self, processes: Processes) -> bool:
        """Take what has ended; False if a process was ended from outside."""
        whole = True
        for future in [future for future in self.running if future.done()]:
            task = self.running.pop(future)
            processes.end_of(future)
            if isinstance(future.exception(), BrokenProcessPool):
                self._lose(task)
                whole = False
            else:
                self.schedule.returned(task, future)
        return whole

    def _lose(self, task: WorkItem) -> None:
        for_good = task.id in self.died
        self.died.add(task.id)
        if not for_good:
            self.again.append(task)
        self.schedule.lost(task, for_good=for_good)

    def _listen(self, messages: Queue[Event]) -> None:
        while True:
            try:
                message = messages.get_nowait()
            except queue.Empty:
                return
            self.schedule.on_message(message)
