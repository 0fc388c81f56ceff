"""Which random draws a row gets: keys made from its content alone."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray


def content_keys(rows: NDArray[np.float64]) -> tuple[int, ...]:
    """One number of 32 bits for each row, equal for rows of the same values.

    Values count as far as single precision holds them, so that a number that went through a file
    of fewer digits keeps its key; 0 and -0 are the same, and so are all missing values.

    Parameters
    ----------
    rows : array
        (row, column).
    """
    with np.errstate(over="ignore"):
        single = np.asarray(rows).astype(np.float32) + np.float32(0)
    single[np.isnan(single)] = np.nan
    return tuple(zlib.crc32(np.ascontiguousarray(row).tobytes()) for row in single)
