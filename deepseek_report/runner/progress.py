"""What a run tells a person while it goes on; the terminal side is in `cli`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Reporter(Protocol):
    """Shows the stages of a run as they start, advance and end."""

    def started(self, stage: str) -> None: ...

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None: ...

    def finished(self, stage: str, seconds: float, problem: str) -> None: ...


class NoReporter:
    """A `Reporter` that says nothing."""

    def started(self, stage: str) -> None:
        pass

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None:
        pass

    def finished(self, stage: str, seconds: float, problem: str) -> None:
        pass


@dataclass
class StageProgress:
    """A `Progress` that hands on what it hears, at most a hundred times a stage."""

    stage: str
    send: Any
    total: int | None = None
    done: int = 0
    told: int = 0

    def start(self, what: str, total: int | None) -> None:
        self.total, self.done, self.told = total, 0, 0
        self.send(("advanced", self.stage, 0, total, what))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        step = max((self.total or 100) // 100, 1)
        if self.done - self.told >= step or self.done == self.total:
            self.told = self.done
            self.send(("advanced", self.stage, self.done, self.total, note))
