"""The one way to files that strangers may have written.

That is everything in a run folder, a store, a comparison or a board, and what lies beside them. A
folder is listed, and a file is opened, copied, written or removed, without following a link: a link
in such a place may lead anywhere. Nothing but regular files is opened, so that no pipe is waited
for. How deep folders lie in each other, and how many entries they have, is bounded, and so is what
is read of a file.

`below` is the folder up to which a path was named by the person who runs this; that part may lead
through links. None of the parts after it may.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import IO, BinaryIO, Literal, TypeGuard

from deepseek_report.artifacts.storage.memory_bound import most_bytes, refuse_beyond, refuse_longer
from deepseek_report.errors import ArtifactError

#: The most levels of folders in each other, and entries below one folder, that are looked at.
MOST_LEVELS = 32
MOST_ENTRIES = 200_000
#: Ending of a file that is still being written; what a killed process leaves has it.
PART = ".part"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Kind = Literal["file", "folder", "strange"]


@dataclass(frozen=True)
class FolderEntry:
    """What lies in a folder. name : its path from there. kind : "strange" is a link or a device."""

    path: Path
    name: str
    kind: Kind


# --- looking --------------------------------------------------------------------------------------


def entries(folder: Path, *, links: bool = False) -> list[FolderEntry]:
    """What lies directly in a folder, sorted by name.

    links : the folder itself may be a link, since the person who runs this named it.

    Raises ArtifactError: it is a link, or holds more than `MOST_ENTRIES`; OSError: it cannot be
    read.
    """
    if not links and folder.is_symlink():
        raise ArtifactError(f"{folder}: a link, and links are not followed here")
    return sorted(_scanned(folder, ""), key=lambda entry: entry.name)


def walk(
    folder: Path, *, folders: bool = False, deep: Literal["refused", "told"] = "refused"
) -> Iterator[FolderEntry]:
    """All that lies below a folder, in no order; folders themselves only where they are asked for.

    deep : what happens to folders more than `MOST_LEVELS` deep in each other: they are refused, or
    told as strange entries whose names end in `/`, and not looked into.

    Raises ArtifactError: more than `MOST_ENTRIES`, or too deep; OSError: a folder cannot be read.
    """
    waiting, seen = [(folder, "", 1)], 0
    while waiting:
        place, prefix, level = waiting.pop()
        if level > MOST_LEVELS and deep == "told":
            yield FolderEntry(place, prefix, "strange")
            continue
        if level > MOST_LEVELS:
            raise ArtifactError(
                f"{folder}: its folders lie more than {MOST_LEVELS} levels deep in each other; a "
                "folder of this package is never that deep"
            )
        for entry in _scanned(place, prefix):
            seen += 1
            _refuse_many(folder, seen)
            if entry.kind == "folder":
                waiting.append((entry.path, f"{entry.name}/", level + 1))
            if folders or entry.kind != "folder":
                yield entry


def files_in(folder: Path, ending: str = "") -> list[Path]:
    """The regular files directly in a folder whose names end so, sorted; none without a folder."""
    if not is_folder(folder):
        return []
    return [e.path for e in entries(folder) if e.kind == "file" and e.name.endswith(ending)]


def files_below(folder: Path, ending: str = "") -> list[Path]:
    """The regular files below a folder whose names end so, sorted; see `walk`."""
    if not is_folder(folder):
        return []
    return sorted(e.path for e in walk(folder) if e.kind == "file" and e.name.endswith(ending))


def folders_in(folder: Path, *, links: bool = False) -> list[Path]:
    """The folders directly in a folder, sorted, without links; none where it cannot be read.

    links : see `entries`.
    """
    try:
        return [entry.path for entry in entries(folder, links=links) if entry.kind == "folder"]
    except (OSError, ArtifactError):
        return []


def is_file(path: Path) -> bool:
    """Whether this is a regular file, and no link to one."""
    return _is(path, stat.S_ISREG)


def is_folder(path: Path) -> bool:
    """Whether this is a folder, and no link to one."""
    return _is(path, stat.S_ISDIR)


def refuse_links_on_way(below: Path, path: Path) -> None:
    """Raise ArtifactError where a part of `path` after `below` is a link, or leads upwards."""
    try:
        parts = path.relative_to(below).parts
    except ValueError:
        raise ArtifactError(f"{path}: not in {below}, and nothing outside of it is read") from None
    if ".." in parts:
        raise ArtifactError(f"{path}: leads out of {below}, and nothing outside of it is read")
    place = below
    for part in parts:
        place = place / part
        if place.is_symlink():
            raise ArtifactError(f"{place}: a link, and links are not followed here; {_INSTEAD}")


_INSTEAD = "put what it leads to in its place, or name that yourself where the command takes a path"


def _is(path: Path, kind: object) -> bool:
    try:
        return bool(kind(path.lstat().st_mode))  # type: ignore[operator]
    except (OSError, ValueError):
        return False


def _is_strange(path: Path) -> bool:
    """Whether something lies there that is no regular file.

    It is looked at once, since another process may make the file at any moment.
    """
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _scanned(folder: Path, prefix: str) -> Iterator[FolderEntry]:
    with os.scandir(folder) as listing:
        for number, entry in enumerate(listing, start=1):
            _refuse_many(folder, number)
            kind: Kind = "file" if entry.is_file(follow_symlinks=False) else "strange"
            if entry.is_dir(follow_symlinks=False):
                kind = "folder"
            yield FolderEntry(folder / entry.name, f"{prefix}{entry.name}", kind)


def _refuse_many(folder: Path, number: int) -> None:
    if number > MOST_ENTRIES:
        most = f"{MOST_ENTRIES:,}".replace(",", " ")
        raise ArtifactError(f"{folder}: holds more than {most} files and folders that are read")


# --- reading --------------------------------------------------------------------------------------


class ListedPath(PosixPath):
    """A path in a folder whose files are known by hash: `open_file` gives what was hashed, or ends.

    Whoever may write into the folder may change a file after it was hashed. So its bytes are read
    once, hashed, and these are what the reader gets. Paths that are made of this one with `/` or
    `parent` keep the list; any other way loses it, and then nothing is read.
    """

    _list: tuple[str, Mapping[str, str]] | None = None

    @classmethod
    def of(cls, folder: Path, files: Mapping[str, str]) -> ListedPath:
        """The folder. files : {path relative to it: SHA-256}."""
        return cls(folder)._with((str(folder), files))

    @classmethod
    def hashed(cls, path: Path) -> ListedPath:
        """A file that a person named, with the hash that it has now; with none where it is not."""
        known = {path.name: sha256_file(path, links=True)} if path.is_file() else {}
        return cls.of(path.parent, known) / path.name

    @property
    def hashes(self) -> Mapping[str, str]:
        """{path relative to the folder: SHA-256}."""
        return self._list[1] if self._list else {}

    def digest(self) -> str:
        """Hash of a file that a person named: of what is read, and of what lies there if other."""
        now = sha256_file(Path(self), links=True)
        return "".join(dict.fromkeys([*self.hashes.values(), now]))

    def _with(self, known: tuple[str, Mapping[str, str]] | None) -> ListedPath:
        self._list = known
        return self

    def __truediv__(self, name: str | os.PathLike[str]) -> ListedPath:
        return ListedPath(super().__truediv__(name))._with(self._list)

    @property
    def parent(self) -> ListedPath:
        return ListedPath(super().parent)._with(self._list)

    def __reduce__(self) -> tuple[object, ...]:
        return _listed_again, (str(self), self._list)

    def genuine(self, content: bytes) -> bytes:
        """The content of the file, if it is the one that is listed.

        Raises ArtifactError: it is not, or no such file is listed.
        """
        folder, files = self._list or ("", {})
        if hashlib.sha256(content).hexdigest() != files.get(os.path.relpath(self, folder or ".")):
            raise ArtifactError(
                f"{self}: not what it was when it was looked at first; it was changed while it was "
                "read. Take it from its source again, and let nothing else write there meanwhile"
            )
        return content


def _listed_again(path: str, known: tuple[str, Mapping[str, str]] | None) -> ListedPath:
    return ListedPath(path)._with(known)


def open_file(
    path: Path, most: int = 0, *, below: Path | None = None, links: bool = False
) -> io.BufferedReader:
    """A regular file of at most `most` bytes, 0: of any, opened to read bytes.

    links : it may be a link to a file, since the person who runs this or the package named it.

    Raises ArtifactError: it is a link, a device or a pipe, or has more bytes; OSError: it cannot be
    opened.
    """
    if below is not None:
        refuse_links_on_way(below, path)
    try:
        handle = os.open(path, _READING & ~os.O_NOFOLLOW if links else _READING)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ArtifactError(f"{path}: a link, and links are not followed here") from None
        raise
    about = os.fstat(handle)
    try:
        if not stat.S_ISREG(about.st_mode):
            raise ArtifactError(f"{path}: no regular file, and nothing else is read")
        if most or isinstance(path, ListedPath):
            _refuse_size(path, about.st_size, most)
    except ArtifactError:
        os.close(handle)
        raise
    stream = io.open(handle, "rb")  # noqa: SIM115, UP020 - of a handle, and handed out
    if not isinstance(path, ListedPath):
        return stream
    with stream:
        content = path.genuine(stream.read((most or most_bytes()) + 1))
    return io.BufferedReader(io.BytesIO(content))


def read_bytes(
    path: Path, most: int = 0, *, below: Path | None = None, links: bool = False
) -> bytes:
    """The content of a regular file of at most `most` bytes; 0: as many as an artifact may hold.

    Raises ArtifactError: it has more, or see `open_file`; OSError: it cannot be read.
    """
    with open_file(path, below=below, links=links) as stream:
        _refuse_size(path, stream.seek(0, os.SEEK_END), most)
        stream.seek(0)
        content = stream.read((most or most_bytes()) + 1)
    _refuse_size(path, len(content), most)
    return content


def _refuse_size(path: Path, size: int, most: int) -> None:
    if most:
        refuse_longer(path, size, most)
    else:
        refuse_beyond(path, size)


def read_text(path: Path, most: int = 0, *, below: Path | None = None, links: bool = False) -> str:
    """The text of a regular file in UTF-8; see `read_bytes`."""
    content = read_bytes(path, most, below=below, links=links)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path}: not a text in UTF-8 ({error.reason})") from None


def read_from(path: Path, start: int, most: int) -> bytes:
    """At most `most` bytes of a regular file that may still grow, from a place on."""
    with open_file(path) as stream:
        stream.seek(start)
        return stream.read(most)


#: The most bytes of a file that a person writes or lays beside a run, such as a note.
MOST_OF_PEOPLE = 2**28


def sha256_file(path: Path, most: int = 0, *, links: bool = False) -> str:
    """SHA-256 of a regular file, in hexadecimal; see `open_file`."""
    with open_file(path, most, links=links) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_sha256(value: object) -> TypeGuard[str]:
    """Whether it is a SHA-256 as `sha256_file` gives it."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def written_sha256(text: str) -> str:
    """The SHA-256 that a person wrote, with or without `sha256:` before it; empty for no such."""
    digest = text.removeprefix("sha256:")
    return digest if is_sha256(digest) else ""


# --- writing --------------------------------------------------------------------------------------


def make_folder(path: Path, *, below: Path | None = None) -> None:
    """Make a folder and those that it lies in, where they are not there yet.

    Raises ArtifactError: a part after `below` is a link; without `below`, the folder itself is.
    """
    if below is not None:
        refuse_links_on_way(below, path)
    elif path.is_symlink():
        raise ArtifactError(f"{path}: a link, and nothing is written through one; {_INSTEAD}")
    path.mkdir(parents=True, exist_ok=True)


def empty_folder(path: Path) -> None:
    """Make a folder that holds nothing; a link of this name is removed, not followed."""
    remove(path)
    path.mkdir(parents=True)


def write_bytes(path: Path, content: bytes, *, links: bool = False) -> None:
    """Put a regular file in the place of whatever has this name; makes its folder.

    links : the folder may be a link, since the person who runs this named it.
    """
    with new_file(path, links=links) as stream:
        stream.write(content)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8 with the line ends of Unix; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def new_file(path: Path, *, links: bool = False) -> BinaryIO:
    """A new regular file in the place of whatever has this name, opened; see `write_bytes`."""
    if not links:
        make_folder(path.parent)
    remove(path)
    return path.open("xb")


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read; raises OSError where the name is taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    with io.open(handle, "wb") as stream:  # noqa: UP020 - of a handle, not of a path
        os.fchmod(handle, 0o600)
        stream.write(content)


def append(path: Path, content: bytes) -> None:
    """Add bytes at the end of a regular file, which is made where it is not there.

    Raises ArtifactError: it is a link, a device or a pipe.
    """
    if _is_strange(path):
        raise ArtifactError(f"{path}: no regular file, and nothing is written through it")
    with open(path, "ab", opener=_unlinked) as stream:
        stream.write(content)


def _unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def write_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file in one step: if this is interrupted, it stays as it was; makes the folder.

    durable : also across a power cut: the bytes are on the disk before the file gets its name, and
    the name before this returns. Not needed in a folder that is flushed as a whole later.
    """
    make_folder(path.parent)
    mark = hashlib.sha256(path.name.encode(errors="surrogateescape")).hexdigest()[:16]
    temporary = path.with_name(f".{mark}{PART}")
    try:
        with new_file(temporary) as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        flush(path.parent)


def flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_file(source: Path, target: Path, most: int = 0, *, links: bool = False) -> None:
    """Copy the bytes of a regular file; makes the folder of the copy.

    most, links : see `open_file`.
    """
    with open_file(source, most, links=links) as stream, new_file(target) as copy:
        shutil.copyfileobj(stream, copy, 2**20)


def open_lock(path: Path, *, below: Path) -> IO[bytes]:
    """A file to hold a lock on, made with its folder where it is not there, and never emptied."""
    make_folder(path.parent, below=below)
    if _is_strange(path):
        raise ArtifactError(f"{path}: no regular file, so that nothing can be locked by it")
    return open(path, "ab", opener=_unlinked)


# --- moving and removing --------------------------------------------------------------------------


def move(source: Path, target: Path) -> None:
    """Give a file or folder another name on the same disk; a file of that name is replaced."""
    source.rename(target)


def remove(path: Path) -> None:
    """Remove what is there: a folder with all that it holds, a file, a link, or nothing.

    Links are removed and never followed, and a folder may be as deep as it likes.
    """
    if not is_folder(path):
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except (RecursionError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in {errno.ENAMETOOLONG, errno.EMFILE}:
            raise
        _remove_deep(path)


def _remove_deep(folder: Path) -> None:
    """Remove a folder that is too deep for paths and for recursion.

    What lies two levels down is moved up by one until nothing does, so that no path is long.
    """
    number = 0
    while inner := [entry for entry in _scanned(folder, "") if entry.kind == "folder"]:
        for entry in inner:
            for below in list(_scanned(entry.path, "")):
                if below.kind == "folder":
                    number += 1
                    below.path.rename(folder / f".removing-{number}")
                else:
                    below.path.unlink()
            entry.path.rmdir()
    for entry in list(_scanned(folder, "")):
        entry.path.unlink()
    folder.rmdir()


def remove_empty(folder: Path, *, below: Path) -> None:
    """Remove a folder that holds nothing, and those above it that then do, up to `below`."""
    with suppress(OSError):
        while folder != below and below in folder.parents:
            folder.rmdir()
            folder = folder.parent


# Zip files: the same bytes from the same files, and unpacked only within bounds.
#
# Members are stored as they are, so that no library of compression decides a byte; they carry no
# time, and their rights are those of a plain file.

#: When every member of a zip file was written, as far as it says: the first day that it can name.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_CHUNK = 2**20
#: The most bytes that a pack may hold unpacked, in artifacts of the largest size.
_ARTIFACTS = 8


def write_pack(path: Path, members: Mapping[str, Path | bytes]) -> None:
    """Write a zip; members : {name: a file of a run folder, or bytes}, put in by their names."""
    with new_file(path, links=True) as stream, zipfile.ZipFile(stream, "w") as pack:
        for name in sorted(members):
            member = zipfile.ZipInfo(name, ZIP_EPOCH)
            member.create_system = _UNIX
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            source = members[name]
            if isinstance(source, bytes):
                pack.writestr(member, source)
                continue
            with open_file(source) as content:
                size = content.seek(0, os.SEEK_END)
                content.seek(0)
                member.file_size = size
                with pack.open(member, "w", force_zip64=size >= 2**31) as target:
                    while chunk := content.read(_CHUNK):
                        target.write(chunk)


#: Of other ways to pack, Python unpacks all that a read was given at once, whatever its size.
_UNPACKED = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
_OTHERS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma"}
#: What begins the entry of a member in the list at the end of an archive, and the bytes of such an
#: entry, all in all; a single one may have more.
_MEMBER, _ENTRY = b"PK\x01\x02", 256


class _Listed:
    """An archive of which `ZipFile` reads its list, but none with more members than may be.

    It reads the list at once, as long as the archive's last record says; only then an object is
    made of each member.
    """

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._most = stream, most
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1, /) -> bytes:
        content = b"" if size > self._most * _ENTRY else self._stream.read(size)
        if size > self._most * _ENTRY or content.count(_MEMBER) > self._most:
            raise zipfile.BadZipFile(f"it lists more than {self._most} members; pack fewer")
        return content


@contextmanager
def open_archive(stream: IO[bytes], most: int = MOST_ENTRIES) -> Iterator[zipfile.ZipFile]:
    """A zip, npz, xlsx, docx or skops file of a stranger, opened to read; the one way to do so.

    No member unpacks to more than the list says, so that its sum bounds what is read.

    most : members that it may have.
    Raises zipfile.BadZipFile: it is none, has more members, or one that is packed in a way of which
    a few bytes may take gigabytes.
    """
    try:
        archive = zipfile.ZipFile(_Listed(stream, most))
    except (NotImplementedError, ValueError, struct.error) as error:
        raise zipfile.BadZipFile(f"its list of members is damaged ({error})") from None
    with archive:
        archive.fp = stream
        for member in archive.infolist():
            if member.compress_type not in _UNPACKED:
                way = _OTHERS.get(member.compress_type, f"way {member.compress_type}")
                raise zipfile.BadZipFile(
                    f"{member.filename[:200]!r} is packed by {way}, and only what is "
                    f"{' or '.join(_UNPACKED.values())} is read; pack it again so"
                )
        yield archive


def unpack(path: Path, folder: Path) -> None:
    """Unpack a zip of a stranger into an empty folder; nothing is written if not all of it fits.

    Raises ArtifactError: it is no zip, or holds links, names that lead out of it, a name twice, or
    more files, levels or bytes than are ever read.
    """
    try:
        with open_file(path, links=True) as stream, open_archive(stream) as pack:
            members = [member for member in pack.infolist() if not member.is_dir()]
            _refuse(path, members)
            if pack.comment or min((each.header_offset for each in pack.infolist()), default=0):
                raise ArtifactError(
                    f"{path}: holds bytes that belong to no file; nothing was unpacked"
                )
            left = _ARTIFACTS * most_bytes()
            if sum(member.file_size for member in members) > left:
                raise ArtifactError(f"{path}: holds more bytes than are ever unpacked")
            for member in members:
                left = _extract(pack, member, folder / member.filename, left, path)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise ArtifactError(f"{path}: cannot be read as a zip ({error})") from None


def _refuse(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if len({name.casefold() for name in names}) != len(names):
        raise ArtifactError(f"{path}: holds a name twice")
    for member in members:
        parts = member.filename.split("/")
        kind = stat.S_IFMT(member.external_attr >> 16)
        plain = not {"", ".", ".."} & set(parts) and not set("\\:\0") & set(member.filename)
        if not plain or len(parts) > MOST_LEVELS or kind not in {0, stat.S_IFREG}:
            raise ArtifactError(
                f"{path}: {member.filename[:200]!r}: a link, or a name that leads out of a folder; "
                "nothing was unpacked"
            )


def _extract(
    pack: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int, path: Path
) -> int:
    """Unpack one file; returns how many bytes may still come."""
    with pack.open(member) as content, new_file(target) as file:
        while chunk := content.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ArtifactError(f"{path}: holds more bytes than are ever unpacked")
            file.write(chunk)
    return left
