"""`deepseek-report track`: finished runs in MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import DeepseekReportError

if TYPE_CHECKING:
    from deepseek_report.runner.tracking import Tracker


def command(arguments: list[str]) -> int:
    """Log runs and print what each is called there."""
    parser = make_parser("track")
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="the folders of runs")
    parser.add_argument(
        "--uri",
        metavar="URI",
        help="MLflow's tracking URI: a folder or a server; else DEEPSEEK_REPORT_MLFLOW",
    )
    options = parser.parse_args(arguments)
    from deepseek_report.runner.tracking import VARIABLE, Tracker, tracker_of_environment

    tracker = Tracker(options.uri) if options.uri else tracker_of_environment()
    if tracker is None:
        raise DeepseekReportError(f"where to? Say --uri URI, or set {VARIABLE}")
    say_tracked(tracker, options.runs)
    return 0


def say_tracked(tracker: Tracker, runs: Sequence[Path]) -> None:
    """Log each of the runs, and print a line about it."""
    from deepseek_report.runner.tracking import SCHEME

    for run in runs:
        logged = tracker.log(run)
        state = "logged" if logged.is_new else "there already"
        print(f"{SCHEME}{logged.id}  {state}, experiment {logged.experiment}, {run}")
