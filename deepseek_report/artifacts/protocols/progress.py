"""What a long piece of work tells while it goes on, and what brings pieces to processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol


class Progress(Protocol):
    """Tells a person how far a long stage is; `advance` is cheap enough for inner loops."""

    def start(self, what: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1, note: str = "") -> None: ...


class Silent:
    """A `Progress` that says nothing."""

    def start(self, what: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1, note: str = "") -> None:
        pass


class Launcher:
    """Base of what runs all pieces of work of a schedule, each once all of its inputs are there.

    A piece is a stage, or the writing of a report. It is told to the schedule when it begins and
    when it has ended, in the process that called.

    elsewhere : whether pieces run on other machines; the process that calls then runs none.
    """

    elsewhere: ClassVar[bool] = False

    def room(self, here: int) -> int:
        """How many pieces may run at a time, where this machine has room for `here`."""
        return here

    def load_early(self, modules: Sequence[str]) -> None:
        """Begin to load what pieces will import, while it is not yet known what they all are."""

    def carry_out(self, schedule: Any, processes: int, modules: Sequence[str]) -> None:
        """Run until nothing can be started any more.

        Parameters
        ----------
        schedule : what there is to run (`runner.execution.open_plan.Schedule`).
        processes : how many pieces may run at a time. modules : what they will import.
        """
        raise NotImplementedError
