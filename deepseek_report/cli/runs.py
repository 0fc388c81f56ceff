"""`deepseek-report runs`: what is there below `paths.reports`, newest first."""

from __future__ import annotations

from deepseek_report.cli.parsing import make_parser


def command(arguments: list[str]) -> int:
    """Print one line a run; nothing heavy is imported, and nothing is changed."""
    parser = make_parser("runs", overrides=False)
    parser.add_argument("places", nargs="*", metavar="OVERRIDE", help="such as paths.reports=DIR")
    parser.add_argument(
        "--config-dir", "-cd", metavar="DIR", help="your own YAMLs, whose paths count"
    )
    options = parser.parse_intermixed_args(arguments)
    from deepseek_report.cli.output.runs import say_runs
    from deepseek_report.config.places import find_places
    from deepseek_report.runner.run_folders.past_runs import past_runs

    reports = find_places(options.places, options.config_dir).reports
    say_runs(reports, past_runs(reports))
    return 0
