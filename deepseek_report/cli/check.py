"""`deepseek-report check`: everything that can be known before a run."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.parsing import compose_experiment, make_parser
from deepseek_report.extension import service


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
    sealing = service("--seal") if options.seal else None
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
    if sealing is not None:
        sealing.write(experiment, options.key, options.out)
    return 0
