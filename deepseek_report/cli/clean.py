"""`deepseek-report clean`: what the store holds, and taking out what nobody needs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.cli.output import console
from deepseek_report.cli.parsing import places_parser
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.extension import service

if TYPE_CHECKING:
    from deepseek_report.runner.run_folders.cleaning import Cleaned, Inventory, Stored


_AGE = re.compile(r"(\d{1,5})(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}


def command(arguments: list[str]) -> int:
    """Print what the store holds and what would go; remove it where `--yes` says so."""
    parser = places_parser("clean", "paths.store")
    parser.add_argument(
        "--older-than",
        metavar="30d",
        default="0h",
        help="keep what is younger; h, d and w are hours, days and weeks",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="also stages that a run was made from; its report stays, computing again takes time",
    )
    parser.add_argument(
        "--remote",
        action="store_true",
        help="read the remote store instead, and mend with --yes what was lost or damaged there",
    )
    parser.add_argument("--yes", "--apply", action="store_true", help="remove it")
    options = parser.parse_intermixed_args(arguments)
    age = _age(options.older_than)
    from deepseek_report.config.catalogue import find_places
    from deepseek_report.runner.run_folders.cleaning import chosen, clean, take_inventory

    places = find_places(options.places, options.config_dir)
    if options.remote:
        return int(service("--remote").clean_remote(places.store, repairing=options.yes))
    inventory = take_inventory(places.store, places.reports)
    if inventory is None:
        say_no_store(places.store)
        return 0
    going = chosen(inventory, used_too=options.all, older_than=age, now=dt.datetime.now(dt.UTC))
    say_inventory(inventory, going, removing=options.yes)
    if not options.yes:
        return 0
    cleaned = clean(inventory, going)
    say_cleaned(cleaned)
    return 1 if cleaned.kept else 0


def _age(text: str) -> dt.timedelta:
    match = _AGE.fullmatch(text)
    if match is None:
        raise ConfigProblems.of(
            f"command line, --older-than {text}",
            "this is no age",
            "a number of hours, days or weeks, such as 12h, 30d, 4w",
        )
    return dt.timedelta(hours=int(match[1]) * _HOURS[match[2]])


_MOST_LINES = 10


def say_no_store(store: Path) -> None:
    """That there is nothing to look at."""
    print(f"{console.printable(store)} is no store: there is nothing to clean")


def say_inventory(inventory: Inventory, going: Sequence[Stored], *, removing: bool) -> None:
    """A line for each kind of stage, and one for what goes."""
    console.console().print(f"The store {console.printable(inventory.store)}", markup=False)
    print()
    if inventory.stored:
        _say_kinds(inventory, going)
    print(f"\n{_about_runs(inventory)}")
    what = f"{_parts(len(going))}, {console.in_bytes(sum(folder.size for folder in going))}"
    if not going:
        print("Nothing of it goes.")
    elif removing:
        print(f"To be removed: {what}.")
    else:
        print(f"Would go: {what}. Nothing was removed; add --yes to remove it.")
    if inventory.busy:
        print("A run uses the store now: wait until it has ended.")


def _say_kinds(inventory: Inventory, going: Sequence[Stored]) -> None:
    headings = ("stage", "stored", "used by a run", "size", "oldest", "would go")
    table = console.plain_table(*headings, right=("stored", "used by a run", "size", "would go"))
    kinds: dict[str, list[Stored]] = {}
    for folder in inventory.stored:
        kind = "left unfinished" if folder.need == "leftover" else ArtifactId(folder.stage).kind
        kinds.setdefault(kind, []).append(folder)
    goes = set(going)
    for kind, members in kinds.items():
        used = sum(member.need == "used" for member in members)
        table.add_row(
            console.cell(kind),
            str(len(members)),
            str(used),
            console.in_bytes(sum(member.size for member in members)),
            console.local_time(min(member.made for member in members)),
            console.in_bytes(sum(member.size for member in members if member in goes)),
        )
    console.console().print(table)


def _about_runs(inventory: Inventory) -> str:
    runs = "1 run folder is" if inventory.runs == 1 else f"{inventory.runs} run folders are"
    text = f"{runs} known; each keeps a copy of its results, so that no report loses anything."
    if inventory.unread:
        text += f" {inventory.unread} cannot be read, and what they were made from is not known."
    return text


def _parts(n: int) -> str:
    return "1 folder" if n == 1 else f"{n} folders"


def say_cleaned(cleaned: Cleaned) -> None:
    """How much was freed, and what is still there and why."""
    print(
        f"Removed {_parts(len(cleaned.removed))}: {console.in_bytes(cleaned.freed)} are free again."
    )
    say_list([f"kept {folder.path}: {reason}" for folder, reason in cleaned.kept])


def say_list(texts: Sequence[str]) -> None:
    """The first of many texts, one a line however long it is."""
    more = len(texts) - _MOST_LINES
    rest = [f"and {more} more"] if more > 0 else []
    for text in [*texts[:_MOST_LINES], *rest]:
        print(f"  – {console.printable(text)}")
