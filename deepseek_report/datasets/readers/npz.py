"""Arrays of an npz file within bounds: what its members say of their size is checked first."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from deepseek_report.datasets.readers.file_bytes import FileBytes, check_archive
from deepseek_report.datasets.readers.file_form import ReadLimits


def read_npz(file: FileBytes, names: Sequence[str], limits: ReadLimits) -> dict[str, NDArray[Any]]:
    """The named arrays; no object is ever unpickled.

    Raises DataError: more members or bytes than are allowed; KeyError: an array is missing;
    ValueError, zipfile.BadZipFile: it is no npz file, or an array is not as long as it says.
    """
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        check_archive(archive, str(file.path), limits)
        for name in names:
            _check_member(archive, f"{name}.npy")
    with np.load(io.BytesIO(file.content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in names}


def _check_member(archive: zipfile.ZipFile, name: str) -> None:
    """The array's own head must fit its length in the archive, which bounds what is read."""
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    with archive.open(name) as stream:
        version = npy.read_magic(stream)
        if version not in read:
            raise ValueError(f"{name} is written in an unknown version")
        shape, _, dtype = read[version](stream)
    if math.prod(shape) * dtype.itemsize > archive.getinfo(name).file_size:
        raise ValueError(f"{name} claims to be larger than it is")
