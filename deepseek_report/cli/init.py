"""`deepseek-report init`: a study of one's own, ready to run."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from deepseek_report.cli.output.console import printable, some
from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import ConfigError

if TYPE_CHECKING:
    from deepseek_report.runner.scaffold.column_proposals import TableSeen
    from deepseek_report.runner.scaffold.new_study import MadeStudy, NewStudy, Wishes


_ABOUT_DATA = (
    *("target", "sensitive", "favourable", "entity", "time", "text", "drop", "copy"),
    "sector",
)


def command(arguments: list[str]) -> int:
    """Write a folder with a configuration and a Makefile, and say what is open in it."""
    options = _parser().parse_intermixed_args(arguments)
    _check(options)
    from deepseek_report.runner.scaffold.new_study import (
        NewStudy,
        check_overrides,
        make_study,
        see,
        study_name,
    )

    wishes = _wishes(options).with_overrides(options.overrides)
    if options.overrides:
        check_overrides(options.overrides, wishes, options.data)
    wishes = wishes.for_use(options.sector, options.place)
    seen = None if options.data is None else see(options.data, wishes)
    if seen is not None and not options.yes and sys.stdin.isatty() and sys.stdout.isatty():
        wishes = ask(seen, wishes)
    name = options.name or study_name(options.folder)
    study = NewStudy(options.folder, name, options.data, options.copy, options.plugin, seen, wishes)
    made = make_study(study)
    if study.plugin:
        from deepseek_report.config.trusted import keep

        try:
            keep(study.folder, [study.package])
        except ConfigError as error:
            print(f"note: {error}", file=sys.stderr)
    say_study(study, made)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("init")
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="the folder to make")
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
    parser.add_argument("--sector", help="what decisions are about: credit, employment, health, …")
    parser.add_argument(
        "--place",
        metavar="CODE",
        action="append",
        help="where decisions are made: EU, DE, US, US-CO, UK, CN, …; may be repeated. By both the "
        "frameworks are chosen (frameworks: auto)",
    )
    parser.add_argument("--name", help="of the study; without it the folder's")
    parser.add_argument("--copy", action="store_true", help="copy the data into the folder")
    parser.add_argument("--yes", "-y", action="store_true", help="ask nothing, take the defaults")
    parser.add_argument(
        "--plugin", action="store_true", help="with an explainer of your own and its test"
    )
    return parser


def _wishes(options: argparse.Namespace) -> Wishes:
    from deepseek_report.runner.scaffold.new_study import Wishes

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
    _check_folder(options)
    if options.sector is not None and options.sector not in _sectors():
        raise ConfigError(f"init: --sector {options.sector}: allowed: {', '.join(_sectors())}")
    try:
        options.place = _place_codes(options.place or ())
    except ValueError as error:
        raise ConfigError(f"init: --place takes {error}") from None
    if options.data is not None:
        return
    wanted = next((name for name in _ABOUT_DATA if getattr(options, name)), None)
    if wanted is not None:
        raise ConfigError(f"init: --{wanted} is about data of your own. Add --data FILE")


def _check_folder(options: argparse.Namespace) -> None:
    """Refuse what names no folder for the study, such as the table itself in its place."""
    tables = [options.data, options.folder, *map(Path, options.overrides)]
    table = next((path for path in tables if path is not None and path.is_file()), None)
    if options.folder is None:
        fault = "no folder is named that the study is written into"
    elif options.data is None and table is not None and not options.folder.is_dir():
        fault = f"{table} is a file, and a table is named by --data"
    else:
        return
    example = "init DIR"
    if table is not None:
        folder = table.name.partition(".")[0] if options.folder in {None, table} else options.folder
        example = f"init {shlex.quote(str(folder))} --data {shlex.quote(str(table))}"
    raise ConfigError(f"init: {fault}. Write it as deepseek-report {example}")


_MOST_SHOWN = 12
_LONGEST = 160


def ask(seen: TableSeen, wishes: Wishes) -> Wishes:
    """What a person answers: one question at a time, each with what was seen and a default.

    What an option or an override has said is not asked for. An empty answer takes the default.
    """
    print(f"{seen.n_rows} rows, {len(seen.columns)} columns. Enter takes what stands in [].")
    if wishes.target is None:
        likely = seen.likely_target()
        target = _one(f"Which column is predicted? {_few(seen.names)}", likely, seen.names)
        wishes = replace(wishes, target=target)
    wishes = _columns_to_leave_out(seen, wishes)
    target = str(wishes.target)
    codes = list(seen.codes.get(target, ()))
    predicts_class = target not in seen.numeric or len(codes) == 2
    if wishes.favourable is None and codes and predicts_class:
        question = f"Which class of “{target}” is good for the person concerned? {_few(codes)}"
        answer = _one(question, seen.likely_favourable(target), codes)
        wishes = replace(wishes, favourable=answer or None)
    if wishes.sensitive is None:
        likely_groups = [name for name in seen.personal() if name != target]
        groups = _several("By which columns are groups of people compared?", likely_groups, seen)
        wishes = replace(wishes, sensitive=groups)
    if wishes.entity is None:
        question = "Which column names what several rows are of (a person, a machine)?"
        wishes = replace(wishes, entity=_one(question, seen.entity, seen.names) or None)
    dates = seen.of("date")
    if wishes.time is None and dates:
        question = f"Which column says when a row comes from? Dates are in {_few(dates)}"
        wishes = replace(wishes, time=_one(question, "", seen.names) or None)
    return _with_use(wishes)


def _with_use(wishes: Wishes) -> Wishes:
    """What decisions are about, and where they are made: by both the frameworks are chosen."""
    sector = wishes.sector
    if sector is None:
        question = f"What are decisions about? {_few(_sectors())}"
        sector = _one(question, "", _sectors())
    places = wishes.places
    while places is None:
        question = "Where are they made? Codes such as EU, DE, US, US-CO, UK, CN, by commas"
        answer = _answer(question, "none")
        try:
            places = _place_codes([] if answer == "none" else answer.split(","))
        except ValueError as error:
            print(f"  It must be {printable(str(error))}.")
    return wishes.for_use(sector, places)


def _sectors() -> list[str]:
    from deepseek_report.datasets.data_card import Sector

    return [name for name in get_args(Sector) if name]


def _place_codes(named: Sequence[str]) -> list[str]:
    """The codes of places; ValueError where one is none."""
    from deepseek_report.compliance.applicability import place_code

    return [place_code(code) for code in named if code.strip()]


def _columns_to_leave_out(seen: TableSeen, wishes: Wishes) -> Wishes:
    out = [column for column in seen.columns if column.role != "feature"]
    out = [column for column in out if column.name not in {wishes.target, *wishes.keep}]
    if not out:
        return wishes
    print("These are no measurements, and are left out:")
    for column in out:
        print(f"  {printable(column.name)}: {printable(column.reason)[:_LONGEST]}")
    keep = _several("Which of them are to be kept?", (), seen)
    texts = [column.name for column in out if column.role == "text"]
    wishes = replace(wishes, keep=(*wishes.keep, *keep))
    if texts and wishes.text is None:
        question = f"Is the model to read a column of texts in place of all others? {_few(texts)}"
        wishes = replace(wishes, text=_one(question, "", texts) or None)
    return wishes


def _one(question: str, default: str, allowed: Sequence[str]) -> str:
    while True:
        answer = _answer(question, default or "none")
        if answer in {"", "none"}:
            return default if answer == "" else ""
        if answer in allowed:
            return answer
        print(f"  {printable(answer)} is none of them.")


def _several(question: str, default: Sequence[str], seen: TableSeen) -> tuple[str, ...]:
    while True:
        answer = _answer(question, ", ".join(default) or "none")
        if answer == "":
            return tuple(default)
        columns = [part.strip() for part in answer.split(",")]
        unknown = [column for column in columns if column not in seen.names]
        if answer == "none" or not unknown:
            return () if answer == "none" else tuple(columns)
        print(f"  {printable(', '.join(unknown))}: no such column.")


def _answer(question: str, default: str) -> str:
    try:
        return input(f"{printable(question)} [{printable(default)}] ").strip()
    except EOFError:
        print()
        return ""


def _few(names: Sequence[str]) -> str:
    return f"({some(names, _MOST_SHOWN)})"


def say_study(study: NewStudy, made: MadeStudy) -> None:
    """The files, what was taken for granted, what is open, and the command that runs the study."""
    draft = made.draft
    print(f"A study “{study.name}” in {printable(study.folder)}:")
    for path in made.files:
        print(f"  {printable(path)}")
    left_out = {**draft.dropped, **draft.recognised}
    if draft.guessed or left_out:
        print("Taken for granted, until you say otherwise:")
    for key, why in draft.guessed.items():
        print(f"  {key}: {printable(draft.dataset[key])} ({why})")
    for name, why in list(left_out.items())[:_MOST_SHOWN]:
        print(f"  without {printable(name)}: {printable(why)[:_LONGEST]}")
    if (more := len(left_out) - _MOST_SHOWN) > 0:
        print(f"  without {more} more columns, which the file names")
    if draft.trouble:
        print("The data cannot be used as they are; the study is written, and this is open in it:")
        for line in draft.trouble.splitlines():
            print(f"  {printable(line)}")
    if study.data is not None:
        print(f"Confirm what was inferred in {study.experiment}; `make check` names what is open.")
        if study.data_path is not None and not study.copy:
            print(f"The data stay where they are: {printable(study.data_path)}, from that folder.")
    folder = printable(shlex.quote(str(study.folder)))
    print(f"Then: cd {folder} && make {'check' if draft.trouble else 'report'}")
