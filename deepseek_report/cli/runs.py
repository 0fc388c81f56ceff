"""`deepseek-report runs`: what is there below `paths.reports`, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.output import console
from deepseek_report.cli.parsing import places_parser

if TYPE_CHECKING:
    from deepseek_report.runner.run_folders.past_runs import PastRun


def command(arguments: list[str]) -> int:
    """Print one line a run; nothing heavy is imported, and nothing is changed."""
    parser = places_parser("runs", "paths.reports")
    options = parser.parse_intermixed_args(arguments)
    from deepseek_report.config.catalogue import find_places
    from deepseek_report.runner.run_folders.past_runs import past_runs

    reports = find_places(options.places, options.config_dir).reports
    say_runs(reports, past_runs(reports))
    return 0


#: How the outcomes of thresholds are told, gravest first.
OUTCOMES = {
    "not met": "not met",
    "not measured": "not measured",
    "too uncertain to say": "uncertain",
    "met": "met",
}


def say_runs(reports: Path, runs: Sequence[PastRun]) -> None:
    """A table with one line a run, and how much room they take."""
    if not runs:
        print(f"no run below {console.printable(reports)}; `deepseek-report` makes one")
        return
    table = console.plain_table("run", "finished", "state", "thresholds", "size", right=("size",))
    for run in runs:
        when = console.local_time(run.finished) if run.finished else "not known"
        table.add_row(
            console.cell(f"{run.experiment}/{run.run_id}"),
            when,
            _state(run),
            thresholds(run.outcomes),
            console.in_bytes(run.size),
        )
    console.console().print(table)
    total = console.in_bytes(sum(run.size for run in runs))
    many = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    print(f"\n{many} below {console.printable(reports)}, {total}")


def _state(run: PastRun) -> str:
    if run.problem:
        return console.cell(f"unreadable: {run.problem}")
    if run.failed:
        return f"incomplete, {run.failed} part{'s' if run.failed > 1 else ''} failed"
    return "whole"


def thresholds(outcomes: Mapping[str, int]) -> str:
    """`1 not met, 2 uncertain, 1 met`; "none" where none was declared."""
    known = [(OUTCOMES[name], outcomes[name]) for name in OUTCOMES if outcomes.get(name)]
    known += [
        (console.cell(name), n) for name, n in sorted(outcomes.items()) if name not in OUTCOMES
    ]
    return ", ".join(f"{n} {word}" for word, n in known) or "none"
