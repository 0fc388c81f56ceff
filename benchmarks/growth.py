"""How the time of whole reports grows with rows, columns and explained cases.

    python benchmarks/growth.py [rows | columns | cases …] [--sizes N,N,…] [--model mlp] [--write]

Each size is one whole run, from a generated CSV file to the HTML report, in this one process with
one thread, from an empty store, after a small run that imports everything. Printed are CPU seconds
of every stage (programs that it starts included), and the exponent of its growth between two
neighbouring sizes, log(t₂ / t₁) / log(size₂ / size₁): 1 is linear. Below stand the stages that grow
faster than linear, the worst first; stages of less than `LEAST` seconds are not judged. `--write`
puts what the whole and the `MOST` most expensive stages took in benchmarks/measured/performance.md.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import resource
import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from performance_page import write_block

from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.run import run_experiment

warnings.simplefilter("ignore")

PAGE = Path(__file__).parent / "measured" / "performance.md"
#: Stages in a table of the page.
MOST = 8
#: CPU seconds below which the growth of a stage is not judged, at the larger of two sizes.
LEAST = 0.5
#: Exponents up to this are called linear: a line with a little noise.
LINEAR = 1.05
INFORMATIVE = 12
SETTINGS = ("dataset=csv", "dataset.target=outcome", "jobs=1")
#: A person's row, in the report of growth by rows and by cases.
PEOPLE = ("dataset.favourable=yes", "dataset.sensitive=[sex]", "trainer=fast")


@dataclass(frozen=True)
class Axis:
    """What grows: the sizes, and rows, columns, cases and settings of one of them."""

    sizes: tuple[int, ...]
    rows: int | None = None
    columns: int | None = None
    cases: int | None = None
    settings: tuple[str, ...] = ()

    def shape(self, size: int) -> tuple[int, int, int]:
        """(rows, columns, cases) where what grows has this size."""
        rows, columns, cases = (n or size for n in (self.rows, self.columns, self.cases))
        return rows, columns, cases


AXES = {
    "columns": Axis((100, 1000, 5000), rows=600, cases=60),
    "rows": Axis((1000, 10_000, 100_000, 300_000), columns=20, cases=60, settings=PEOPLE),
    "cases": Axis((100, 1000, 10_000), rows=60_000, columns=20, settings=PEOPLE),
}


def cpu_seconds() -> float:
    """Of this process and of the programs that it has started."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@dataclass
class StageClock(NoReporter):
    """CPU seconds of every stage, from its start to its end, and of everything."""

    seconds: dict[str, float] = field(default_factory=dict)
    begun: float = field(default_factory=cpu_seconds)
    created: float = field(default_factory=cpu_seconds)

    def started(self, stage: str) -> None:
        self.begun = cpu_seconds()

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None:
        self.seconds[stage] = cpu_seconds() - self.begun
        if self.seconds[stage] >= LEAST:
            print(f"    {stage}: {self.seconds[stage]:.1f}", flush=True)
        if problem and applicable:
            print(f"    {stage} failed: {problem}", flush=True)

    def stop(self) -> dict[str, float]:
        """{stage: seconds}, with `total` of the whole run."""
        return {**self.seconds, "total": cpu_seconds() - self.created}


def table(rows: int, columns: int) -> pd.DataFrame:
    """Numbers, of which twelve make the outcome, two categories, missing values, and a sex."""
    random = np.random.default_rng([rows, columns])
    values = random.normal(size=(rows, columns - 3)).astype(np.float32)
    weights = np.resize([1.0, -0.7, 0.5, 0.8], min(INFORMATIVE, columns - 3))
    odds = values[:, : len(weights)] @ weights
    frame = pd.DataFrame(values.round(4), columns=[f"x{j}" for j in range(values.shape[1])])
    frame = frame.mask(random.random(frame.shape) < 0.01)
    sex = random.choice(["woman", "man"], rows)
    frame["region"] = random.choice(["north", "south", "east", "west"], rows)
    frame["housing"] = random.choice(["rents", "owns", "other"], rows, p=[0.5, 0.4, 0.1])
    frame["sex"] = sex
    chance = 1 / (1 + np.exp(-odds - 0.5 * (sex == "man")))
    frame["outcome"] = np.where(random.random(rows) < chance, "yes", "no")
    return frame


def measure(axis: Axis, size: int, model: str) -> dict[str, float]:
    """{stage: CPU seconds} of one whole run."""
    rows, columns, cases = axis.shape(size)
    with tempfile.TemporaryDirectory() as work:
        data = Path(work) / "table.csv"
        table(rows, columns).to_csv(data, index=False)
        overrides = [
            *SETTINGS,
            *axis.settings,
            f"model={model}",
            f"dataset.path={data}",
            "dataset.bounds.columns=20001",
            f"explain.instances={cases}",
            f"paths.store={work}/store",
            f"paths.reports={work}/reports",
        ]
        experiment = validate(compose(overrides))
        clock = StageClock()
        run_experiment(experiment, clock, overrides)
        seconds = clock.stop()
        shutil.rmtree(work, ignore_errors=True)
        Path(work).mkdir()
    return seconds


def exponent(smaller: float, larger: float, ratio: float) -> float:
    return math.log(max(larger, 1e-3) / max(smaller, 1e-3)) / math.log(ratio)


def steepest(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """The greatest exponent between two neighbouring sizes that take long enough to be judged."""
    steps = zip(itertools.pairwise(sizes), itertools.pairwise(seconds), strict=True)
    return max(
        (exponent(*times, b / a) for (a, b), times in steps if times[1] >= LEAST), default=-math.inf
    )


def tell(name: str, sizes: Sequence[int], runs: Sequence[Mapping[str, float]]) -> None:
    stages = dict.fromkeys(stage for run in runs for stage in run)
    times = {stage: [run.get(stage, math.nan) for run in runs] for stage in stages}
    head = "".join(f"{size:>10}" for size in sizes)
    print(f"\nCPU seconds by {name}{'':<{34 - len(name)}}{head}   exponents")
    for stage, seconds in sorted(times.items(), key=lambda item: -item[1][-1]):
        if max(seconds) >= LEAST / 5:
            steps = zip(itertools.pairwise(sizes), itertools.pairwise(seconds), strict=True)
            powers = "".join(f"{exponent(*t, b / a):7.2f}" for (a, b), t in steps)
            print(f"  {stage:<47}" + "".join(f"{s:10.2f}" for s in seconds) + powers)
    print(f"faster than linear by {name}:")
    for stage, power in too_steep(sizes, times):
        print(f"  {stage:<47}{power:7.2f}")


def too_steep(
    sizes: Sequence[int], times: Mapping[str, Sequence[float]]
) -> list[tuple[str, float]]:
    """The stages that grow faster than linear, and their exponents, the greatest first."""
    steep = ((stage, steepest(sizes, seconds)) for stage, seconds in times.items())
    return sorted((step for step in steep if step[1] > LINEAR), key=lambda item: -item[1])


def write(name: str, model: str, sizes: Sequence[int], runs: Sequence[Mapping[str, float]]) -> None:
    """A block of the page: the whole, its most expensive stages, and what is faster than linear."""
    times = {stage: [run.get(stage, math.nan) for run in runs] for stage in runs[-1]}
    longest = sorted(times, key=lambda stage: -times[stage][-1])[: MOST + 1]
    axis = AXES[name]
    fixed = {"rows": axis.rows, "columns": axis.columns, "cases": axis.cases}
    others = ", ".join(f"{n} {what}" for what, n in fixed.items() if n)
    powers = [f"{stage} {power:.2f}" for stage, power in too_steep(sizes, times)]
    lines = [
        f"### By {name}",
        "",
        f"CPU seconds of one whole run each, `{model}`, one process; {others}. The exponent is "
        "that between the last two sizes.",
        "",
        f"| {name} | {' | '.join(map(str, sizes))} | exponent |",
        f"|---|{'---|' * len(sizes)}---|",
        *(_line(stage, sizes, times[stage]) for stage in longest),
        "",
        f"Faster than linear (an exponent above {LINEAR} between any two sizes): "
        f"{', '.join(powers) or 'none'}.",
    ]
    write_block(PAGE, f"growth by {name}", "\n".join(lines))


def _line(stage: str, sizes: Sequence[int], seconds: Sequence[float]) -> str:
    power = exponent(*seconds[-2:], sizes[-1] / sizes[-2])
    return f"| {stage} | {' | '.join(f'{s:.1f}' for s in seconds)} | {power:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("axes", nargs="*", default=list(AXES), choices=list(AXES))
    parser.add_argument("--sizes", type=lambda text: tuple(map(int, text.split(","))))
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    measure(Axis((300,), columns=20, cases=20, settings=PEOPLE), 300, arguments.model)
    for name in arguments.axes:
        sizes = arguments.sizes or AXES[name].sizes
        runs = []
        for size in sizes:
            runs.append(measure(AXES[name], size, arguments.model))
            print(f"{name} {size}: {runs[-1]['total']:.1f} CPU s", flush=True)
        tell(name, sizes, runs)
        if arguments.write:
            write(name, arguments.model, sizes, runs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory of this process: {peak:.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
