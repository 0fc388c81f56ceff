"""What a list of many inputs shows of one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats

#: Pixels along the longer side of a small picture, steps of a small course.
SIDE, STEPS = 24, 40


@dataclass(frozen=True)
class Glance:
    """A whole input, small.

    words : what it says, empty where it is better drawn. pixels : (row, column, channel) of an
    image of at most `SIDE` pixels a side. course : (step,) of the first channel of a series, at
    most `STEPS`; what follows its end is missing. Both are None for other data, and in the units of
    the input.
    """

    words: str = ""
    pixels: Floats | None = None
    course: Floats | None = None


def shrunk(values: Floats, most: int) -> Floats:
    """The means of blocks along the first axis, so that at most so many are left.

    >>> shrunk(np.array([1.0, 3.0, 5.0]), 2).tolist()
    [2.0, 5.0]
    """
    size = -(-len(values) // most)
    starts = np.arange(0, len(values), size)
    counts = np.diff(np.append(starts, len(values))).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(np.add.reduceat(values, starts, axis=0) / counts)
