"""Small pictures as arrays of numbers, for TensorBoard; drawn without a plotting library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats

Picture = NDArray[np.uint8]
_SIZE = 160
#: Cells along the longer side of a map; larger maps show the mean of neighbours.
_CELLS = 128


def maps(weights: NDArray[np.float32], zoom: int = 8) -> Picture:
    """Maps side by side, each scaled to its own greatest value; dark is much.

    Parameters
    ----------
    weights : (map, row, column) from 0. zoom : pixels a cell.

    Returns
    -------
    (1, height, width) grey values.
    """
    weights = _pooled(_pooled(weights, 1), 2)
    top = weights.max(axis=(1, 2), keepdims=True)
    shade = 255 - 255 * weights / np.where(top > 0, top, 1)
    cells = np.repeat(np.repeat(shade, zoom, axis=1), zoom, axis=2)
    framed = np.pad(cells, ((0, 0), (0, 0), (0, zoom)), constant_values=255)
    return np.concatenate(list(framed), axis=1)[None].astype(np.uint8)


def _pooled(maps: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Means of neighbours along an axis, so that at most `_CELLS` are left."""
    size = maps.shape[axis]
    if size <= _CELLS:
        return maps
    starts = np.linspace(0, size, _CELLS, endpoint=False).astype(np.int64)
    shape = [1, 1, 1]
    shape[axis] = _CELLS
    counts = np.diff(np.append(starts, size)).reshape(shape)
    return np.asarray(np.add.reduceat(maps, starts, axis=axis) / counts, dtype=np.float32)


def curve(across: Floats, up: Floats) -> Picture:
    """A line through points in the unit square over its grey diagonal, (1, size, size)."""
    canvas = np.full((_SIZE, _SIZE), 255, dtype=np.uint8)
    diagonal = np.arange(_SIZE)
    canvas[_SIZE - 1 - diagonal, diagonal] = 200
    steps = np.linspace(0, 1, 4 * _SIZE)
    path = np.linspace(0, 1, len(across))
    columns = np.interp(steps, path, across) * (_SIZE - 1)
    rows = (1 - np.interp(steps, path, up)) * (_SIZE - 1)
    canvas[rows.round().astype(int), columns.round().astype(int)] = 0
    return canvas[None]


def roc(scores: NDArray[np.float32], positive: Bools) -> Picture:
    """The ROC curve of one class, (1, size, size)."""
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([[0], np.cumsum(positive[order])])
    misses = np.concatenate([[0], np.cumsum(~positive[order])])
    return curve(misses / max(misses[-1], 1), hits / max(hits[-1], 1))


def calibration(scores: NDArray[np.float32], positive: Bools, bins: int = 10) -> Picture:
    """Observed share against predicted probability in bins of equal count, (1, size, size)."""
    parts = np.array_split(np.argsort(scores, kind="stable"), min(bins, len(scores)))
    predicted = np.array([scores[part].mean() for part in parts], dtype=np.float64)
    observed = np.array([positive[part].mean() for part in parts], dtype=np.float64)
    return curve(predicted, observed)
