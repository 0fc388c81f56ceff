"""`deepseek-report init`: a study of one's own, ready to run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import ConfigError

if TYPE_CHECKING:
    from deepseek_report.runner.scaffold.study_draft import Wishes

_ABOUT_DATA = ("target", "sensitive", "favourable", "entity", "time", "text", "drop", "copy")


def command(arguments: list[str]) -> int:
    """Write a folder with a configuration and a Makefile, and say what is open in it."""
    options = _parser().parse_intermixed_args(arguments)
    _check(options)
    from deepseek_report.cli.output.new_study import ask, say_study
    from deepseek_report.runner.scaffold.new_study import NewStudy, make_study, study_name
    from deepseek_report.runner.scaffold.study_draft import check_overrides, see

    wishes = _wishes(options).with_overrides(options.overrides)
    if options.overrides:
        check_overrides(options.overrides, wishes, options.data)
    seen = None if options.data is None else see(options.data, wishes)
    if seen is not None and not options.yes and sys.stdin.isatty() and sys.stdout.isatty():
        wishes = ask(seen, wishes)
    name = options.name or study_name(options.folder)
    study = NewStudy(options.folder, name, options.data, options.copy, options.plugin, seen, wishes)
    made = make_study(study)
    if study.plugin:
        from deepseek_report.config.kept_trust import keep

        try:
            keep(study.folder, [study.package])
        except ConfigError as error:
            print(f"note: {error}", file=sys.stderr)
    say_study(study, made)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("init", overrides=False)
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder to make")
    parser.add_argument(
        "overrides", nargs="*", metavar="OVERRIDE", help="key=value, written into the study"
    )
    parser.add_argument("--data", metavar="FILE", type=Path, help="a table of your own")
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict")
    for name, what in {
        "sensitive": "columns to compare groups of people by",
        "drop": "columns to leave out",
        "keep": "columns that are no identifiers, whatever they look like",
    }.items():
        parser.add_argument(
            f"--{name}", metavar="COLUMN", action="append", help=f"{what}; may be repeated"
        )
    for name, metavar, what in (
        ("favourable", "CLASS", "the class that is good for the person concerned"),
        ("entity", "COLUMN", "the column of what several rows are of"),
        ("time", "COLUMN", "the column of the moment that a row comes from"),
        ("text", "COLUMN", "a column of texts, which the model reads instead of all others"),
    ):
        parser.add_argument(f"--{name}", metavar=metavar, help=what)
    parser.add_argument("--name", help="of the study; without it the folder's")
    parser.add_argument("--copy", action="store_true", help="copy the data into the folder")
    parser.add_argument("--yes", "-y", action="store_true", help="ask nothing, take the defaults")
    parser.add_argument(
        "--plugin", action="store_true", help="with an explainer of your own and its test"
    )
    return parser


def _wishes(options: argparse.Namespace) -> Wishes:
    from deepseek_report.runner.scaffold.study_draft import Wishes

    return Wishes(
        options.target,
        tuple(options.drop or ()),
        None if options.sensitive is None else tuple(options.sensitive),
        options.favourable,
        options.entity,
        options.time,
        options.text,
        tuple(options.keep or ()),
    )


def _check(options: argparse.Namespace) -> None:
    if options.data is not None:
        return
    wanted = next((name for name in _ABOUT_DATA if getattr(options, name)), None)
    if wanted is not None:
        raise ConfigError(f"init: --{wanted} is about data of your own. Add --data FILE")
