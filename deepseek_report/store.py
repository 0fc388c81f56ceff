"""Content-addressed stage folders: what was computed once is found again by what it was made from.

A stage is written into a work folder under a lock, its manifest (the SHA-256 of every file) comes
last, and one rename makes it visible. A killed run leaves a work folder that the next run takes
over; two runs at once wait for each other stage by stage.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.files import load_json, save_json, sha256_file
from deepseek_report.errors import ArtifactError

MANIFEST = "manifest.json"


def digest(value: Any) -> str:
    """SHA-256 of a plain value, the same for equal values whatever the order of their keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_folder(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but its manifest, by relative path, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in files
        if path != folder / MANIFEST
    }


@dataclass(frozen=True)
class Store:
    """Stage folders below `root`, as `<root>/<stage>/<key>/`."""

    root: Path

    def folder(self, stage: str, key: str) -> Path:
        """Where the stage with this key is, or would be."""
        return self.root / stage / key[:32]

    def find(self, stage: str, key: str) -> Path | None:
        """The finished folder of a stage, or None."""
        folder = self.folder(stage, key)
        return folder if (folder / MANIFEST).is_file() else None

    def manifest(self, stage: str, key: str) -> dict[str, Any]:
        """What is known of a finished stage: facts of its making and the hash of each file."""
        return dict(load_json(self.folder(stage, key) / MANIFEST))

    @contextmanager
    def lock(self, stage: str, key: str) -> Iterator[None]:
        """Hold this stage alone; another process waits. The system frees it if we are killed."""
        path = self.root / ".locks" / f"{stage.replace('/', '.')}-{key[:32]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def work_folder(self, stage: str, key: str, *, resume: bool = False) -> Path:
        """An empty folder to write into; with `resume`, what a killed run left there is kept."""
        work = self.root / ".work" / stage / key[:32]
        if work.exists() and not resume:
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        return work

    def publish(self, stage: str, key: str, work: Path, facts: Mapping[str, Any]) -> Path:
        """Write the manifest and make the stage visible in one rename."""
        final = self.folder(stage, key)
        save_json(
            work / MANIFEST, {**facts, "stage": stage, "key": key, "files": hash_folder(work)}
        )
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            shutil.rmtree(final)
        work.replace(final)
        return final

    def verify(self, stage: str, key: str) -> None:
        """Raise ArtifactError if a stored file is not what its manifest says."""
        folder = self.folder(stage, key)
        if problems := compare(folder, self.manifest(stage, key)["files"]):
            raise ArtifactError(
                f"{folder}: {'; '.join(problems)}. Delete the folder; the next run makes it anew"
            )


def compare(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """How a folder differs from the hashes of its files, one sentence each."""
    problems = []
    for name, sha256 in sorted(expected.items()):
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif sha256_file(path) != sha256:
            problems.append(f"{name} was changed: its SHA-256 is not the one in the manifest")
    return problems


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder without its manifest; files share their disk blocks where they can."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and path != source / MANIFEST:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def replace_folder(new: Path, final: Path) -> None:
    """Put a finished folder in its place; a reader sees the old one or the new one, never a mix."""
    final.parent.mkdir(parents=True, exist_ok=True)
    old = final.with_name(f".old-{final.name}-{os.getpid()}")
    if final.exists():
        final.rename(old)
    new.rename(final)
    shutil.rmtree(old, ignore_errors=True)
