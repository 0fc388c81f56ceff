"""Which random draws a row gets, and by what people name it: keys made from its content alone."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats


@dataclass(frozen=True)
class Seeds:
    """Where each step starts to draw, so that one can be varied while the others stay.

    data : decides the split, what is drawn of the data, and which rows are looked at: the cases
        that are explained and the background rows.
    training : initial weights and the order of the rows, or the draws of an estimator.
    explain : what the explainers draw of their own.
    measure : bootstrap and permutation draws, noise, references that are trained for comparison.
    """

    data: int
    training: int
    explain: int
    measure: int

    @classmethod
    def recorded(cls, config: Mapping[str, Any]) -> Seeds | None:
        """Those of the config of a run, None where it does not record that of each step."""
        own = config.get("seeds") or {}
        known = [int(own[step.name]) for step in fields(cls) if step.name in own]
        return cls(*known) if len(known) == len(fields(cls)) else None

    @property
    def shared(self) -> int | None:
        """The seed of all steps, None where they differ."""
        return self.data if len(set(asdict(self).values())) == 1 else None


def content_keys(rows: Floats) -> tuple[int, ...]:
    """One number of 32 bits for each row, equal for rows of the same values.

    Values count as far as single precision holds them, so that a number that went through a file
    of fewer digits keeps its key; 0 and -0 are the same, and so are all missing values.

    Parameters
    ----------
    rows : array
        (row, column).
    """
    return tuple(map(zlib.crc32, row_contents(rows)))


def row_digests(rows: Floats) -> tuple[str, ...]:
    """Sixteen hexadecimal digits for each row, by which a person's marks name it.

    Rows of the same values have the same digest; see `content_keys` for what counts as the same.

    Parameters
    ----------
    rows : array
        (row, column).
    """
    return tuple(hashlib.sha256(content).hexdigest()[:16] for content in row_contents(rows))


def row_contents(rows: Floats) -> Iterator[bytes]:
    """The values of each row in single precision, as bytes."""
    with np.errstate(over="ignore"):
        single = np.asarray(rows).astype(np.float32) + np.float32(0)
    single[np.isnan(single)] = np.nan
    return (np.ascontiguousarray(row).tobytes() for row in single)
