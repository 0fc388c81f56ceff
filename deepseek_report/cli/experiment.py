"""`deepseek-report [OVERRIDES…]`: compose, check, run, render; with -m for each combination."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report import __version__
from deepseek_report.cli.dispatch import details_file, exit_code_of
from deepseek_report.cli.parsing import compose_experiment, make_parser
from deepseek_report.extension import service

if TYPE_CHECKING:
    from deepseek_report.config.experiment import Experiment
    from deepseek_report.runner.comparing import OpenedRuns
    from deepseek_report.runner.planning.sweeping import SweepJob
    from deepseek_report.runner.run import Finished
    from deepseek_report.runner.sweep import JobResult

#: The variable that names a place which keeps finished runs.
_TRACKING = "DEEPSEEK_REPORT_MLFLOW"


def command(arguments: list[str]) -> int:
    """Run one experiment, or every combination of a sweep; the exit code of the worst."""
    parser = make_parser("", overrides=True)
    parser.add_argument("--multirun", "-m", action="store_true", help="run every combination")
    parser.add_argument("--cfg", "-c", choices=["job"], help="print the configuration, run nothing")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_intermixed_args(arguments)
    if options.cfg:
        return _print_config(options)
    if options.multirun:
        return _sweep(options)
    finished = _run_one(options, options.overrides)
    _track([finished.folder])
    return finished.exit_code


def _sweep(options: argparse.Namespace) -> int:
    """Run every combination as one plan; one that fails does not stop the others."""
    from deepseek_report.cli.output.progress import reporter
    from deepseek_report.config.local_code import late_import

    with late_import("pandas"):
        from deepseek_report.runner.planning.sweeping import sweep_jobs
        from deepseek_report.runner.sweep import Sweep, load_early

        jobs = sweep_jobs(
            options.overrides,
            options.config_dir,
            options.trust,
            options.trust_type,
            on_first=load_early,
        )
    say_jobs(jobs)
    ahead = _OpenedAhead()
    sweep = Sweep(jobs, options.config_dir, on_end=ahead.take)
    try:
        with reporter() as shown:
            results = sweep.run(shown)
    finally:  # also of a sweep that is stopped: what is done is told
        if sweep.ended:
            say_sweep(sweep.ended, len(jobs))
    say_failures(sweep.ended, details_file)
    _track(_folders(results))
    _compare(results, ahead)
    return max((result.exit_code for result in results), default=0)


def _track(folders: Sequence[Path]) -> None:
    """Log the runs where the environment says so; they are whole even if that fails."""
    if os.environ.get(_TRACKING):
        exit_code_of(lambda: int(service(_TRACKING).log_runs(folders)))


@dataclass
class _OpenedAhead:
    """Runs of a sweep, opened as they end: their comparison then begins beside the last ones."""

    opened: OpenedRuns | None = None

    def take(self, job: JobResult) -> None:
        if job.folder is not None:
            from deepseek_report.runner.comparing import OpenedRuns

            self.opened = self.opened or OpenedRuns()
            self.opened.open_ahead(job.folder)


def _folders(results: Sequence[JobResult]) -> list[Path]:
    return list(dict.fromkeys(job.folder for job in results if job.folder is not None))


def _compare(results: Sequence[JobResult], ahead: _OpenedAhead) -> None:
    """One document on all jobs that can be compared; the others stand in it with their reasons."""
    from deepseek_report.wording.words import wording

    reasons = [(job, job.not_comparable(wording())) for job in results]
    folders = _folders([job for job, reason in reasons if not reason])
    if len(folders) < 2:
        say_no_comparison(len(results), len(folders))
        return
    from deepseek_report.cli.compare import say_comparison
    from deepseek_report.runner.comparing import CompareOptions, MissingRun

    missing = tuple(
        MissingRun.of(" ".join(job.varying), reason) for job, reason in reasons if reason
    )
    exit_code_of(lambda: say_comparison(folders, CompareOptions(missing=missing), ahead.opened))


def _print_config(options: argparse.Namespace) -> int:
    import yaml

    experiment = _decided(compose_experiment(options, options.overrides), quiet=True)
    print(yaml.safe_dump(dict(experiment.raw), sort_keys=False, allow_unicode=True), end="")
    return 0


def _decided(experiment: Experiment, *, quiet: bool = False) -> Experiment:
    if experiment.undecided is None:
        return experiment
    from deepseek_report.cli.output.forecast import say_choice
    from deepseek_report.runner.planning.recommending import decided
    from deepseek_report.runner.planning.work import KnownData
    from deepseek_report.wording.of_results import words_for

    data = KnownData.of(experiment)
    experiment = decided(experiment, data.size)
    if not quiet:
        say_choice(experiment, words_for(experiment.report.language, data.schema))
    return experiment


def _run_one(options: argparse.Namespace, overrides: Sequence[str]) -> Finished:
    from deepseek_report.runner.execution.workers import load_for_first_run

    experiment = _decided(compose_experiment(options, overrides, load_for_first_run))
    from deepseek_report.cli.output.progress import reporter
    from deepseek_report.runner.run import run_experiment
    from deepseek_report.terminal import say_finished

    with reporter() as shown:
        finished = run_experiment(experiment, shown, overrides, options.config_dir)
    say_finished(finished)
    if finished.details:  # for who mends the program, or a plug-in
        details = "\n".join(f"{stage}\n{text}" for stage, text in finished.details.items())
        print(f"the details of what failed are in {details_file(details)}", file=sys.stderr)
    return finished


# Prints the jobs of a sweep: what they are, how they ended, and why some have no run.

_ENDS = {0: "whole", 1: "incomplete", 2: "not run", 3: "a threshold is not met"}

#: In what a job differs that differs in nothing.
_NOTHING = "–"


def say_jobs(jobs: Sequence[SweepJob]) -> None:
    """One line a job, with the number by which its progress is told."""
    from deepseek_report.cli.output.console import printable

    for number, job in enumerate(jobs, start=1):
        print(f"job {number} of {len(jobs)}: {printable(job.label) or _NOTHING}", flush=True)


def say_sweep(results: Sequence[tuple[int, JobResult]], total: int) -> None:
    """One line a job: in what it differs, how it ended, what it promised and reached, its page."""
    from deepseek_report.cli.output.console import cell, console, plain_table
    from deepseek_report.cli.runs import thresholds
    from deepseek_report.wording.words import wording

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
    from deepseek_report.cli.output.console import printable_lines
    from deepseek_report.findings.rules_failures import by_reason
    from deepseek_report.wording.words import wording

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
    from deepseek_report.wording.words import wording

    if job.score is None:
        return ""
    metric, text = job.score
    return f"{wording().label('metrics', metric)} {text}" if named else text
