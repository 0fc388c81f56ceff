"""Prints a table of the jobs of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepseek_report.cli.output.console import cell, console, plain_table
from deepseek_report.cli.output.runs import thresholds
from deepseek_report.wording.words import wording

if TYPE_CHECKING:
    from deepseek_report.runner.sweep import JobResult

_ENDS = {
    0: "whole",
    1: "incomplete",
    2: "not run",
    3: "a threshold is not met",
}


def say_sweep(results: Sequence[JobResult], total: int) -> None:
    """One line a job: in what it differs, how it ended, what it promised and reached, its page."""
    metrics = list(dict.fromkeys(result.score[0] for result in results if result.score))
    label = wording().label("metrics", metrics[0]) if len(metrics) == 1 else "main score"
    table = plain_table("job", "differs in", "ended", "thresholds", label, "report")
    for number, job in enumerate(results, start=1):
        ended = _ENDS.get(job.exit_code, "failed")
        if job.page is None and job.exit_code == 1:
            ended = "failed"
        table.add_row(
            f"{number} of {total}",
            cell(" ".join(job.varying) or "–"),
            f"{job.exit_code}, {ended}",
            thresholds(job.outcomes) if job.page else "",
            cell(_score(job, len(metrics) > 1)),
            cell(job.page or ""),
        )
    print()
    console().print(table)


def _score(job: JobResult, named: bool) -> str:
    if job.score is None:
        return ""
    metric, text = job.score
    return f"{wording().label('metrics', metric)} {text}" if named else text
