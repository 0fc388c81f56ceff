"""Folders of files: their hashes, how two differ, putting one in its place whole, and locks."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files

#: "Relative to the current folder", and "swap", for Linux's renameat2 and macOS's renamex_np.
_HERE, _SWAP = -100, 2


def exchange(first: Path, other: Path) -> bool:
    """Swap two folders on one file system; False, with nothing changed, where that cannot be."""
    swap = _swapper()
    return swap is not None and swap(os.fsencode(first), os.fsencode(other)) == 0


@cache
def _swapper() -> Callable[[bytes, bytes], int] | None:
    """The C library's function, as (path, path) -> 0 for success; None if it has none."""
    if sys.platform == "linux" and (linux := _function("renameat2")) is not None:
        return lambda first, other: int(linux(_HERE, first, _HERE, other, _SWAP))
    if sys.platform == "darwin" and (mac := _function("renamex_np")) is not None:
        return lambda first, other: int(mac(first, other, _SWAP))
    return None


def _function(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)


MANIFEST = "manifest.json"
#: Folder of a store with work that a command has sent to processes elsewhere.
SENT = ".sent"
_FLUSHED_AT_ONCE = 16


def hash_folder(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but its manifest, by relative path, sorted."""
    return {
        path.relative_to(folder).as_posix(): plain_files.sha256_file(path)
        for path in files_of(folder)
    }


def files_of(folder: Path) -> list[Path]:
    """Every file below a folder but its manifest, sorted."""
    return [path for path in plain_files.files_below(folder) if path != folder / MANIFEST]


def compare(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """How a folder differs from the hashes of its files, one sentence each."""
    problems = []
    for name, sha256 in sorted(expected.items()):
        path = folder / name
        if not plain_files.is_file(path):
            problems.append(f"{name} is missing")
        elif plain_files.sha256_file(path) != sha256:
            problems.append(f"{name} was changed: its SHA-256 is not the one in the manifest")
    return problems


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder without its manifest."""
    for path in files_of(source):
        plain_files.copy_file(path, target / path.relative_to(source))


def take_mode(path: Path, root: Path) -> None:
    """Give a file or folder the rights of a folder above it; nothing where it is another person's.

    A file gets those to read and write. So whoever may use a shared folder may use all in it,
    whatever their own `umask`.
    """
    mode = root.stat().st_mode & (0o777 if path.is_dir() else 0o666)
    if path.stat().st_mode & 0o777 != mode:
        with suppress(PermissionError):
            path.chmod(mode)


def take_modes(folder: Path, root: Path) -> None:
    """The same for a folder, all that lies below it, and the folders between it and the root."""
    between = [above for above in folder.parents if above.is_relative_to(root) and above != root]
    lying = (entry for entry in plain_files.walk(folder, folders=True) if entry.kind != "strange")
    for path in (*between, folder, *(entry.path for entry in lying)):
        take_mode(path, root)


def flush_tree(folder: Path) -> None:
    """Wait until a folder and all that lies below it is on the disk.

    All of it is flushed at once: the system then brings it to the disk together, in a tenth of the
    time that it takes file by file.
    """
    lying = (entry for entry in plain_files.walk(folder, folders=True) if entry.kind != "strange")
    paths = [folder, *(entry.path for entry in lying)]
    with ThreadPoolExecutor(min(len(paths), _FLUSHED_AT_ONCE)) as threads:
        list(threads.map(plain_files.flush, paths))


def replace_folder(new: Path, final: Path, *, flushes: bool = True) -> None:
    """Put a finished folder in its place; a reader sees the old one or the new one, never a mix.

    All of it is on the disk before it gets its name, unless it is not to be waited for. Where the
    system can swap two names in one step (Linux, macOS), no moment is without the one or the other;
    elsewhere a kill between two steps leaves the old folder beside its place, as `.old-<name>`.
    """
    if flushes:
        flush_tree(new)
    if not final.parent.is_dir():
        plain_files.make_folder(final.parent)
    old = final.with_name(f".old-{final.name}")
    if final.exists() and exchange(new, final):
        old = new
    else:
        if final.exists() or final.is_symlink():
            plain_files.remove(old)
            plain_files.move(final, old)
        plain_files.move(new, final)
    if flushes:
        plain_files.flush(final.parent)
    plain_files.remove(old)


_NAME = "in-use"
#: What the system says of a file that may be read alone.
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Nobody takes anything out of the store meanwhile; any number of runs may hold it.

    The system frees it if the process is killed.
    """
    with locked(root / ".locks" / _NAME, fcntl.LOCK_SH):
        yield


@contextmanager
def locked(path: Path, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold the lock of this file, for oneself alone or together with others.

    A store that cannot be written needs none: nobody makes anything in it, or takes it out.
    """
    root = path.parent.parent
    try:
        stream = plain_files.open_lock(path, below=root)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        yield
        return
    with stream:
        for made in (path.parent, path):
            take_mode(made, root)
        fcntl.flock(stream, kind)
        yield


@contextmanager
def alone(root: Path) -> Iterator[bool]:
    """Whether no run holds the store; if so, none starts before this is over."""
    with plain_files.open_lock(root / ".locks" / _NAME, below=root) as stream:
        yield _taken(stream.fileno())


@contextmanager
def stage_alone(root: Path, stage: str, key: str) -> Iterator[bool]:
    """Whether nobody is making this stage; if so, nobody starts to before this is over."""
    path = root / ".locks" / f"{stage.replace('/', '.')}-{key}"
    with plain_files.open_lock(path, below=root) as stream:
        free = _taken(stream.fileno())
        yield free
        if free:
            plain_files.remove(path)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
