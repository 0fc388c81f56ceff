"""Who uses a store: runs at the same time, or one command that takes things out of it."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import open_lock, remove
from deepseek_report.store.folders import take_mode

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
        stream = open_lock(path, below=root)
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
    with open_lock(root / ".locks" / _NAME, below=root) as stream:
        yield _taken(stream.fileno())


@contextmanager
def stage_alone(root: Path, stage: str, key: str) -> Iterator[bool]:
    """Whether nobody is making this stage; if so, nobody starts to before this is over."""
    path = root / ".locks" / f"{stage.replace('/', '.')}-{key}"
    with open_lock(path, below=root) as stream:
        free = _taken(stream.fileno())
        yield free
        if free:
            remove(path)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
