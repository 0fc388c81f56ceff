"""Lines of a file that may still grow, of standard input, or of a part of the data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deepseek_report.datasets.readers.case_rows import LONGEST_LINE
from deepseek_report.errors import DataError


@dataclass(frozen=True)
class Idle:
    """Nothing has come since the last look. restarted : the file was begun anew."""

    restarted: bool = False


def lines_of_stream(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of an open stream, until it ends; a longer one than may be comes in pieces' first.

    What is left of such a line is passed over, so that it counts as one.
    """
    while line := stream.readline(LONGEST_LINE + 1):
        yield line
        while not line.endswith(b"\n") and len(line) > LONGEST_LINE:
            line = stream.readline(LONGEST_LINE + 1)


def lines_of_file(path: Path, *, follow: bool) -> Iterator[bytes | Idle]:
    """The lines of a file; with `follow` for ever, with `Idle` where nothing new is there.

    A line that has no end yet is waited for. A file that becomes shorter, or is replaced by
    another one, was begun anew: it is read from its start.

    Raises
    ------
    DataError : there is no such file, or it cannot be read.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read ({error.strerror}); name a file of rows, or - for "
            "standard input"
        ) from None
    while True:
        with stream:
            if not follow:
                yield from lines_of_stream(stream)
                return
            yield from _growing(stream, path)
            stream = path.open("rb")
        yield Idle(restarted=True)


def _growing(stream: BinaryIO, path: Path) -> Iterator[bytes | Idle]:
    """Until the file is begun anew."""
    held = b""
    while True:
        piece = stream.readline(LONGEST_LINE + 1)
        if len(held) <= LONGEST_LINE:
            held += piece
        if piece.endswith(b"\n"):
            yield held
            held = b""
        elif not piece:
            if _begun_anew(stream, path):
                if held:
                    yield held
                return
            yield Idle()


def _begun_anew(stream: BinaryIO, path: Path) -> bool:
    mine = os.fstat(stream.fileno())
    try:
        now = path.stat()
    except FileNotFoundError:  # it is being replaced
        return False
    return (now.st_ino, now.st_dev) != (mine.st_ino, mine.st_dev) or now.st_size < stream.tell()
