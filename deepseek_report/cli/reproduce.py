"""`deepseek-report reproduce`: makes a run again and says what came out otherwise."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from deepseek_report.cli.dispatch import exit_code_of
from deepseek_report.cli.parsing import add_trust, add_trust_type, make_parser
from deepseek_report.errors import ConfigError

#: The exit code where there is nothing to compare: 1 and 3 say how far results moved.
_NOT_MADE = 2
#: What the command itself ends with, by Control-C too; any other code is that of a dead process.
_OWN_CODES = (0, 1, 2, 3, 130)
_EXIT_CODES = """\
Exit codes: 0 every result is the same, but for what differs by nature (measured times and memory);
1 something moved within its interval, or files differ and nothing moved; 2 it could not be made
again; 3 something moved beyond its interval, or nothing says how far chance may move it.
"""


def command(arguments: list[str]) -> int:
    """Make a run again by its recorded configuration and compare."""
    options = _parser().parse_args(arguments)
    if options.package and not options.env:
        raise ConfigError("reproduce: --package says what --env installs; add --env")
    make = _in_own_environment if options.env else _reproduce
    if options.dry_run:
        make = _intend
    return exit_code_of(lambda: make(options), lambda _: _NOT_MADE)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("reproduce", overrides=False)
    parser.epilog = _EXIT_CODES
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument(
        "--store",
        metavar="DIR",
        type=Path,
        help="take finished stages from this store; without it everything is computed anew",
    )
    parser.add_argument("--output", metavar="DIR", type=Path, help="keep the new run below it")
    parser.add_argument("--jobs", metavar="N", type=int, help="processes that work together")
    parser.add_argument(
        "--env",
        action="store_true",
        help="first build a virtual environment with the recorded versions of the libraries",
    )
    parser.add_argument(
        "--package",
        default="",
        metavar="WHERE",
        help="with --env: take this package from a wheel, a folder, or the URL of an index",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be done and what differs already; runs and imports nothing",
    )
    add_trust(parser)
    add_trust_type(parser)
    return parser


def _intend(options: argparse.Namespace) -> int:
    from deepseek_report.cli.output.reproduction import say_intended
    from deepseek_report.runner.reproducing import intended

    say_intended(intended(options.run))
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    from deepseek_report.cli.output.progress import reporter
    from deepseek_report.cli.output.reproduction import say_reproduction
    from deepseek_report.runner.reproducing import ReproduceOptions, reproduce

    chosen = ReproduceOptions(
        options.store, options.output, options.trust, options.trust_type, options.jobs
    )
    with reporter() as shown:
        reproduction = reproduce(options.run, chosen, shown)
    say_reproduction(reproduction)
    return reproduction.exit_code


def _in_own_environment(options: argparse.Namespace) -> int:
    """The same command by the Python of an environment that is built for it."""
    from deepseek_report.cli.output.reproduction import say_environment
    from deepseek_report.errors import ArtifactError
    from deepseek_report.runner.recorded_environment import Requirements, build, variables
    from deepseek_report.runner.run_folders.open_run import open_run

    recorded = Requirements.of(open_run(options.run).run)
    with tempfile.TemporaryDirectory(prefix="deepseek-report-env-") as place:
        say_environment(recorded)
        python = build(recorded, Path(place), options.trust, options.package)
        words = [str(python), "-P", "-m", "deepseek_report", "reproduce", str(options.run)]
        for name in ("store", "output", "jobs"):
            if (value := getattr(options, name)) is not None:
                words += [f"--{name}", str(value)]
        for package in options.trust:
            words += ["--trust", package]
        for name in options.trust_type:
            words += ["--trust-type", name]
        code = subprocess.run(words, check=False, env=variables()).returncode
    if code not in _OWN_CODES:
        raise ArtifactError(f"the process of the recorded environment died (exit code {code})")
    return code
