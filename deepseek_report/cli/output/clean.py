"""Prints what a store holds, what would go, and what went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.cli.output.console import cell, console, plain_table
from deepseek_report.cli.output.quantities import in_bytes, local_time
from deepseek_report.cli.output.terminal_text import printable

if TYPE_CHECKING:
    from deepseek_report.runner.run_folders.cleaning import Cleaned, Inventory, Stored
    from deepseek_report.store.remote_repair import RemoteInventory, Repaired

_MOST_LINES = 10


def say_no_store(store: Path) -> None:
    """That there is nothing to look at."""
    print(f"{printable(store)} is no store: there is nothing to clean")


def say_inventory(inventory: Inventory, going: Sequence[Stored], *, removing: bool) -> None:
    """A line for each kind of stage, and one for what goes."""
    console().print(f"The store {printable(inventory.store)}", markup=False)
    print()
    if inventory.stored:
        _say_kinds(inventory, going)
    print(f"\n{_about_runs(inventory)}")
    what = f"{_parts(len(going))}, {in_bytes(sum(folder.size for folder in going))}"
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
    table = plain_table(*headings, right=("stored", "used by a run", "size", "would go"))
    kinds: dict[str, list[Stored]] = {}
    for folder in inventory.stored:
        kind = "left unfinished" if folder.need == "leftover" else ArtifactId(folder.stage).kind
        kinds.setdefault(kind, []).append(folder)
    goes = set(going)
    for kind, members in kinds.items():
        used = sum(member.need == "used" for member in members)
        table.add_row(
            cell(kind),
            str(len(members)),
            str(used),
            in_bytes(sum(member.size for member in members)),
            local_time(min(member.made for member in members)),
            in_bytes(sum(member.size for member in members if member in goes)),
        )
    console().print(table)


def _about_runs(inventory: Inventory) -> str:
    runs = "1 run folder is" if inventory.runs == 1 else f"{inventory.runs} run folders are"
    text = f"{runs} known; each keeps a copy of its results, so that no report loses anything."
    if inventory.unread:
        text += f" {inventory.unread} cannot be read, and what they were made from is not known."
    return text


def say_remote(url: str, inventory: RemoteInventory, *, repairing: bool) -> None:
    """How much the remote store holds, and what of it is damaged."""
    stages = "1 stage" if inventory.stages == 1 else f"{inventory.stages} stages"
    objects = "1 object" if inventory.objects == 1 else f"{inventory.objects} objects"
    print(f"The remote store {printable(url)}: {stages} of {objects}, each read and hashed.")
    damaged = inventory.damaged
    if not damaged:
        print("All of them are whole.")
        return
    print(f"{len(damaged)} cannot be fetched whole:")
    for stage in damaged[:_MOST_LINES]:
        print(f"  – {printable(stage.stage)} {stage.key[:12]}: {printable(stage.reason)}")
    if len(damaged) > _MOST_LINES:
        print(f"  – and {len(damaged) - _MOST_LINES} more")
    if not repairing:
        here = sum(stage.is_here for stage in damaged)
        print(
            f"Nothing was changed. --yes sends the {here} again that this store has, and takes the "
            f"other {len(damaged) - here} out, which the next run then makes and sends again."
        )


def say_repaired(repaired: Repaired) -> None:
    """What was sent again, and what the next run makes."""
    print(
        f"Sent again: {len(repaired.sent)}. Taken out: {len(repaired.taken_out)}; the next run "
        "that needs them makes them and sends them again."
    )


def _parts(n: int) -> str:
    return "1 folder" if n == 1 else f"{n} folders"


def say_cleaned(cleaned: Cleaned) -> None:
    """How much was freed, and what is still there and why."""
    print(f"Removed {_parts(len(cleaned.removed))}: {in_bytes(cleaned.freed)} are free again.")
    for folder, reason in cleaned.kept[:_MOST_LINES]:
        print(f"  – kept {printable(folder.path)}: {printable(reason)}")
    if len(cleaned.kept) > _MOST_LINES:
        print(f"  – and {len(cleaned.kept) - _MOST_LINES} more")
