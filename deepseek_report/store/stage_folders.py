"""Content-addressed stage folders: what was computed once is found again by what it was made from.

A stage is written into a work folder under a lock, its manifest (the SHA-256 of every file) comes
last, all of it is brought to the disk, and one rename makes it visible. A killed run leaves a work
folder that the next run takes over; two runs at once wait for each other stage by stage. A stage
whose manifest cannot be read is not there: it is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.local_paths import check_name
from deepseek_report.errors import ArtifactError
from deepseek_report.store import folders


def digest(value: object) -> str:
    """SHA-256 of a plain value, the same for equal values whatever the order of their keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _checked(stage: str) -> str:
    """The id of a stage, each part of which must be a plain name: nothing leads out of a store."""
    for part in stage.split("/"):
        check_name(part, "stage")
    return stage


@dataclass(frozen=True)
class StageManifest:
    """What a finished stage holds. files : {path: SHA-256}. facts : its name, and of its making."""

    files: Mapping[str, str]
    facts: Mapping[str, object]

    @classmethod
    def from_json(cls, content: object) -> StageManifest:
        """What `to_json` wrote; ValueError where no files are listed."""
        files = content.get("files") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(files, dict):
            raise ValueError("it lists no files")
        return cls(files, {name: fact for name, fact in content.items() if name != "files"})

    def to_json(self) -> dict[str, object]:
        """The content of the file."""
        return {**self.facts, "files": dict(self.files)}

    def is_of(self, stage: str, key: str) -> bool:
        """Whether it is that of this stage, as far as a reader relies on it."""
        named = (self.facts.get("stage"), self.facts.get("key")) == (stage, key)
        return named and all(isinstance(sha256, str) for sha256 in self.files.values())


@dataclass(frozen=True)
class Store:
    """Stage folders below `root`, as `<root>/<stage>/<key>/`."""

    root: Path

    def begin(self) -> list[str]:
        """What a person is told once stages were looked for, before others are made."""
        return []

    def end(self) -> list[str]:
        """What a person is told when no further stage is made."""
        return []

    def folder(self, stage: str, key: str) -> Path:
        """Where the stage with this key is, or would be; ArtifactError if a part is no name."""
        return self.root / _checked(stage) / key[:32]

    def holds(self, stage: str, key: str) -> bool:
        """Whether the finished stage is here; nobody else is asked."""
        return self._read_manifest(stage, key) is not None

    def find(self, stage: str, key: str) -> Path | None:
        """The finished folder of a stage; None where it is to be made."""
        return self.folder(stage, key) if self.holds(stage, key) else None

    def manifest(self, stage: str, key: str) -> StageManifest:
        """What is known of a finished stage: facts of its making and the hash of each file.

        Raises ArtifactError: there is no such stage, or its manifest cannot be read.
        """
        manifest = self._read_manifest(stage, key)
        if manifest is None:
            path = self.folder(stage, key) / folders.MANIFEST
            raise ArtifactError(f"{path}: not a manifest of this stage; run the experiment again")
        return manifest

    def _read_manifest(self, stage: str, key: str) -> StageManifest | None:
        """The manifest; None where it is missing or damaged, so that the stage is made again."""
        path = self.folder(stage, key) / folders.MANIFEST
        plain_files.refuse_links_on_way(self.root, path)
        try:
            manifest = StageManifest.from_json(load_json(path))
        except (ArtifactError, OSError, ValueError, RecursionError):
            return None
        return manifest if manifest.is_of(stage, key) else None

    @contextmanager
    def lock(self, stage: str, key: str) -> Iterator[None]:
        """Hold this stage alone; another process waits. The system frees it if we are killed."""
        with self.locked(f"{_checked(stage).replace('/', '.')}-{key[:32]}"):
            yield

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of this name, a plain one."""
        with folders.locked(self.root / ".locks" / name):
            yield

    @property
    def is_writable(self) -> bool:
        """Whether stages can be made here, as far as the system's rights tell."""
        nearest = next(path for path in (self.root, *self.root.parents) if path.exists())
        return os.access(nearest, os.W_OK)

    def work_folder(self, stage: str, key: str, *, resume: bool = False) -> Path:
        """An empty folder to write into; with `resume`, what a killed run left there is kept.

        Of that, files which were being written when it was killed go.
        """
        work = self._work(stage, key)
        if not (resume and work.is_dir()):
            plain_files.remove(work)
        plain_files.make_folder(work, below=self.root)
        for half_written in plain_files.files_below(work, plain_files.PART):
            plain_files.remove(half_written)
        return work

    def being_made(self, stage: str, key: str) -> Path | None:
        """The folder into which somebody writes this stage, or wrote it until they were killed."""
        work = self._work(stage, key)
        return work if work.is_dir() else None

    def _work(self, stage: str, key: str) -> Path:
        return self.root / ".work" / _checked(stage) / key[:32]

    def publish(self, stage: str, key: str, work: Path, facts: Mapping[str, object]) -> Path:
        """Write the manifest, and make all of it visible in one rename.

        The disk is not waited for: a run checks the hashes of the stages that it finds, and makes
        anew what a failure of the power left half written.
        """
        final = self.folder(stage, key)
        save_json(
            work / folders.MANIFEST,
            {**facts, "stage": stage, "key": key, "files": folders.hash_folder(work)},
        )
        self.put_in_place(work, final)
        return final

    def put_in_place(self, work: Path, final: Path) -> None:
        """Give a finished folder its name, and the rights of the store's folder.

        So all who share the store can read all of it.
        """
        plain_files.make_folder(final.parent, below=self.root)
        folders.take_modes(work, self.root)
        for above in (above for above in final.parents if above.is_relative_to(self.root)):
            folders.take_mode(above, self.root)
        folders.replace_folder(work, final, flushes=False)

    def verify(self, stage: str, key: str) -> None:
        """Raise ArtifactError if a stored file is not what its manifest says, or not in it."""
        folder = self.folder(stage, key)
        listed = self.manifest(stage, key).files
        present = {path.relative_to(folder).as_posix() for path in folders.files_of(folder)}
        added = [f"{name} is not in the manifest" for name in sorted(present - set(listed))]
        if problems := folders.compare(folder, listed) + added:
            raise ArtifactError(
                f"{folder}: {'; '.join(problems)}. Delete the folder; the next run makes it anew"
            )
