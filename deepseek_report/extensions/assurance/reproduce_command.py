"""`deepseek-report reproduce`: makes a run again and says what came out otherwise."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report import children
from deepseek_report.artifacts.rounding import interval, number, percent
from deepseek_report.cli.dispatch import exit_code_of
from deepseek_report.cli.output.console import cell, console, plain_table, say, some
from deepseek_report.cli.parsing import add_trust, run_parser
from deepseek_report.errors import ConfigError

if TYPE_CHECKING:
    from deepseek_report.extensions.assurance.movement import MovedExplanation, MovedScore
    from deepseek_report.extensions.assurance.recorded_environment import Requirements
    from deepseek_report.extensions.assurance.reproducing import Difference, Intended, Reproduction


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
    parser = run_parser("reproduce")
    parser.epilog = _EXIT_CODES
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
    add_trust(parser, types=True)
    return parser


def _intend(options: argparse.Namespace) -> int:
    from deepseek_report.extensions.assurance.reproducing import intended

    say_intended(intended(options.run))
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    from deepseek_report.cli.output.progress import reporter
    from deepseek_report.extensions.assurance.reproducing import ReproduceOptions, reproduce

    chosen = ReproduceOptions(
        options.store, options.output, options.trust, options.trust_type, options.jobs
    )
    with reporter() as shown:
        reproduction = reproduce(options.run, chosen, shown)
    say_reproduction(reproduction)
    return reproduction.exit_code


def _in_own_environment(options: argparse.Namespace) -> int:
    """The same command by the Python of an environment that is built for it."""
    from deepseek_report.errors import ArtifactError
    from deepseek_report.extensions.assurance.recorded_environment import (
        Requirements,
        build,
        no_other_code,
    )
    from deepseek_report.runner.run_folders.open_run import open_run

    run = open_run(options.run).run
    recorded = Requirements.of(run.versions, run.lock)
    with tempfile.TemporaryDirectory(prefix="deepseek-report-env-") as place:
        say_environment(recorded)
        python = build(recorded, Path(place), options.trust, options.package)
        words = [str(python), "-m", "deepseek_report", "reproduce", str(options.run)]
        for name in ("store", "output", "jobs"):
            if (value := getattr(options, name)) is not None:
                words += [f"--{name}", str(value)]
        for package in options.trust:
            words += ["--trust", package]
        for name in options.trust_type:
            words += ["--trust-type", name]
        code = children.run(words, seconds=None, variables=no_other_code(), shown=True).returncode
    if code not in _OWN_CODES:
        raise ArtifactError(f"the process of the recorded environment died (exit code {code})")
    return code


_MOST_LINES = 20
_VERDICTS = {
    "same": "Reproduced: every result is the same.",
    "within": "Not the same, but all that moved lies within its interval.",
    "outside": "Not reproduced: something moved beyond its interval, or is missing.",
    "unmoved": "No score and no attribution moved; files of results are not the same bytes.",
    "not judged": "Not judged: something moved, and nothing says how far chance may move it.",
}


def say_intended(plan: Intended) -> None:
    """What would be run, what it takes, and what is not as it was."""
    say(f"Would make run {plan.run_id} again.")
    for place, package in plan.foreign.items():
        say(f"  {place} takes its code from {package}: it runs only with --trust {package}")
    for name in plan.needed:
        say(f"  needs {name}")
    _say_differences(plan.differences, "Versions of libraries and machine")
    say("Not compared: config, data and code, which are read only when the run is made again.")


def say_environment(recorded: Requirements) -> None:
    """What pip is about to install, which may take minutes; on standard error."""
    for name, why in recorded.excluded.items():
        print(
            f"{name}: the recorded version {why}, which this package asks for; pip takes another",
            file=sys.stderr,
        )
    print(
        f"building an environment of Python {recorded.python} with the recorded versions of "
        f"{len(recorded.pins)} libraries …",
        file=sys.stderr,
        flush=True,
    )


def say_reproduction(made: Reproduction) -> None:
    """What differs, how far scores and attributions moved, and last what that comes to."""
    _say_differences(made.differences, "Data, code, versions and machine")
    say("The config is the recorded one; what its files hold is compared as data.")
    if made.files:
        say(f"\nFiles of results that are not the same bytes: {some(made.files, 5)}")
    if made.documents and not made.files:
        say(
            f"\nDocuments that are not the same bytes: {some(made.documents, 5)}; the results "
            "are, so they were written by other code or with other options"
        )
    _say_scores([score for score in made.scores if score.verdict != "same"], len(made.scores))
    _say_explanations(made.explanations)
    for stage in made.failed:
        say(f"  failed now, and not before: {stage}")
    say("")
    if made.folder is not None:
        say(f"The new run: {made.folder}")
    unmoved = made.verdict == "within" and not made.has_moved
    say(_VERDICTS["unmoved" if unmoved else made.verdict])


def _say_differences(differences: Sequence[Difference], compared: str) -> None:
    """What is not as it was; else that all that was `compared` is."""
    if not differences:
        say(f"{compared} are those that the run records.")
        return
    table = plain_table("what differs", "", "when it was made", "now")
    for difference in differences:
        texts = (difference.part, difference.name, difference.before, difference.after)
        table.add_row(*map(cell, texts))
    console().print(table)


def _say_scores(moved: Sequence[MovedScore], total: int) -> None:
    if not moved:
        say(f"\nNone of {total} scores moved.")
        return
    say(f"\n{len(moved)} of {total} scores moved; the farthest first:")
    table = plain_table("score", "before", "interval", "now", "verdict", right=("before", "now"))
    gravest = ("outside", "not judged", "within")
    order = sorted(moved, key=lambda score: (gravest.index(score.verdict), -score.distance))
    for score in order[:_MOST_LINES]:
        spread = "" if score.low is None or score.high is None else interval(score.low, score.high)
        table.add_row(
            cell(score.name),
            _value(score.before, score),
            spread,
            _value(score.after, score),
            score.verdict,
        )
    console().print(table)
    if len(order) > _MOST_LINES:
        say(f"  and {len(order) - _MOST_LINES} more")


def _value(value: float | None, score: MovedScore) -> str:
    return "missing" if value is None else number(value, score.low, score.high)


def _say_explanations(explanations: Sequence[MovedExplanation]) -> None:
    if not explanations:
        return
    say("")
    table = plain_table("attributions", "cases", "largest move", "beyond the error", "verdict")
    for moved in explanations:
        beyond = (
            "" if moved.beyond is None else f"{percent(moved.beyond)} (≤ {percent(moved.allowed)})"
        )
        largest = "" if moved.cases == 0 else f"{percent(moved.largest)} of the largest"
        table.add_row(cell(moved.name), str(moved.cases), largest, beyond, moved.verdict)
    console().print(table)
