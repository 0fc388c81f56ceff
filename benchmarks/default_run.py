"""What the default run takes: with an empty store, again, checked beforehand, written anew.

    python benchmarks/default_run.py [--turns N] [--write]

Each command is a process of its own with all that it starts, as a person would call it; shown are
medians over the turns, of seconds, of CPU seconds, and of the memory of all processes together at
its peak (what they share counted once, on Linux). Below stands what single stages of the last run
took by the clock, beside one another in two processes. What the run does is frozen
(`default_budget.yaml`). `--write` puts the tables in benchmarks/measured/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from performance_page import write_block
from whole_commands import Used, adopt_orphans, run

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "benchmarks" / "measured" / "performance.md"
#: {what is measured: the goal}
GOALS = {
    "empty store": "30 s, 1 100 MiB",
    "again": "1.5 CPU s",
    "check": "1.5 CPU s",
    "render": "2 CPU s",
}
#: Stages in the table.
MOST = 12


def turn(folder: str) -> tuple[dict[str, Used], dict[str, float]]:
    """What each command took, and {stage: seconds} of the first."""
    places = [f"paths.reports={folder}/reports", f"paths.store={folder}/store"]
    used = {"empty store": _used(places)}
    (record,) = Path(folder, "reports").glob("*/*/run.json")
    used["again"] = _used(places)
    used["check"] = _used(["check", *places])
    used["render"] = _used(["render", str(record.parent)])
    stages = json.loads(record.read_text(encoding="utf-8"))["stages"]
    return used, {stage["id"]: stage["seconds"] for stage in stages}


def _used(words: list[str]) -> Used:
    used = Used()
    run(words, used, str(ROOT))
    return used


def table(turns: list[dict[str, Used]], stages: dict[str, float]) -> str:
    def middle(name: str, what: str) -> float:
        return statistics.median(getattr(used[name], what) for used in turns)

    whole = sum(stages.values())
    longest = sorted(stages, key=lambda stage: -stages[stage])[:MOST]
    return "\n".join(
        [
            "## The default run",
            "",
            f"Medians of {len(turns)} turns on {os.cpu_count()} cores; made by "
            "`benchmarks/default_run.py`.",
            "",
            "| | s | CPU s | MiB | goal |",
            "|---|---|---|---|---|",
            *(
                f"| {name} | {middle(name, 'seconds'):.1f} | {middle(name, 'processor'):.1f} "
                f"| {middle(name, 'memory'):.0f} | {goal} |"
                for name, goal in GOALS.items()
            ),
            "",
            f"Its {len(stages)} stages took {whole:.1f} s by the clock of two processes:",
            "",
            "| stage | s | of all |",
            "|---|---|---|",
            *(f"| {s} | {stages[s]:.1f} | {stages[s] / whole:.0%} |" for s in longest),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    adopt_orphans()
    turns, stages = [], {}
    for _ in range(arguments.turns):
        with tempfile.TemporaryDirectory() as folder:
            used, stages = turn(folder)
        turns.append(used)
        print({name: str(one_command) for name, one_command in used.items()}, flush=True)
    text = table(turns, stages)
    print(text)
    if arguments.write:
        write_block(PAGE, "default run", text)


if __name__ == "__main__":
    main()
