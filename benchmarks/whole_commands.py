"""What a command takes as a whole: seconds, processor seconds and memory of all its processes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil

#: PR_SET_CHILD_SUBREAPER of sys/prctl.h.
_SUBREAPER = 36


@dataclass
class Used:
    """seconds : of the clock. processor : of all processes. memory : MiB at the peak."""

    seconds: float = 0.0
    processor: float = 0.0
    memory: float = 0.0

    def __add__(self, other: Used) -> Used:
        seconds, processor = self.seconds + other.seconds, self.processor + other.processor
        return Used(seconds, processor, max(self.memory, other.memory))

    def __mul__(self, times: int) -> Used:
        return Used(self.seconds * times, self.processor * times, self.memory)

    def __str__(self) -> str:
        cores = os.cpu_count() or 1
        share = self.processor / self.seconds / cores
        return (
            f"{self.seconds:.0f} s, {self.processor:.0f} processor seconds, "
            f"{share:.0%} of {cores} cores, at most {self.memory:.0f} MiB"
        )


def memory_of(process: psutil.Process) -> float:
    total = 0.0
    for member in [process, *process.children(recursive=True)]:
        try:
            facts = member.memory_full_info()
        except psutil.Error:
            continue
        total += getattr(facts, "pss", facts.rss)
    return total / 2**20


def adopt_orphans() -> None:
    """On Linux, take over what a run leaves behind, so that its processor time is counted."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def wait_for_orphans() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def run(words: list[str], used: Used, package: str) -> None:
    command = [sys.executable, "-m", "deepseek_report", *words]
    before, started = os.times(), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": package}
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    process = psutil.Process(running.pid)
    while running.poll() is None:
        used.memory = max(used.memory, memory_of(process))
        time.sleep(0.5)
    wait_for_orphans()
    after = os.times()
    used.seconds += time.perf_counter() - started
    used.processor += after.children_user - before.children_user
    used.processor += after.children_system - before.children_system
    if running.returncode not in {0, 1, 3}:
        raise SystemExit(f"exit code {running.returncode}: {' '.join(command)}")
