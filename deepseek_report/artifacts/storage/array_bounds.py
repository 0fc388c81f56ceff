"""Arrays of an npz file within bounds: each by its own head, before room is made for it."""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from deepseek_report.artifacts.storage.memory_bound import refuse_beyond

#: The most bytes of an archive's list of members.
_MOST_LIST = 2**20
_PIECE = 2**20
_END, _END_LENGTH = b"PK\x05\x06", 22
#: Kinds of arrays that are stored: yes or no, whole and other numbers, texts.
_KINDS = frozenset("biufUS")
_READ = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_arrays(path: Path, stream: BinaryIO) -> dict[str, NDArray[Any]]:
    """All arrays by name.

    Raises
    ------
    ArtifactError : they hold more than an artifact may.
    ValueError, zipfile.BadZipFile, EOFError, zlib.error : the file is damaged.
    """
    _check_list(stream)
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        refuse_beyond(path, sum(member.file_size for member in members))
        return {
            member.filename.removesuffix(".npy"): _array(path, archive, member)
            for member in members
        }


def _check_list(stream: BinaryIO) -> None:
    """Refuse an archive whose list of members would be large in memory."""
    size = os.fstat(stream.fileno()).st_size
    stream.seek(max(0, size - _END_LENGTH))
    end = stream.read(_END_LENGTH)
    if len(end) < _END_LENGTH or not end.startswith(_END):
        raise ValueError("it does not end as an npz file does")
    length = int.from_bytes(end[12:16], "little")
    if length > _MOST_LIST and not (length == 2**32 - 1 and size > length):
        raise ValueError("it has more members than may be")


def _array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        if version not in _READ:
            raise ValueError(f"{member.filename} is written in an unknown version")
        shape, fortran, dtype = _READ[version](stream)
        if dtype.kind not in _KINDS or dtype.subdtype is not None:
            raise ValueError(f"{member.filename} holds {dtype}, which is not stored")
        refuse_beyond(path, math.prod(max(length, 1) for length in shape) * max(1, dtype.itemsize))
        size = math.prod(shape) * dtype.itemsize
        if size != member.file_size - stream.tell():
            raise ValueError(f"{member.filename} is not as large as it says")
        content, place = bytearray(size), 0
        while piece := stream.read(min(_PIECE, size - place)):
            content[place : place + len(piece)] = piece
            place += len(piece)
        if place != size or stream.read(1):
            raise EOFError(f"{member.filename} does not end with its last value")
        array = np.frombuffer(content, dtype)
        return array.reshape(shape, order="F" if fortran else "C")
