"""What a run tells a person while it goes on; what is printed is in `cli/output`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

#: What a piece of work tells: that it has begun; how far it is, of how much, and doing what.
Event = tuple[Literal["started"], str] | tuple[Literal["advanced"], str, int, int | None, str]
Send = Callable[[Event], None]
#: A piece of work, which sends its events as it goes on.
Work = Callable[[Send], object]

#: What the last piece of work of a run is called.
REPORT = "report"
_OF_JOB = ":"


def event_name(job: int, stage: str) -> str:
    """What a reporter hears a stage called: its id, in a sweep after the number of its job.

    >>> event_name(3, "measures/deletion/shap")
    '3:measures/deletion/shap'
    """
    return f"{job}{_OF_JOB}{stage}" if job else stage


def job_and_stage(name: str) -> tuple[int, str]:
    """The number of the job, 0 outside of a sweep, and the id of the stage."""
    job, is_job, stage = name.partition(_OF_JOB)
    return (int(job), stage) if is_job else (0, name)


class Reporter(Protocol):
    """Shows the stages of a run as they start, advance and end, by their `event_name`.

    planned : {stage: the most seconds that it should take} of all that is still to be done, told at
    the start and again when more is known; `parallel` of them run at a time. finished : `problem`
    says why there is no result, and `applicable` is False where the stage cannot be done for this
    model or these data.
    warned : of what concerns no stage and takes nothing from the results.
    """

    def planned(self, expected: Mapping[str, float], parallel: int) -> None: ...

    def started(self, stage: str) -> None: ...

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None: ...

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None: ...

    def warned(self, text: str) -> None: ...


class NoReporter:
    """A `Reporter` that says nothing."""

    def planned(self, expected: Mapping[str, float], parallel: int) -> None:
        pass

    def started(self, stage: str) -> None:
        pass

    def advanced(self, stage: str, done: int, total: int | None, note: str) -> None:
        pass

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None:
        pass

    def warned(self, text: str) -> None:
        pass


def unheard(event: Event) -> None:
    """Hear an event, and tell it nobody."""


@dataclass
class StageProgress:
    """A `Progress` that hands on what it hears, at most a hundred times a stage."""

    stage: str
    send: Send
    total: int | None = None
    done: int = 0
    sent: int = 0

    def start(self, what: str, total: int | None) -> None:
        self.total, self.done, self.sent = total, 0, 0
        self.send(("advanced", self.stage, 0, total, what))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        if self.done - self.sent >= max((self.total or 100) // 100, 1) or self.done == self.total:
            self.sent = self.done
            self.send(("advanced", self.stage, self.done, self.total, note))
