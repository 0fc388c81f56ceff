"""`deepseek-report track`: finished runs in MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import DeepseekReportError

if TYPE_CHECKING:
    from deepseek_report.extensions.clusters.tracking import Tracker


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
    from deepseek_report.extensions.clusters import tracking

    tracker = tracking.Tracker(options.uri) if options.uri else tracking.tracker_of_environment()
    if tracker is None:
        raise DeepseekReportError(f"where to? Say --uri URI, or set {tracking.VARIABLE}")
    return _log(tracker, options.runs)


def log_runs(runs: Sequence[Path]) -> int:
    """The same of runs that a command has just made, where the environment says so; the code."""
    from deepseek_report.extensions.clusters.tracking import tracker_of_environment

    tracker = tracker_of_environment()
    return 0 if tracker is None else _log(tracker, runs)


def _log(tracker: Tracker, runs: Sequence[Path]) -> int:
    from deepseek_report.extensions.clusters.tracking import SCHEME

    for run in runs:
        logged = tracker.log(run)
        state = "logged" if logged.is_new else "there already"
        print(f"{SCHEME}{logged.id}  {state}, experiment {logged.experiment}, {run}")
    return 0
