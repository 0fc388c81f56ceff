"""What the store holds, what of it nobody needs, and taking that out.

Only folders that a run made are looked at: `<store>/<stage>/<key>`, the same below `.work` and
`.fetching`, and what a killed run left of a run folder that it was about to replace, or of work
that it had sent to other processes (`<store>/.sent/<random>`). Links are neither followed nor
removed, and everything else in these places is left alone.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepseek_report.artifacts.storage.plain_files import entries, folders_in, remove, remove_empty
from deepseek_report.runner.run_folders.past_runs import past_runs, size_of
from deepseek_report.store.folders import MANIFEST, SENT, alone, stage_alone

#: The kinds of stages, which are the folders of a store.
KINDS = ("data", "training", "predictions", "explanations", "measures", "conclusions", "pictures")
#: A stage is `measures/deletion/shap` at the longest.
_DEEPEST = 3
_KEY = re.compile(r"[0-9a-f]{32}")
#: What `replace_folder` and a run that was killed while it wrote leave beside run folders.
_ASIDE = re.compile(r"\.(?:old-[0-9a-f]{12}-\d+|(?:work|comparing)-[0-9a-f]{12})")
#: What `tempfile` calls a folder, which the launchers have an outbox made by.
_OUTBOX = re.compile(r"tmp[a-z0-9_]{8}")
#: A younger folder may still be in use, by a run with another store.
_SETTLED = dt.timedelta(hours=1)

_IN_USE = "a run uses the store now"

Need = Literal["used", "unused", "leftover"]


@dataclass(frozen=True)
class Stored:
    """A folder that could be taken away.

    stage, key : of a stage, else "". need : a run folder was made from it, or none was, or it was
    left by a run that was killed. made : when it was last written.
    """

    path: Path
    stage: str
    key: str
    need: Need
    size: int
    made: dt.datetime


@dataclass(frozen=True)
class Inventory:
    """What a store holds. unread : run folders whose record does not tell what they were made from.

    busy : a run uses the store now.
    """

    store: Path
    stored: Sequence[Stored]
    runs: int
    unread: int
    busy: bool


@dataclass(frozen=True)
class Cleaned:
    """What was taken out, and what was not with the reason."""

    removed: Sequence[Stored]
    kept: Sequence[tuple[Stored, str]]

    @property
    def freed(self) -> int:
        """Bytes."""
        return sum(stored.size for stored in self.removed)


def take_inventory(store: Path, reports: Path) -> Inventory | None:
    """What a store holds; None where the folder is no store."""
    root = store.absolute()
    if not (root / ".locks").is_dir() or root.is_symlink():
        return None
    runs = past_runs(reports)
    used = {(stage, key[:32]) for run in runs for stage, key in run.stages}
    stages = _folders_of_stages(root)
    stored = [_stored(path, stage, _need(stage, path, used)) for stage, path in stages]
    stored += _leftovers(root, reports)
    with alone(root) as free:
        busy = not free
    return Inventory(root, stored, len(runs), sum(bool(run.problem) for run in runs), busy)


def chosen(
    inventory: Inventory, *, used_too: bool, older_than: dt.timedelta, now: dt.datetime
) -> list[Stored]:
    """What would go: leftovers, and stages that no run was made from, where they are old enough."""
    return [
        stored
        for stored in inventory.stored
        if (used_too or stored.need != "used") and now - stored.made >= older_than
    ]


def clean(inventory: Inventory, going: Sequence[Stored]) -> Cleaned:
    """Take these out of the store, unless a run holds it or makes one of them now."""
    with alone(inventory.store) as free:
        problems = [_remove(inventory.store, stored) if free else _IN_USE for stored in going]
    outcomes = list(zip(going, problems, strict=True))
    return Cleaned(
        [stored for stored, problem in outcomes if not problem],
        [(stored, problem) for stored, problem in outcomes if problem],
    )


def _remove(root: Path, stored: Stored) -> str:
    """Why it could not be removed, or ""."""
    try:
        if not stored.stage:
            remove(stored.path)
            return ""
        with stage_alone(root, stored.stage, stored.key) as free:
            if not free:
                return "a run is making it now"
            remove(stored.path / MANIFEST)  # invisible first, then gone
            remove(stored.path)
    except OSError as error:
        return f"it cannot be removed: {error.strerror}"
    place, work = stored.path.parent, root / ".work"
    remove_empty(place, below=work if work in place.parents else root)
    return ""


def _need(stage: str, path: Path, used: Collection[tuple[str, str]]) -> Need:
    if not (path / MANIFEST).is_file():
        return "leftover"
    if [entry.name for entry in entries(path)] == [MANIFEST]:
        return "used"  # a recorded refusal, which run folders do not name
    return "used" if (stage, path.name) in used else "unused"


def _leftovers(root: Path, reports: Path) -> Iterator[Stored]:
    """What killed commands left: work on stages, outboxes, run folders that were to be replaced.

    Outboxes and run folders of living commands are younger, or hold the store.
    """
    for work in (root / ".work", root / ".fetching"):
        if not work.is_symlink():
            for stage, path in _folders_of_stages(work):
                yield _stored(path, stage, "leftover")
    sent = () if (root / SENT).is_symlink() else folders_in(root / SENT)
    asides = (path for folder in folders_in(reports, links=True) for path in folders_in(folder))
    now = dt.datetime.now(dt.UTC)
    for paths, form in ((sent, _OUTBOX), (asides, _ASIDE)):
        for path in paths:
            if form.fullmatch(path.name):
                stored = _stored(path, "", "leftover")
                if now - stored.made >= _SETTLED:
                    yield stored


def _folders_of_stages(place: Path) -> Iterator[tuple[str, Path]]:
    """(stage id, folder) of everything that is named as a stage is."""
    for kind in folders_in(place):
        if kind.name in KINDS:
            yield from _below(kind, kind.name, 1)


def _below(folder: Path, stage: str, depth: int) -> Iterator[tuple[str, Path]]:
    for path in folders_in(folder):
        if _KEY.fullmatch(path.name):
            yield stage, path
        elif depth < _DEEPEST:
            yield from _below(path, f"{stage}/{path.name}", depth + 1)


def _stored(path: Path, stage: str, need: Need) -> Stored:
    seconds = max(
        place.lstat().st_mtime for place in (path, path / MANIFEST) if os.path.lexists(place)
    )
    return Stored(
        path,
        stage,
        path.name if stage else "",
        need,
        size_of(path),
        dt.datetime.fromtimestamp(seconds, dt.UTC),
    )
