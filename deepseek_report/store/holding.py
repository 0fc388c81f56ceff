"""Who uses a store: runs at the same time, or one command that takes things out of it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import open_lock, remove

_NAME = "in-use"


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Nobody takes anything out of the store meanwhile; any number of runs may hold it.

    The system frees it if the process is killed.
    """
    path = root / ".locks" / _NAME
    with open_lock(path, below=root) as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
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
