"""Content-addressed stage folders: what was computed once is found again by what it was made from.

A stage is written into a work folder under a lock, its manifest (the SHA-256 of every file) comes
last, and one rename makes it visible. A killed run leaves a work folder that the next run takes
over; two runs at once wait for each other stage by stage.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.files import load_json, save_json
from deepseek_report.artifacts.names import check_name
from deepseek_report.errors import ArtifactError
from deepseek_report.store.folders import MANIFEST, compare, hash_folder


def digest(value: Any) -> str:
    """SHA-256 of a plain value, the same for equal values whatever the order of their keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _checked(stage: str) -> str:
    """The id of a stage, each part of which must be a plain name: nothing leads out of a store."""
    for part in stage.split("/"):
        check_name(part, "stage")
    return stage


@dataclass(frozen=True)
class Store:
    """Stage folders below `root`, as `<root>/<stage>/<key>/`."""

    root: Path

    def folder(self, stage: str, key: str) -> Path:
        """Where the stage with this key is, or would be; ArtifactError if a part is no name."""
        return self.root / _checked(stage) / key[:32]

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
        path = self.root / ".locks" / f"{_checked(stage).replace('/', '.')}-{key[:32]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def work_folder(self, stage: str, key: str, *, resume: bool = False) -> Path:
        """An empty folder to write into; with `resume`, what a killed run left there is kept."""
        work = self.root / ".work" / _checked(stage) / key[:32]
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
