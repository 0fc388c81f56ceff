"""`deepseek-report [OVERRIDES…]`: compose, check, run, render; with -m for each combination."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from deepseek_report import __version__
from deepseek_report.cli.parsing import compose_experiment, make_parser


def command(arguments: list[str]) -> int:
    """Run one experiment, or every combination of a sweep; the exit code of the worst."""
    parser = make_parser("", overrides=True)
    parser.add_argument("--multirun", "-m", action="store_true", help="run every combination")
    parser.add_argument("--cfg", "-c", choices=["job"], help="print the configuration, run nothing")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_intermixed_args(arguments)
    if options.cfg:
        return _print_config(options)
    if not options.multirun:
        return _run_one(options, options.overrides)
    from deepseek_report.config.overrides import expand

    jobs = list(expand(options.overrides))
    experiments = [
        compose_experiment(options, job) for job in jobs
    ]  # every problem before the first run
    codes = []
    for number, job in enumerate(jobs, start=1):
        print(f"job {number} of {len(experiments)}: {' '.join(job)}", flush=True)
        codes.append(_run_one(options, job))
    return max(codes, default=0)


def _print_config(options: argparse.Namespace) -> int:
    import yaml

    experiment = compose_experiment(options, options.overrides)
    print(yaml.safe_dump(dict(experiment.raw), sort_keys=False, allow_unicode=True), end="")
    return 0


def _run_one(options: argparse.Namespace, overrides: Sequence[str]) -> int:
    experiment = compose_experiment(options, overrides)
    from deepseek_report.cli.output.progress import reporter
    from deepseek_report.runner.run import run_experiment
    from deepseek_report.terminal import say_finished

    with reporter() as shown:
        finished = run_experiment(experiment, shown, overrides)
    say_finished(finished)
    return finished.exit_code
