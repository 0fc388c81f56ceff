"""Cutting one large picture into patches whose parts do not touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.split.splitting import SplitRule


@dataclass(frozen=True)
class Cuts:
    """Upper left corners of square patches, and the part of the picture that each belongs to.

    rows, columns : (patch,) in pixels. parts : (patch,) position in `PARTS`.
    """

    rows: Ints
    columns: Ints
    parts: Ints

    def take(self, positions: Ints) -> Cuts:
        return Cuts(self.rows[positions], self.columns[positions], self.parts[positions])

    def of(self, picture: NDArray[np.generic], size: int) -> NDArray[np.generic]:
        """(patch, row, column, …) the patches of a picture (row, column, …)."""
        steps = np.arange(size)
        rows = (self.rows[:, None] + steps)[:, :, None]
        return np.asarray(picture[rows, (self.columns[:, None] + steps)[:, None, :]])


def bands(length: int, rule: SplitRule, gap: int) -> list[tuple[int, int]]:
    """[start, end) of the training, validation and test band along one side, `gap` apart.

    The bands share the length without the two gaps by the shares of the rule; test is last.
    """
    ends = np.cumsum(rule.shares) * (length - 2 * gap)
    starts = [0.0, *ends[:-1]]
    return [
        (round(start) + part * gap, round(end) + part * gap)
        for part, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def cut(
    shape: tuple[int, int], size: int, strides: tuple[int, int, int], places: list[tuple[int, int]]
) -> Cuts:
    """Every patch that lies whole in one band of columns, by the stride of its part.

    Parameters
    ----------
    shape : (row, column) of the picture. size : side of a patch. strides : distance of
        neighbouring patches in each part. places : from `bands`.

    Raises
    ------
    DataError : a band is narrower than a patch.
    """
    corners = []
    for part, ((start, end), stride) in enumerate(zip(places, strides, strict=True)):
        if end - start < size or shape[0] < size:
            raise data_error(
                "dataset",
                f"a part of the picture is {min(end - start, shape[0])} pixels wide",
                f"at least {size} pixels",
                "lower `dataset.size`, or give each part a larger share",
            )
        rows = np.arange(0, shape[0] - size + 1, stride)
        columns = np.arange(start, end - size + 1, stride)
        grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        corners.append(np.column_stack([grid, np.full(len(grid), part)]))
    whole = np.concatenate(corners)
    return Cuts(whole[:, 0], whole[:, 1], whole[:, 2])
