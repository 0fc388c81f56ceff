"""`deepseek-report compare`: several runs in one document."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.parsing import make_parser
from deepseek_report.extension import service

if TYPE_CHECKING:
    from deepseek_report.runner.comparing import CompareOptions, OpenedRuns

#: What stands before the id of a run in MLflow where a folder could stand.
_MLFLOW = "mlflow:"


def command(arguments: list[str]) -> int:
    """Compare runs by their artifacts, print what may be concluded and the document's path."""
    parser = make_parser("compare")
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", help="the folders of runs, or mlflow:RUN_ID"
    )
    parser.add_argument("--baseline", metavar="RUN", help="the run that the others are set against")
    parser.add_argument(
        "--region",
        metavar="SIZE",
        type=_size,
        default=0.01,
        help="a difference smaller than this is of no practical use, of measures between 0 and 1 "
        "(0.01)",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        help="the folder to write (comparisons/ID beside the experiment of the first run)",
    )
    options = parser.parse_args(arguments)
    from deepseek_report.comparisons.paired_performance import Region
    from deepseek_report.runner.comparing import CompareOptions

    region = Region(share=options.region)
    first = () if options.baseline in {None, *options.runs} else (options.baseline,)
    named = [*first, *options.runs]
    with _folders(named, has_output=options.output is not None) as folders:
        baseline = None if options.baseline is None else folders[options.baseline]
        runs = [folders[run] for run in options.runs]
        return say_comparison(runs, CompareOptions(baseline, region, options.output))


def _folders(runs: Sequence[str], *, has_output: bool) -> AbstractContextManager[dict[str, Path]]:
    """The folder of each run, for as long as they are read; who keeps the others brings them.

    has_output : whether the folder to write is named, and so not beside the first run.
    """
    if not any(run.startswith(_MLFLOW) for run in runs):
        return nullcontext({run: Path(run) for run in runs})
    fetched: AbstractContextManager[dict[str, Path]] = service(_MLFLOW).fetched_runs(
        runs, has_output=has_output
    )
    return fetched


def say_comparison(
    runs: Sequence[Path], options: CompareOptions, opened: OpenedRuns | None = None
) -> int:
    """Compare the runs, print what may be concluded, and last the path of the document."""
    from deepseek_report.runner.comparing import compare_runs

    written = compare_runs(runs, options, opened)
    for sentence in written.sentences:
        print(f"- {sentence}")
    for page in written.pages:
        print(page)
    return 0


def _size(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = -1.0
    if not 0 < size < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 1")
    return size
