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
import itertools
import os
import tempfile
from pathlib import Path

from whole_commands import Used, adopt_orphans, run

COMMON = ("experiment=credit_risk", "debug=fast", "measure_time=false", "seeds.data=1")


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
