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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.local_paths import check_name
from deepseek_report.errors import ArtifactError, DamagedError, UnreachableError
from deepseek_report.store import folders
from deepseek_report.store.remote_stages import RemoteStages, StageManifest

#: {URL of a remote store: {stage: why it could not be fetched whole}}, as this process found.
_DAMAGED: dict[str, dict[str, str]] = {}
#: Folder of a store that holds a mark for each stage that is still to be sent.
_UNSENT = ".unsent"


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
class Unsent:
    """Finished stages that a remote store has not got. stages : how many. reason : of the last try.

    place : the URL of the remote store.
    """

    stages: int
    place: str
    reason: str


@dataclass(frozen=True)
class Store:
    """Stage folders below `root`, as `<root>/<stage>/<key>/`.

    remote : where stages that are not here are fetched from, and those made here are sent to.
    """

    root: Path
    remote: RemoteStages | None = None

    def folder(self, stage: str, key: str) -> Path:
        """Where the stage with this key is, or would be; ArtifactError if a part is no name."""
        return self.root / _checked(stage) / key[:32]

    def holds(self, stage: str, key: str) -> bool:
        """Whether the finished stage is here; nobody else is asked."""
        return self._read_manifest(stage, key) is not None

    def find(self, stage: str, key: str) -> Path | None:
        """The finished folder of a stage, fetched where it is elsewhere.

        None where it is nowhere, where what is elsewhere is damaged, and where the remote store
        does not answer: then it is to be made here. `remote_news` tells of that.

        Raises ArtifactError: nothing is installed that knows the kind of the remote store.
        """
        here = self.holds(stage, key) or self._fetch(stage, key)
        return self.folder(stage, key) if here else None

    def _fetch(self, stage: str, key: str) -> bool:
        """Bring a stage here, by one process of this machine; whether it is here then."""
        if self.remote is None or self.remote.rests:
            return False
        with self._locked(f"fetch.{_checked(stage).replace('/', '.')}-{key[:32]}"):
            try:
                return self.holds(stage, key) or self._bring(self.remote, stage, key)
            except UnreachableError:
                return False
            except DamagedError as error:
                _DAMAGED.setdefault(self.remote.url, {})[f"{stage}/{key}"] = str(error)
                self._mark_unsent(stage, key, anew=True)
                return False

    def _bring(self, remote: RemoteStages, stage: str, key: str) -> bool:
        """Bring a stage here; False where it is not elsewhere either."""
        manifest = remote.manifest(stage, key)
        if manifest is None:
            return False
        if not manifest.is_of(stage, key):
            raise DamagedError(f"{remote.url}: what is there as {stage} {key[:12]} is another one")
        work = self.root / ".fetching" / stage / key[:32]
        plain_files.remove(work)
        plain_files.make_folder(work, below=self.root)
        remote.fetch(manifest, work)
        save_json(work / folders.MANIFEST, manifest.to_json())
        self._put_in_place(work, self.folder(stage, key))
        return True

    def remote_news(self) -> list[str]:
        """What this process found out about the remote store and did not tell yet."""
        if self.remote is None:
            return []
        news = []
        if silence := self.remote.silence:
            news.append(
                f"the remote store is not used for now, and the run goes on here: {silence}"
            )
        if damaged := _DAMAGED.pop(self.remote.url, None):
            stages = "1 stage" if len(damaged) == 1 else f"{len(damaged)} stages"
            news.append(
                f"{stages} of the remote store could not be fetched whole; the run makes what it "
                f"needs of them and sends it again: {next(iter(damaged.values()))}"
            )
        return news

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
        with self._locked(f"{_checked(stage).replace('/', '.')}-{key[:32]}"):
            yield

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
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

        Then it is sent where other machines look for it. What cannot be sent now is marked, and
        `send_waiting` sends it.
        """
        final = self.folder(stage, key)
        self._mark_unsent(stage, key)
        save_json(
            work / folders.MANIFEST,
            {**facts, "stage": stage, "key": key, "files": folders.hash_folder(work)},
        )
        self._put_in_place(work, final)
        if self.remote is not None and not self.remote.rests:
            with suppress(ArtifactError):  # it is whole here, and its mark stays
                self._send(stage, key)
        return final

    def _put_in_place(self, work: Path, final: Path) -> None:
        """With the rights of the store's folder, so that all who share it can read all of it."""
        plain_files.make_folder(final.parent, below=self.root)
        folders.take_modes(work, self.root)
        for above in (above for above in final.parents if above.is_relative_to(self.root)):
            folders.take_mode(above, self.root)
        folders.replace_folder(work, final, flushes=False)

    # --- what is still to be sent -----------------------------------------------------------------

    def send_waiting(self) -> Unsent | None:
        """Send every finished stage whose sending failed, be it in a run before; what is left.

        Ends at the first that fails. None: nothing is left, or there is no remote store.
        """
        if self.remote is None:
            return None
        with self._locked("send"):
            waiting = list(self._waiting())
            for done, (stage, key) in enumerate(waiting):
                try:
                    self._send(stage, key)
                except ArtifactError as error:
                    return Unsent(len(waiting) - done, self.remote.url, str(error))
        return None

    def _waiting(self) -> Iterator[tuple[str, str]]:
        """(stage, key) of what is marked to be sent to this remote store, and is here."""
        for path in plain_files.files_below(self.root / _UNSENT, ".json"):
            try:
                mark = load_json(path)
                stage, key, place = (str(mark[name]) for name in ("stage", "key", "place"))
                here = self.holds(stage, key)
            except (ArtifactError, OSError, ValueError, TypeError, KeyError):
                continue
            if here and self.remote is not None and place == self.remote.url:
                yield stage, key

    def _mark(self, stage: str, key: str) -> Path:
        return self.root / _UNSENT / _checked(stage) / f"{key[:32]}.json"

    def _mark_unsent(self, stage: str, key: str, *, anew: bool = False) -> None:
        """Beside the stages, so that it outlives a process that is killed while it sends.

        anew : the remote store has the stage, damaged; that stays known until it was sent.
        """
        if self.remote is not None:
            mark = self._mark(stage, key)
            plain_files.make_folder(mark.parent, below=self.root)
            anew = anew or self._is_to_replace(stage, key)
            save_json(mark, {"stage": stage, "key": key, "place": self.remote.url, "anew": anew})

    def send_again(self, stage: str, key: str) -> None:
        """Send all of a stage that is here, whatever the remote store has of it.

        Raises UnreachableError: the place does not take it; it is marked, and sent later.
        """
        self._mark_unsent(stage, key, anew=True)
        self._send(stage, key)

    def _is_to_replace(self, stage: str, key: str) -> bool:
        """Whether the remote store has this stage, damaged, so that all of it is sent anew."""
        try:
            mark = load_json(self._mark(stage, key))
        except (ArtifactError, OSError, ValueError):
            return False
        if self.remote is None or not isinstance(mark, dict):
            return False
        return mark.get("place") == self.remote.url and mark.get("anew") is True

    def _send(self, stage: str, key: str) -> None:
        final = self.folder(stage, key)
        if self.remote is not None:
            anew = self._is_to_replace(stage, key)
            self.remote.put(stage, key, final, final / folders.MANIFEST, anew=anew)
            plain_files.remove(self._mark(stage, key))

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


@dataclass(frozen=True)
class DamagedStage:
    """A stage of a remote store that cannot be fetched whole.

    name : of its manifest below the place. reason : what is wrong. is_here : whether the local
    store has it whole, so that it can be sent again.
    """

    name: str
    reason: str
    is_here: bool

    @property
    def stage(self) -> str:
        """Its id, such as `measures/deletion/shap`."""
        return self.name.removeprefix("stages/").rpartition("/")[0]

    @property
    def key(self) -> str:
        return self.name.rpartition("/")[2].removesuffix(".json")


@dataclass(frozen=True)
class RemoteInventory:
    """What was read. stages : how many there are. objects : how many files they name."""

    stages: int
    objects: int
    damaged: Sequence[DamagedStage]


@dataclass(frozen=True)
class Repaired:
    """What became of damaged stages: sent again, or taken out so that a run makes them again."""

    sent: Sequence[DamagedStage]
    taken_out: Sequence[DamagedStage]


def check_remote(store: Store, remote: RemoteStages) -> RemoteInventory:
    """Read every object that a stage of the remote store names, each once.

    Raises UnreachableError: the place does not answer.
    """
    problems: dict[str, str] = {}
    damaged, names = [], list(remote.manifests())
    for name in names:
        if reason := _problem(remote, name, problems):
            stage = DamagedStage(name, reason, is_here=False)
            damaged.append(DamagedStage(name, reason, _is_whole(store, stage)))
    return RemoteInventory(len(names), len(problems), damaged)


def _problem(remote: RemoteStages, name: str, problems: dict[str, str]) -> str:
    """What is wrong with a stage; `problems` holds what is known of objects, by their hash."""
    try:
        manifest = remote.manifest_at(name)
    except DamagedError as error:
        return str(error)
    for path, sha256 in (manifest.files if manifest else {}).items():
        known = str(sha256)
        if known not in problems:
            problems[known] = remote.damage_of(sha256, path)
        if problems[known]:
            return f"{path} {problems[known]}"
    return ""


def _is_whole(store: Store, damaged: DamagedStage) -> bool:
    try:
        store.verify(damaged.stage, damaged.key)
    except ArtifactError:
        return False
    return True


def repair_remote(store: Store, remote: RemoteStages, damaged: Sequence[DamagedStage]) -> Repaired:
    """Send again what is here; take out what is not, so that the next run makes and sends it.

    Raises UnreachableError: the place does not answer, or does not take it.
    """
    sent, taken_out = [], []
    for stage in damaged:
        if stage.is_here:
            store.send_again(stage.stage, stage.key)
            sent.append(stage)
        else:
            remote.forget(stage.name)
            taken_out.append(stage)
    return Repaired(sent, taken_out)
