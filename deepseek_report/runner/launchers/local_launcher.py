"""Processes of this machine, kept for the whole plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from deepseek_report.runner.execution.pool import Pool, Schedule
from deepseek_report.runner.execution.workers import load_shared


@dataclass(frozen=True)
class LocalLauncher:
    """Starts processes once and gives each the next piece that is ready; a dead one is replaced."""

    elsewhere: ClassVar[bool] = False

    def room(self, here: int) -> int:
        return here

    def load_early(self, modules: Sequence[str]) -> None:
        load_shared(modules)

    def carry_out(self, schedule: Schedule, processes: int, modules: Sequence[str]) -> None:
        Pool(schedule, processes, modules).run()
