"""Finished stages on object storage, for machines that share no file system.

```
<place>/files/<ab>/<sha256>       every file of every stage, under the hash of its content
<place>/stages/<stage>/<key>.json the manifest of a stage, written after its files
```

An object is written whole or not at all, and a manifest names only files that are there: a reader
sees all of a stage or nothing. Two machines that make the same stage at once do each other no harm;
the first manifest stays.

Where the place is, the environment says and no configuration: what is computed here is sent there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.artifacts.storage.json_bounds import parse
from deepseek_report.artifacts.storage.plain_files import make_folder, sha256_file
from deepseek_report.errors import ArtifactError, UnreachableError

#: The variable that names the place, by a URL that fsspec knows.
VARIABLE = "DEEPSEEK_REPORT_REMOTE_STORE"
_INSTALL = "pip install 'deepseek-report[remote]', and what fsspec needs for this kind of place"
_HASH = re.compile(r"[0-9a-f]{64}")
#: Seconds in which a place that did not answer is left alone: each question may wait for minutes.
_REST = 60.0
#: Bytes of the manifest of a stage, which lists its files.
_MOST_MANIFEST = 2**24
#: {URL: when it last failed to answer this process}, by the clock that never goes back.
_FAILED: dict[str, float] = {}


@dataclass(frozen=True)
class RemoteStages:
    """Stages below a URL, such as s3://bucket/folder. Every error is an ArtifactError."""

    url: str

    @property
    def rests(self) -> bool:
        """Whether the place failed to answer this process within the last minute."""
        return time.monotonic() - _FAILED.get(self.url, -_REST) < _REST

    def manifest(self, stage: str, key: str) -> dict[str, Any] | None:
        """The manifest of a stage; None where there is none that can be read.

        Raises
        ------
        UnreachableError : the place does not answer.
        """
        with self._place() as (files, root):
            try:
                manifest = _manifest(files, f"{root}/stages/{stage}/{key}.json")
            except (FileNotFoundError, ValueError, ArtifactError):
                return None
        return manifest if isinstance(manifest, dict) else None

    def fetch(self, manifest: dict[str, Any], folder: Path) -> None:
        """Bring the files of a stage into an empty folder and check each against its hash.

        Raises
        ------
        ArtifactError : the place cannot be read, a file has another hash than the manifest says, or
            the manifest names a path out of the folder.
        """
        for name, sha256 in manifest["files"].items():
            self._refuse_strange(name, sha256)
            target = folder / name
            make_folder(target.parent, below=folder)
            with self._place() as (files, root):
                files.get_file(_object(root, sha256), str(target))
            if sha256_file(target) != sha256:
                raise ArtifactError(
                    f"{self.url}: {_object('', sha256)[1:]} does not have the hash of its name. "
                    "Delete it there; the next run that makes it puts it anew"
                )

    def put(self, stage: str, key: str, folder: Path, manifest: Path) -> None:
        """Send the files of a finished stage, then its manifest.

        Raises
        ------
        UnreachableError : the place does not take them.
        """
        with self._place() as (files, root):
            for name, sha256 in load_json(manifest)["files"].items():
                if not _is_there(files, _object(root, sha256), (folder / name).stat().st_size):
                    _send(files, folder / name, _object(root, sha256))
            target = f"{root}/stages/{stage}/{key}.json"
            if not files.exists(target):
                _send(files, manifest, target)

    def _refuse_strange(self, name: Any, sha256: Any) -> None:
        parts = str(name).split("/")
        plain = all(part not in {"", ".", ".."} and "\\" not in part for part in parts)
        if not plain or not isinstance(sha256, str) or not _HASH.fullmatch(sha256):
            raise ArtifactError(f"{self.url}: a manifest there names {name!r}, which is no file")

    @contextmanager
    def _place(self) -> Iterator[tuple[Any, str]]:
        """What reads and writes there, and the path of the place."""
        try:
            from fsspec.core import url_to_fs

            files, root = url_to_fs(self.url, use_listings_cache=False)
            yield files, str(root).rstrip("/")
        except ImportError as error:
            raise ArtifactError(f"{self.url}: {error}; {_INSTALL}") from None
        except FileNotFoundError as error:  # it answers, and lacks what its manifest names
            raise ArtifactError(f"{self.url}: {error} is missing; see {VARIABLE}") from None
        except Exception as error:  # every kind of place has errors of its own
            _FAILED[self.url] = time.monotonic()
            reason = f"{type(error).__name__}: {error}"
            raise UnreachableError(f"{self.url}: {reason}; see {VARIABLE}") from None


def remote_of_environment() -> RemoteStages | None:
    """What the environment names; None where it names nothing.

    Raises
    ------
    ArtifactError : it is no URL, or one place within another.
    """
    url = os.environ.get(VARIABLE, "").strip()
    if not url:
        return None
    if "://" not in url or "::" in url:
        raise ArtifactError(f"{VARIABLE}={url}: not a URL such as s3://bucket/folder")
    return RemoteStages(url.rstrip("/"))


def _object(root: str, sha256: str) -> str:
    return f"{root}/files/{sha256[:2]}/{sha256}"


def _manifest(files: Any, path: str) -> Any:
    """The content of a JSON object of at most `_MOST_MANIFEST` bytes."""
    content = files.cat_file(path, end=_MOST_MANIFEST + 1)
    if len(content) > _MOST_MANIFEST:
        raise ArtifactError(f"{path}: larger than the manifest of a stage can be")
    return parse(Path(path), content)


def _is_there(files: Any, path: str, size: int) -> bool:
    """Whether an object is there with all of its bytes."""
    try:
        return bool(files.info(path)["size"] == size)
    except FileNotFoundError:
        return False


def _send(files: Any, source: Path, target: str) -> None:
    """Write an object. Only where it cannot be written is a folder, or a bucket, asked for."""
    try:
        files.put_file(str(source), target)
    except FileNotFoundError:
        files.makedirs(target.rpartition("/")[0], exist_ok=True)
        files.put_file(str(source), target)
