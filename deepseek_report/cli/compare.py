"""`deepseek-report compare`: several runs in one document."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.parsing import make_parser

if TYPE_CHECKING:
    from deepseek_report.runner.comparing import CompareOptions


def command(arguments: list[str]) -> int:
    """Compare runs by their artifacts, print what may be concluded and the document's path."""
    parser = make_parser("compare", overrides=False)
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="the folders of runs")
    parser.add_argument(
        "--baseline", metavar="RUN", type=Path, help="the run that the others are set against"
    )
    parser.add_argument(
        "--region",
        metavar="SIZE",
        type=_size,
        default=0.01,
        help="a difference smaller than this is of no practical use (of measures between 0 and 1)",
    )
    parser.add_argument("--output", metavar="DIR", type=Path, help="the folder to write")
    options = parser.parse_args(arguments)
    from deepseek_report.comparisons.paired_performance import Region
    from deepseek_report.runner.comparing import CompareOptions

    region = Region(share=options.region)
    return say_comparison(options.runs, CompareOptions(options.baseline, region, options.output))


def say_comparison(runs: Sequence[Path], options: CompareOptions) -> int:
    """Compare the runs, print what may be concluded, and last the path of the document."""
    from deepseek_report.runner.comparing import compare_runs

    written = compare_runs(runs, options)
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
