"""The bytes of a file, read once and within bounds: what is parsed is what was hashed."""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.readers.encodings import is_known
from deepseek_report.datasets.readers.file_form import FileForm, ReadLimits
from deepseek_report.errors import DataError, first_line

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


#: Endings of compressed text files, behind the ending of what they hold.
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zip")
_PIECE = 1 << 20
#: Bytes that a decompressor of xz may use for its dictionary; files of `xz -9` need 64 MiB.
_XZ_MEMORY = 1 << 28
_BROKEN = (
    OSError,
    EOFError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    ValueError,
)


class Readable(Protocol):
    """A file that bytes are read from."""

    def read(self, size: int = ..., /) -> bytes | None:
        """At most so many bytes; none at the end."""


@dataclass(frozen=True)
class FileBytes:
    """What a file holds, unpacked, and the SHA-256 of the file as it lies on the disk."""

    path: Path
    content: bytes
    sha256: str

    def open(self) -> BinaryIO:
        """The content from its first byte on."""
        return io.BytesIO(self.content)


def read_bytes(path: Path, limits: ReadLimits) -> FileBytes:
    """All bytes of a regular file; those of `.gz`, `.bz2`, `.xz` and `.zip` unpacked.

    Raises DataError: it is no regular file, cannot be read or unpacked, or holds more than is
    allowed.
    """
    with readable(path), path.open("rb") as stream:
        raw = read_open(stream, str(path), limits)
    content, suffix = raw, path.suffix.lower()
    if suffix == ".zip":
        with _whole(path):
            content = _only_member(path, raw, limits)
    elif suffix in PACKED_SUFFIXES:
        with unpacked(path, io.BytesIO(raw)) as unpacking:
            content = _bounded(unpacking, str(path), limits)
    return FileBytes(path, content, hashlib.sha256(raw).hexdigest())


def read_open(stream: BinaryIO, where: str, limits: ReadLimits) -> bytes:
    """All bytes of an open file, which takes no more room than it has bytes.

    Raises DataError: more bytes than are allowed, or it grows while it is read.
    """
    size = os.fstat(stream.fileno()).st_size
    limits.check("bytes", size, where)
    raw = stream.read(size + 1)
    if len(raw) > size:
        raise _unfinished(where, "grew")
    return raw


def inner_suffix(path: Path) -> str:
    """The ending that says what a file holds: `.csv` of `a.csv.gz`."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED_SUFFIXES else suffix


def is_packed(path: Path) -> bool:
    """By the ending of the name."""
    return path.suffix.lower() in PACKED_SUFFIXES


@contextmanager
def open_archive(raw: bytes, where: str, limits: ReadLimits) -> Iterator[zipfile.ZipFile]:
    """An archive without too many members or too much in them; see `plain_files.open_archive`.

    Raises DataError: more members or bytes than are allowed.
    """
    with plain_files.open_archive(io.BytesIO(raw)) as archive:
        members = archive.infolist()
        limits.check("files", len(members), where)
        limits.check("bytes", sum(member.file_size for member in members), where)
        yield archive


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What is read inside is a regular file that can be read, or the error says why not.

    Raises DataError: it is none, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise data_error(
                str(path), "this is not a regular file", "a file on a disk", "copy it to one"
            )
        yield
    except OSError as error:
        raise data_error(
            str(path),
            f"the file cannot be read ({error.strerror or error})",
            "a file that can be read",
            "correct its rights, or copy it",
        ) from None


@contextmanager
def unpacked(path: Path, packed: Readable) -> Iterator[Readable]:
    """What a `.gz`, `.bz2` or `.xz` file holds; of another file what is given.

    Raises DataError: it cannot be unpacked, also where that shows while it is read inside.
    """
    opener = _OPEN.get(path.suffix.lower())
    if opener is None:
        yield packed
        return
    with _whole(path), opener(packed) as stream:
        yield stream


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """An error that a broken packed file brings up says so."""
    suffix = path.suffix.lower()
    try:
        yield
    except UnicodeError:  # of what is made of the content
        raise
    except (*_BROKEN, RuntimeError, NotImplementedError) as error:
        raise data_error(
            str(path),
            f"it cannot be unpacked ({first_line(error)})",
            f"a whole {suffix} file",
            "pack it again, or unpack it yourself and name the file",
        ) from None


def _only_member(path: Path, raw: bytes, limits: ReadLimits) -> bytes:
    with open_archive(raw, str(path), limits) as archive:
        names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
        files = [name for name in names if not name.endswith("/")]
        if len(files) != 1:
            raise data_error(
                str(path),
                f"the archive holds {len(files)} files",
                "one file",
                "unpack it, and name the file that holds the table",
            )
        with archive.open(files[0]) as stream:
            return _bounded(stream, str(path), limits)


def _bounded(stream: Readable, where: str, limits: ReadLimits) -> bytes:
    """Everything that comes, unless it is more than is allowed."""
    pieces, size = [], 0
    while piece := stream.read(_PIECE):
        size += len(piece)
        limits.check("bytes", size, where, at_least=True)
        pieces.append(piece)
    return b"".join(pieces)


class _Xz(io.RawIOBase):
    """The streams of an xz file, unpacked within bounded memory (`lzma.open` knows no bound)."""

    def __init__(self, packed: Readable) -> None:
        self._packed, self._rest = packed, b""
        self._unpacker = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def read(self, size: int = -1) -> bytes:
        while True:
            if self._unpacker.eof:
                self._rest = (
                    self._unpacker.unused_data.lstrip(b"\0") or self._packed.read(_PIECE) or b""
                )
                if not self._rest:
                    return b""
                self._unpacker = self._new()
            elif self._unpacker.needs_input and not self._rest:
                self._rest = self._packed.read(_PIECE) or b""
                if not self._rest:
                    raise EOFError("it ends before its end")
            piece = self._unpacker.decompress(self._rest, max_length=size)
            self._rest = b""
            if piece:
                return piece


_OPEN: dict[str, Callable[[Any], Any]] = {
    ".gz": lambda packed: gzip.GzipFile(fileobj=packed),
    ".bz2": bz2.BZ2File,
    ".xz": _Xz,
}


_READ_AT_ONCE = 1 << 22


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

        Raises DataError: from `read`, where the file has changed, cannot be unpacked, or holds more
        bytes once unpacked than are allowed.
        """
        return io.BufferedReader(Blocks(_unchanged_pieces(self)), _READ_AT_ONCE)


def stream_of(path: Path, form: FileForm) -> FileStream | None:
    """The file, if it can be read so.

    None where all of it must be looked at to know how it is written: its encoding is neither UTF-8
    nor the declared one, it has characters of zero, or it is a .zip, which is read from its end.

    Raises DataError: it is no regular file, cannot be read or unpacked, or holds more than is
    allowed.
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
    while piece := stream.read(_READ_AT_ONCE):
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
        """Inside, the file is open; raises DataError: it is no regular file, or cannot be read."""
        with readable(self._path), io.FileIO(self._path) as file:
            self._file = file
            yield

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def drain(self) -> None:
        """Read what the unpacker left."""
        while self.read(_READ_AT_ONCE):
            pass

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._file is None:
            raise ValueError("the file is not open")
        n = self._file.readinto(buffer) or 0
        self._hash.update(memoryview(buffer)[:n])
        self.size += n
        return n


class Blocks(io.RawIOBase):
    """A file of blocks of bytes, which are made when they are read."""

    def __init__(self, blocks: Generator[bytes, None, None]) -> None:
        self._blocks, self._rest = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not len(self._rest):
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        view = memoryview(buffer)
        n = min(len(view), len(self._rest))
        view[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n

    def close(self) -> None:
        self._blocks.close()
        super().close()


def _unchanged_pieces(file: FileStream) -> Generator[bytes, None, None]:
    """The text of a file; its end is only told where the file was the same."""
    seen = _Hashed(file.path)
    with seen.opened(), unpacked(file.path, seen) as stream:
        for piece in _bounded_pieces(stream, file.path, file.limits):
            if seen.size > file.size:
                raise _unfinished(str(file.path), "changed")
            yield piece
        seen.drain()
    if seen.digest != file.sha256:
        raise _unfinished(str(file.path), "changed")


def _unfinished(where: str, verb: Literal["grew", "changed"]) -> DataError:
    fault = f"the file {verb} while it was read"
    return data_error(where, fault, "a finished file", "run again when it is written")
