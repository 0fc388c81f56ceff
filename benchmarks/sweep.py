"""What a sweep saves over single runs: wall time, processor time and memory.

    python benchmarks/sweep.py [--models mlp,deepseek] [--seeds 1,2,3] [--only together|alone]
                               [--once] [--package FOLDER] [OVERRIDES …]

`together` is one sweep in a new store. `alone` is the same jobs as single runs, each in a new store
of its own. For each it prints seconds, processor seconds, the share of the cores that was used, and
the largest memory of all processes together (what they share counted once, as PSS, on Linux).
`--once` makes one single run of each model, of the first seed, and counts it for every seed.
`--package` takes the code from another checkout, to measure an earlier version. The last line is
the ratio of the two, in seconds of the clock and of processors.
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

#: PR_SET_CHILD_SUBREAPER of sys/prctl.h.
_SUBREAPER = 36
COMMON = ("experiment=credit_risk", "debug=fast", "measure_time=false", "seeds.data=1")


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


def places(folder: str) -> list[str]:
    return [f"paths.reports={folder}/reports", f"paths.store={folder}/store"]


def measured(words: list[str], package: str) -> Used:
    """One command in a new store."""
    used = Used()
    with tempfile.TemporaryDirectory() as folder:
        run([*words, *places(folder)], used, package)
    return used


def together(options: argparse.Namespace, more: list[str]) -> Used:
    axes = [f"model={options.models}", f"seed={options.seeds}"]
    return measured(["-m", *COMMON, *axes, *more], options.package)


def alone(options: argparse.Namespace, more: list[str]) -> Used:
    models, seeds = options.models.split(","), options.seeds.split(",")
    if options.once:
        jobs = [(model, seeds[0], len(seeds)) for model in models]
    else:
        jobs = [(model, seed, 1) for model, seed in itertools.product(models, seeds)]
    used = Used()
    for model, seed, times in jobs:
        words = [*COMMON, f"model={model}", f"seed={seed}", *more]
        used = used + measured(words, options.package) * times
    return used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="mlp,deepseek")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--only", choices=["together", "alone"])
    parser.add_argument("--package", default=str(Path(__file__).parents[1]))
    options, more = parser.parse_known_args()
    adopt_orphans()
    used = {}
    for name, measure in (("together", together), ("alone", alone)):
        if options.only in {None, name}:
            load = os.getloadavg()[0]
            used[name] = measure(options, more)
            print(f"{name}: {used[name]}; load before {load:.1f}", flush=True)
    if len(used) == 2:
        first, other = used["together"], used["alone"]
        seconds, processor = first.seconds / other.seconds, first.processor / other.processor
        print(f"ratio: {seconds:.2f} of the seconds, {processor:.2f} of the processor seconds")


if __name__ == "__main__":
    main()
