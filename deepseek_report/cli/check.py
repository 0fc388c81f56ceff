"""`deepseek-report check`: everything that can be known before a run."""

from __future__ import annotations

from deepseek_report.cli.parsing import compose_experiment, make_parser


def command(arguments: list[str]) -> int:
    """Print what was understood, the plan, and what it will cost."""
    options = make_parser("check", overrides=True).parse_intermixed_args(arguments)
    experiment = compose_experiment(options, options.overrides)
    from deepseek_report.cli.output.forecast import say_forecast, say_open
    from deepseek_report.config.catalogue import folders
    from deepseek_report.config.open_lines import open_lines
    from deepseek_report.runner.planning.forecast import forecast

    waiting = open_lines(folders(options.config_dir), experiment.name)
    try:
        say_forecast(forecast(experiment))
    finally:  # also where the data cannot be used: what is open may be why
        say_open(waiting)
    return 0
