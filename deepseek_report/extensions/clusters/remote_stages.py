"""Finished stages on object storage, for machines that share no file system.

```
<place>/files/<ab>/<sha256>       every file of every stage, under the hash of its content
<place>/stages/<stage>/<key>.json the manifest of a stage, written after its files
```

An object is written whole or not at all, and a manifest is written after the files that it names:
a reader sees all of a stage or nothing. Two machines that make the same stage at once do each other
no harm; the first manifest stays. Where an object is lost later (places expire objects by age) or
is not what it was, the stage counts as damaged: it is made again, and all of it is sent again.

Where the place is, the environment says and no configuration: what is computed here is sent there.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.artifacts.storage.memory_bound import parse
from deepseek_report.artifacts.storage.plain_files import (
    PART,
    is_sha256,
    make_folder,
    move,
    sha256_file,
)
from deepseek_report.errors import ArtifactError
from deepseek_report.store.stage_folders import StageManifest

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


#: The variable that names the place, by a URL that fsspec knows.
VARIABLE = "DEEPSEEK_REPORT_REMOTE_STORE"
#: Bytes of the manifest of a stage, which lists its files.
_MOST_MANIFEST = 2**24
#: Seconds in which an answer must come, and bytes a second that a file may take beside them.
_PATIENCE, _SLOWEST = 30.0, 100_000
#: Seconds in which a place that did not answer is left alone; twice as long after each further
#: time, up to the longest: each question may take all of the patience.
_REST, _LONGEST_REST = 60.0, 3600.0
T = TypeVar("T")


@dataclass(frozen=True)
class _Silence:
    """A place that did not answer. since : by the clock that never goes back. rest : in seconds."""

    since: float
    rest: float
    reason: str


#: {URL: how it last failed to answer this process}, until it answers again.
_SILENT: dict[str, _Silence] = {}


class DamagedError(ArtifactError):
    """A stage of a remote store cannot be fetched whole; it can be made and sent again."""


class UnreachableError(ArtifactError):
    """A remote store cannot be asked now; what it would give can be made here."""


@dataclass(frozen=True)
class RemoteStages:
    """Stages below a URL, such as s3://bucket/folder. Every error is an ArtifactError."""

    url: str

    @property
    def rests(self) -> bool:
        """Whether the place failed to answer, and is not asked again for a while."""
        silence = _SILENT.get(self.url)
        return silence is not None and time.monotonic() - silence.since < silence.rest

    @property
    def silence(self) -> str:
        """Why the place did not answer when it was last asked; empty where it did."""
        return _SILENT[self.url].reason if self.url in _SILENT else ""

    def __reduce__(self) -> tuple[object, ...]:
        """A process of this machine that is sent this knows whether the place answers."""
        return _received, (self.url, _SILENT.get(self.url))

    def manifest(self, stage: str, key: str) -> StageManifest | None:
        """The manifest of a stage; None where there is none.

        Raises DamagedError: what is there is no manifest.
        Raises UnreachableError: the place does not answer.
        """
        return self.manifest_at(_manifest_name(stage, key))

    def manifest_at(self, name: str) -> StageManifest | None:
        """The same, by its name below the place."""

        def read(files: AbstractFileSystem, root: str) -> bytes | None:
            try:
                content: bytes = files.cat_file(f"{root}/{name}", end=_MOST_MANIFEST + 1)
            except FileNotFoundError:
                return None
            return content

        if (content := self._ask(read)) is None:
            return None
        if len(content) > _MOST_MANIFEST:
            raise DamagedError(f"{self.url}/{name} is larger than the manifest of a stage can be")
        try:
            return StageManifest.from_json(parse(Path(name), content))
        except (ValueError, ArtifactError):
            raise DamagedError(f"{self.url}/{name} is no manifest") from None

    def fetch(self, manifest: StageManifest, folder: Path) -> None:
        """Bring the files of a stage into an empty folder and check each against its hash.

        Raises DamagedError: a file is not there or has another hash than the manifest says, or the
            manifest names a path out of the folder.
        Raises UnreachableError: the place does not answer.
        """
        for name, sha256 in manifest.files.items():
            self._refuse_strange(name, sha256)
            target = folder / name
            make_folder(target.parent, below=folder)
            self._fetch_file(sha256, target)

    def _fetch_file(self, sha256: str, target: Path) -> None:
        """Bring an object here, under a name that no earlier try writes to any more."""
        part = target.with_name(f"{uuid.uuid4().hex}{PART}")

        def fetch(files: AbstractFileSystem, root: str) -> None:
            files.get_file(_object(root, sha256), str(part), callback=_callback(arrived))

        arrived = _Arrived()
        try:
            self._ask(fetch, arrived=arrived)
        except FileNotFoundError:
            raise DamagedError(f"{self.url}{_object('', sha256)} is missing") from None
        if sha256_file(part) != sha256:
            raise DamagedError(f"{self.url}{_object('', sha256)} is not what it was")
        move(part, target)

    def put(
        self, stage: str, key: str, folder: Path, manifest: Path, *, anew: bool = False
    ) -> None:
        """Send the files of a finished stage, then its manifest.

        anew : also what seems to be there already, since the stage that is there is damaged.

        Raises UnreachableError: the place does not take them.
        """
        for name, sha256 in StageManifest.from_json(load_json(manifest)).files.items():
            self._put(folder / name, _object("", sha256), _is_there, anew=anew)
        self._put(manifest, f"/{_manifest_name(stage, key)}", _exists, anew=anew)

    def _put(
        self,
        source: Path,
        name: str,
        is_there: Callable[[AbstractFileSystem, str, int], bool],
        *,
        anew: bool,
    ) -> None:
        size = source.stat().st_size

        def put(files: AbstractFileSystem, root: str) -> None:
            if anew or not is_there(files, root + name, size):
                _send(files, source, root + name)

        try:
            self._ask(put, size)
        except FileNotFoundError as error:
            raise self._silent(f"{error} is missing") from None

    # --- looking after the place ---

    def manifests(self) -> Iterator[str]:
        """The name of every manifest below the place, sorted.

        Raises UnreachableError: the place does not answer.
        """

        def listed(files: AbstractFileSystem, root: str) -> list[str]:
            try:
                paths = files.find(f"{root}/stages")
            except FileNotFoundError:
                return []
            return sorted(str(path)[len(root) + 1 :] for path in paths)

        yield from (name for name in self._ask(listed) if name.endswith(".json"))

    def damage_of(self, sha256: str, name: object = "file") -> str:
        """What is wrong with an object, by reading all of it; empty where nothing is.

        Raises UnreachableError: the place does not answer.
        """

        def hashed(files: AbstractFileSystem, root: str) -> str:
            digest = hashlib.sha256()
            with files.open(_object(root, sha256), "rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
            return digest.hexdigest()

        try:
            self._refuse_strange(name, sha256)
            size = self._ask(lambda files, root: int(files.info(_object(root, sha256))["size"]))
            remote_hash = self._ask(hashed, size)
        except DamagedError as error:
            return str(error)
        except FileNotFoundError:
            return "is missing"
        return "" if remote_hash == sha256 else "is not what it was"

    def forget(self, name: str) -> None:
        """Remove the manifest of this name, so that the stage is not there any more.

        Raises UnreachableError: the place does not answer, or does not allow it.
        """

        def remove(files: AbstractFileSystem, root: str) -> None:
            files.rm_file(f"{root}/{name}")

        try:
            self._ask(remove)
        except FileNotFoundError:
            return

    def _refuse_strange(self, name: object, sha256: object) -> None:
        parts = str(name).split("/")
        plain = all(part not in {"", ".", ".."} and "\\" not in part for part in parts)
        if not plain or not is_sha256(sha256):
            raise DamagedError(f"{self.url}: a manifest there names {name!r}, which is no file")

    def _ask(
        self,
        work: Callable[[AbstractFileSystem, str], T],
        size: int = 0,
        arrived: _Arrived | None = None,
    ) -> T:
        """What work on the place gives, with the place's file system and path.

        size : bytes that it moves, as far as that is known. arrived : counts them meanwhile.

        Raises FileNotFoundError: the place answers, and lacks what it is asked for.
        Raises ArtifactError: nothing is installed that knows such a place.
        Raises UnreachableError: it refuses, or does not answer in time.
        """
        try:
            seconds = _PATIENCE + size / _SLOWEST
            answer = _in_time(seconds, lambda: work(*_open_place(self.url)), arrived or _Arrived())
        except FileNotFoundError:
            raise
        except (ImportError, _UnknownKindError) as error:
            todo = f"{pip_install('fsspec')}, and what fsspec needs for this kind of place"
            raise ArtifactError(f"{self.url}: {error}; {todo}") from None
        except _NoAnswerError as error:
            raise self._silent(f"it does not answer within {error.seconds:.0f} s") from None
        except Exception as error:  # every kind of place has errors of its own
            raise self._silent(f"{type(error).__name__}: {error}") from None
        _SILENT.pop(self.url, None)
        return answer

    def _silent(self, reason: str) -> UnreachableError:
        """Remember that the place did not answer; each time in a row it is left alone longer."""
        before = _SILENT.get(self.url)
        rest = _REST if before is None else min(2 * before.rest, _LONGEST_REST)
        reason = f"{self.url}: {reason}; see {VARIABLE}"
        _SILENT[self.url] = _Silence(time.monotonic(), rest, reason)
        return UnreachableError(reason)


def _received(url: str, silence: _Silence | None) -> RemoteStages:
    if silence is not None and silence.since <= time.monotonic():  # not of another machine's clock
        _SILENT.setdefault(url, silence)
    return RemoteStages(url)


class _UnknownKindError(Exception):
    """No file system of this kind is known."""


class _NoAnswerError(Exception):
    """Nothing was answered in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass
class _Arrived:
    """How many bytes of a file have come."""

    n: int = 0


def _callback(arrived: _Arrived) -> object:
    from fsspec.callbacks import Callback

    class Counting(Callback):  # type: ignore[misc]
        def relative_update(self, inc: int = 1) -> None:
            arrived.n += inc

    return Counting()


def _in_time(seconds: float, work: Callable[[], T], arrived: _Arrived) -> T:
    """What `work` gives, or its error; the time starts anew whenever something has arrived.

    Where it takes too long it is left alone, and goes on in the background.
    """
    answers: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

    def answer() -> None:
        try:
            answers.put((True, work()))
        except BaseException as error:  # raised again where it is waited for
            answers.put((False, error))

    threading.Thread(target=answer, daemon=True).start()
    before = -1
    while arrived.n > before:
        before = arrived.n
        try:
            is_result, outcome = answers.get(timeout=seconds)
            break
        except Empty:
            continue
    else:
        raise _NoAnswerError(seconds)
    if not is_result:
        raise outcome
    result: T = outcome
    return result


def _open_place(url: str) -> tuple[AbstractFileSystem, str]:
    from fsspec.core import get_filesystem_class, split_protocol, url_to_fs

    try:
        get_filesystem_class(split_protocol(url)[0])
    except ValueError as error:
        raise _UnknownKindError(str(error)) from None
    files, root = url_to_fs(url, use_listings_cache=False)
    return files, str(root).rstrip("/")


def remote_of_environment() -> RemoteStages | None:
    """What the environment names; None where it names nothing.

    Raises ArtifactError: it is no URL, or one place within another.
    """
    url = os.environ.get(VARIABLE, "").strip()
    if not url:
        return None
    if "://" not in url or "::" in url:
        raise ArtifactError(f"{VARIABLE}={url}: not a URL such as s3://bucket/folder")
    return RemoteStages(url.rstrip("/"))


def _manifest_name(stage: str, key: str) -> str:
    return f"stages/{stage}/{key}.json"


def _object(root: str, sha256: str) -> str:
    return f"{root}/files/{sha256[:2]}/{sha256}"


def _is_there(files: AbstractFileSystem, path: str, size: int) -> bool:
    try:
        return bool(files.info(path)["size"] == size)
    except FileNotFoundError:
        return False


def _exists(files: AbstractFileSystem, path: str, _: int) -> bool:
    return bool(files.exists(path))


def _send(files: AbstractFileSystem, source: Path, target: str) -> None:
    """Write an object. Only where it cannot be written is a folder, or a bucket, asked for."""
    try:
        files.put_file(str(source), target)
    except FileNotFoundError:
        files.makedirs(target.rpartition("/")[0], exist_ok=True)
        files.put_file(str(source), target)
