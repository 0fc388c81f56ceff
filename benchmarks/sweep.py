"""What a sweep saves over single runs: wall time, processor time and memory.

    python benchmarks/sweep.py [--only together|alone] [--package FOLDER] [OVERRIDES …]

`together` is one sweep in a new store. `alone` is the same jobs as single runs, each in a new store
of its own. For each it prints seconds, processor seconds, the share of the cores that was used, and
the largest memory of all processes together (what they share counted once, as PSS, on Linux).
`--package` takes the code from another checkout, to measure an earlier version.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

JOBS = {"model": ("mlp", "deepseek"), "seed": ("1", "2", "3")}
#: PR_SET_CHILD_SUBREAPER of sys/prctl.h.
_SUBREAPER = 36
COMMON = ("experiment=credit_risk", "debug=fast", "measure_time=false", "seeds.data=1")


@dataclass
class Used:
    """seconds : of the clock. processor : of all processes. memory : MiB at the peak."""

    seconds: float = 0.0
    processor: float = 0.0
    memory: float = 0.0

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


def places(folder: str) -> list[str]:
    return [f"paths.reports={folder}/reports", f"paths.store={folder}/store"]


def together(more: list[str], package: str) -> Used:
    used = Used()
    axes = [f"{key}={','.join(values)}" for key, values in JOBS.items()]
    with tempfile.TemporaryDirectory() as folder:
        run(["-m", *COMMON, *axes, *places(folder), *more], used, package)
    return used


def alone(more: list[str], package: str) -> Used:
    used = Used()
    for values in itertools.product(*JOBS.values()):
        job = [f"{key}={value}" for key, value in zip(JOBS, values, strict=True)]
        with tempfile.TemporaryDirectory() as folder:
            run([*COMMON, *job, *places(folder), *more], used, package)
    return used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["together", "alone"])
    parser.add_argument("--package", default=str(Path(__file__).parents[1]))
    options, more = parser.parse_known_args()
    adopt_orphans()
    for name, measure in (("together", together), ("alone", alone)):
        if options.only in {None, name}:
            load = os.getloadavg()[0]
            print(f"{name}: {measure(more, options.package)}; load before {load:.1f}", flush=True)


if __name__ == "__main__":
    main()
