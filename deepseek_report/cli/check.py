"""`deepseek-report check`: everything that can be known before a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.parsing import compose_experiment, make_parser

if TYPE_CHECKING:
    from deepseek_report.config.experiment import Experiment


def command(arguments: list[str]) -> int:
    """Print what was understood, the plan, and what it will cost; seal it where asked to."""
    parser = make_parser("check", overrides=True)
    parser.add_argument(
        "--seal",
        action="store_true",
        help="fix thresholds, frameworks, policy, data, split and question in a file, before any "
        "result exists",
    )
    parser.add_argument("--key", default="", metavar="K", help="sign the seal with this key")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="of the seal; else seal-….json beside the runs"
    )
    options = parser.parse_intermixed_args(arguments)
    if (options.key or options.out) and not options.seal:
        parser.error("--key and --out are of a seal; add --seal")
    experiment = compose_experiment(options, options.overrides)
    from deepseek_report.cli.output.forecast import say_beside, say_forecast, say_open
    from deepseek_report.config.catalogue import folders, groups
    from deepseek_report.config.composed import open_lines
    from deepseek_report.config.sets import faults_beside
    from deepseek_report.runner.planning.forecast import forecast

    roots = folders(options.config_dir)
    waiting = open_lines(roots, experiment.name)
    try:
        say_forecast(forecast(experiment))
    finally:  # also where the data cannot be used: what is open may be why
        say_open(waiting)
        say_beside(faults_beside(roots, groups(roots)))
    if options.seal:
        _seal(experiment, options.key, options.out)
    return 0


def _seal(experiment: Experiment, key: str, out: Path | None) -> None:
    """Write the seal; print its digest, and how a run starts from it."""
    from deepseek_report.cli.output.console import printable
    from deepseek_report.runner.planning.forecast import seal_experiment

    path, digest = seal_experiment(experiment, key, out)
    print(f"seal: {printable(path)}")
    print(f"sha256:{digest}: hand this on before the run, so that others know when it was made")
    print(f"run it with: report.seal={printable(path)}")
