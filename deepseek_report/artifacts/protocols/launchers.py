"""What brings the pieces of work of a plan to processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Launcher(Protocol):
    """Runs all pieces of work of a schedule, each once all of its inputs are there.

    A piece is a stage, or the writing of a report. It is told to the schedule when it begins and
    when it has ended, in the process that called.
    """

    def carry_out(self, schedule: Any, processes: int, modules: Sequence[str]) -> None:
        """Run until nothing can be started any more.

        Parameters
        ----------
        schedule : what there is to run (`runner.execution.pool.Schedule`).
        processes : how many pieces may run at a time. modules : what they will import.
        """
        ...
