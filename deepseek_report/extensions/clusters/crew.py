"""Carries a schedule out by workers that are started elsewhere, as many as there is work for."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, Protocol

from deepseek_report.artifacts.protocols.progress import Launcher
from deepseek_report.errors import DeepseekReportError
from deepseek_report.extensions.clusters.outbox import Broken, Outbox
from deepseek_report.runner.execution.open_plan import Schedule, WorkItem

_PAUSE = 0.05
#: Seconds in which workers end by themselves when nothing is left to do.
_GRACE = 15.0
#: Workers that may end in a row without having taken a piece.
_MOST_FAILED_STARTS = 3
#: Characters of a worker's log that are shown.
_LONGEST_LOG = 2000


class Worker(Protocol):
    """A process somewhere that runs `worker.take_pieces`, or waits to be started."""

    def has_ended(self) -> bool: ...

    def end(self) -> None:
        """End it; without an error if it has ended."""
        ...

    def log(self) -> str:
        """The end of what it wrote, for a person who looks for the cause."""
        ...


class Elsewhere(Launcher, ABC):
    """Base of a launcher whose workers are started elsewhere, at most so many at a time."""

    elsewhere: ClassVar[bool] = True
    most: int

    @abstractmethod
    def start(self, box: Outbox, number: int) -> Worker:
        """Start the worker of this number, or put it into the cluster's queue."""

    def room(self, here: int) -> int:
        del here
        return self.most

    def carry_out(self, schedule: Schedule, processes: int, modules: Sequence[str]) -> None:
        """Run all pieces of a schedule by so many workers at a time."""
        del modules
        first = next(iter(schedule.startable()), None)
        if first is not None:
            Crew(schedule, self, Outbox.make(first.plan.store.root), processes).run()


class Crew:
    """The workers of one schedule.

    A worker that ends while it has a piece has lost it: the piece is tried once more, by another.

    most : workers at a time.
    """

    def __init__(self, schedule: Schedule, cluster: Elsewhere, box: Outbox, most: int) -> None:
        self.schedule, self.cluster, self.box, self.most = schedule, cluster, box, most
        self.pending: dict[int, WorkItem] = {}
        self.workers: dict[int, Worker] = {}
        self.begun: set[int] = set()
        #: Workers that have taken a piece.
        self.useful: set[int] = set()
        self.lost: set[Hashable] = set()
        self._pieces = self._started = self._failed_starts = 0

    def run(self) -> None:
        """Run until nothing can be started any more.

        Raises DeepseekReportError: workers do not start, or their machines have other versions.
        """
        with self._ended_at_last():
            while self._put():
                for _ in range(len(self.pending) - len(self.workers)):
                    self._started += 1
                    self.workers[self._started] = self.cluster.start(self.box, self._started)
                if not self._collect():
                    time.sleep(_PAUSE)

    def _put(self) -> bool:
        """Offer what can start; whether there is anything to wait for."""
        for item in self.schedule.startable():
            if len(self.pending) >= self.most:
                break
            if all(item.id != other.id for other in self.pending.values()):
                self._offer(item)
        return bool(self.pending)

    def _offer(self, item: WorkItem) -> None:
        self._pieces += 1
        self.pending[self._pieces] = item
        self.box.put(self._pieces, item.plan.work(item.stage))

    def _collect(self) -> bool:
        """Take what has come back, then see which pieces were lost; whether anything had ended."""
        if refusals := self.box.refusals():
            raise DeepseekReportError(
                f"{refusals[0]}: its results would not be those of this machine. Install the same "
                "versions on both, and run the same command again"
            )
        ended = [number for number, worker in self.workers.items() if worker.has_ended()]
        taken = self.box.taken()
        self.useful |= set(taken.values())
        for piece in taken.keys() & self.pending.keys() - self.begun:
            self.begun.add(piece)
            self.schedule.on_message(("started", self.pending[piece].name))
        answered = self.box.answered()
        for piece in answered:
            self._answered(piece, self.box.answer(piece))
        for number in ended:
            self._worker_ended(number, [piece for piece, has in taken.items() if has == number])
        return bool(answered or ended)

    def _answered(self, piece: int, result: object) -> None:
        """Take a result; one that comes after its worker was thought to have ended is dropped."""
        item = self.pending.pop(piece, None)
        if item is None:
            return
        if isinstance(result, Broken):
            result = item.plan.broken(item.stage, result.reason)
        self.schedule.take(item, result)

    def _worker_ended(self, number: int, pieces: list[int]) -> None:
        worker = self.workers.pop(number)
        for piece in pieces:
            if piece in self.pending:
                self.box.forget(piece)
                self._lose(self.pending.pop(piece))
        self._failed_starts = 0 if number in self.useful else self._failed_starts + 1
        if self._failed_starts == _MOST_FAILED_STARTS:
            raise DeepseekReportError(
                f"{_MOST_FAILED_STARTS} workers in a row ended before they took any work. The "
                f"last one wrote:\n{worker.log()[-_LONGEST_LOG:] or '(nothing)'}"
            )

    def _lose(self, item: WorkItem) -> None:
        for_good = item.id in self.lost
        self.lost.add(item.id)
        self.schedule.lost(item, for_good=for_good)
        if not for_good:
            self._offer(item)

    @contextmanager
    def _ended_at_last(self) -> Iterator[None]:
        """No worker goes on, and nothing is left, however this ends."""
        grace = 0.0
        try:
            yield
            grace = _GRACE
        finally:
            self.box.close()
            until = time.monotonic() + grace
            while (left := self._working()) and time.monotonic() < until:
                time.sleep(_PAUSE)
            for worker in left:
                worker.end()
            self.box.remove()

    def _working(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if not worker.has_ended()]
