"""Prints the jobs of a sweep: what they are, how they ended, and why some have no run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deepseek_report.cli.output.console import (
    cell,
    console,
    plain_table,
    printable,
    printable_lines,
)
from deepseek_report.cli.runs import thresholds
from deepseek_report.wording.words import wording

if TYPE_CHECKING:
    from deepseek_report.runner.planning.sweeping import SweepJob
    from deepseek_report.runner.sweep import JobResult

_ENDS = {0: "whole", 1: "incomplete", 2: "not run", 3: "a threshold is not met"}

#: In what a job differs that differs in nothing.
_NOTHING = "–"


def say_jobs(jobs: Sequence[SweepJob]) -> None:
    """One line a job, with the number by which its progress is told."""
    for number, job in enumerate(jobs, start=1):
        print(f"job {number} of {len(jobs)}: {printable(job.label) or _NOTHING}", flush=True)


def say_sweep(results: Sequence[tuple[int, JobResult]], total: int) -> None:
    """One line a job: in what it differs, how it ended, what it promised and reached, its page."""
    scores = [job.score[0] for _, job in results if job.score]
    metrics = list(dict.fromkeys(scores))
    label = wording().label("metrics", metrics[0]) if len(metrics) == 1 else "main score"
    table = plain_table("job", "differs in", "ended", "thresholds", label, "report")
    for number, job in results:
        ended = _ENDS.get(job.exit_code, "failed")
        if job.page is None and job.exit_code == 1:
            ended = "failed"
        table.add_row(
            f"{number} of {total}",
            cell(" ".join(job.varying) or _NOTHING),
            f"{job.exit_code}, {ended}",
            thresholds(job.outcomes) if job.page else "",
            cell(_score(job, len(metrics) > 1)),
            cell(job.page or ""),
        )
    print()
    console().print(table)


def say_failures(
    results: Sequence[tuple[int, JobResult]], details_file: Callable[[str], str]
) -> None:
    """Why jobs have no run, or an incomplete one; on standard error.

    details_file : keeps what only somebody needs who mends the program, and gives the path.
    """
    from deepseek_report.findings.rules_failures import by_reason

    kept: dict[str, str] = {}
    for number, job in results:
        reasons = [job.reason] if job.reason else by_reason(wording(), job.failed)
        for reason in reasons:
            print(f"job {number}: {printable_lines(reason)}", file=sys.stderr)
        if job.details:
            if job.details not in kept:
                kept[job.details] = details_file(job.details)
            print(f"job {number}: the details are in {kept[job.details]}", file=sys.stderr)


def say_no_comparison(jobs: int, runs: int) -> None:
    """Why a sweep ends without a comparison; on standard error."""
    if jobs == 1:
        has = "this sweep has one job"
    elif runs == 1:
        has = f"of the {jobs} jobs only one run with predictions came"
    else:
        has = f"of the {jobs} jobs no run with predictions came"
    print(f"no comparison: it takes two different runs, and {has}", file=sys.stderr)


def _score(job: JobResult, named: bool) -> str:
    if job.score is None:
        return ""
    metric, text = job.score
    return f"{wording().label('metrics', metric)} {text}" if named else text
