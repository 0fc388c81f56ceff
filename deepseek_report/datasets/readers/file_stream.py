"""A text file that is read from the disk piece by piece, as often as needed, and never changes."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.readers.encodings import is_known
from deepseek_report.datasets.readers.file_bytes import Readable, readable, unpacked
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.limits import ReadLimits
from deepseek_report.errors import DataError

_PIECE = 1 << 22


@dataclass(frozen=True)
class FileStream:
    """A file of which little is in memory at a time.

    size, sha256 : of the file as it lies on the disk, when it was first read. What is read later
    must have them too, so that what is parsed is what was hashed.
    """

    path: Path
    limits: ReadLimits
    size: int
    sha256: str

    def open(self) -> BinaryIO:
        """The text from its first byte on; reading it to its end says whether it is the same.

        Raises
        ------
        DataError : from `read`, where the file has changed, cannot be unpacked, or holds more bytes
            once unpacked than are allowed.
        """
        return io.BufferedReader(_Unchanged(self), _PIECE)


def stream_of(path: Path, form: FileForm) -> FileStream | None:
    """The file, if it can be read so.

    None where all of it must be looked at to know how it is written: its encoding is neither UTF-8
    nor the declared one, it has characters of zero, or it is a .zip, which is read from its end.

    Raises
    ------
    DataError : it is no regular file, cannot be read or unpacked, or holds more than is allowed.
    """
    codec = form.encoding or "utf-8"
    if path.suffix.lower() == ".zip" or not is_known(codec):
        return None
    seen = _Hashed(path)
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        with seen.opened(), unpacked(path, seen) as stream:
            for piece in _bounded_pieces(stream, path, form.limits):
                if "\0" in decoder.decode(piece):
                    return None
            decoder.decode(b"", final=True)
            seen.drain()
    except UnicodeError:
        return None
    return FileStream(path, form.limits, seen.size, seen.digest)


def _bounded_pieces(stream: Readable, path: Path, limits: ReadLimits) -> Iterator[bytes]:
    """What the stream gives; of a packed file at most as many bytes as are allowed."""
    size, packed = 0, not isinstance(stream, _Hashed)
    while piece := stream.read(_PIECE):
        size += len(piece)
        if packed:
            limits.check("bytes", size, str(path), at_least=True)
        yield piece


class _Hashed(io.RawIOBase):
    """The bytes of a file as they lie on the disk, hashed while they are read."""

    def __init__(self, path: Path) -> None:
        self._path, self._hash, self.size = path, hashlib.sha256(), 0
        self._file: io.FileIO | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Inside, the file is open.

        Raises
        ------
        DataError : it is no regular file, or cannot be read.
        """
        with readable(self._path), io.FileIO(self._path) as file:
            self._file = file
            yield

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def drain(self) -> None:
        """Read what the unpacker left."""
        while self.read(_PIECE):
            pass

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._file is None:
            raise ValueError("the file is not open")
        n = self._file.readinto(buffer) or 0
        self._hash.update(memoryview(buffer)[:n])
        self.size += n
        return n


class _Unchanged(io.RawIOBase):
    """The text of a `FileStream`; its end is only told where the file was the same."""

    def __init__(self, file: FileStream) -> None:
        self._pieces, self._rest = _unchanged_pieces(file), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not len(self._rest):
            self._rest = memoryview(next(self._pieces, b""))
        n = min(len(buffer), len(self._rest))
        buffer[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n

    def close(self) -> None:
        self._pieces.close()
        super().close()


def _unchanged_pieces(file: FileStream) -> Any:
    seen = _Hashed(file.path)
    with seen.opened(), unpacked(file.path, seen) as stream:
        for piece in _bounded_pieces(stream, file.path, file.limits):
            if seen.size > file.size:
                raise _changed(file.path)
            yield piece
        seen.drain()
    if seen.digest != file.sha256:
        raise _changed(file.path)


def _changed(path: Path) -> DataError:
    return data_error(
        str(path),
        "the file changed while it was read",
        "a finished file",
        "run again when it is written",
    )
