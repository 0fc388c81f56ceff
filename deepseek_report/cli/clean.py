"""`deepseek-report clean`: what the store holds, and taking out what nobody needs."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from deepseek_report.cli.parsing import make_parser
from deepseek_report.config.problems import ConfigProblems

_AGE = re.compile(r"(\d{1,5})(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}


def command(arguments: list[str]) -> int:
    """Print what the store holds and what would go; remove it where `--yes` says so."""
    parser = make_parser("clean", overrides=False)
    parser.add_argument("places", nargs="*", metavar="OVERRIDE", help="such as paths.store=DIR")
    parser.add_argument(
        "--config-dir", "-cd", metavar="DIR", help="your own YAMLs, whose paths count"
    )
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
    from deepseek_report.cli.output.clean import say_cleaned, say_inventory, say_no_store
    from deepseek_report.config.places import find_places
    from deepseek_report.runner.run_folders.cleaning import chosen, clean, take_inventory

    places = find_places(options.places, options.config_dir)
    if options.remote:
        return _remote(places.store, repairing=options.yes)
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


def _remote(root: Path, *, repairing: bool) -> int:
    """Check the remote store that the environment names; 1 where damage is left."""
    from deepseek_report.cli.output.clean import say_remote, say_repaired
    from deepseek_report.store import Store
    from deepseek_report.store.remote_repair import check_remote, repair_remote
    from deepseek_report.store.remote_stages import VARIABLE, remote_of_environment

    remote = remote_of_environment()
    if remote is None:
        raise ConfigProblems.of(
            "command line, --remote",
            f"{VARIABLE} is not set, so there is no remote store",
            f"set it to a URL such as {VARIABLE}=s3://bucket/folder",
        )
    store = Store(root.absolute(), remote)
    inventory = check_remote(store, remote)
    say_remote(remote.url, inventory, repairing=repairing)
    if not inventory.damaged:
        return 0
    if not repairing:
        return 1
    say_repaired(repair_remote(store, remote, inventory.damaged))
    return 0


def _age(text: str) -> dt.timedelta:
    match = _AGE.fullmatch(text)
    if match is None:
        raise ConfigProblems.of(
            f"command line, --older-than {text}",
            "this is no age",
            "a number of hours, days or weeks, such as 12h, 30d, 4w",
        )
    return dt.timedelta(hours=int(match[1]) * _HOURS[match[2]])
