"""Processes of this machine, kept for the whole plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.runner.execution.pool import Pool, Schedule


@dataclass(frozen=True)
class LocalLauncher:
    """Starts processes once and gives each the next piece that is ready; a dead one is replaced."""

    def carry_out(self, schedule: Schedule, processes: int, modules: Sequence[str]) -> None:
        Pool(schedule, processes, modules).run()
