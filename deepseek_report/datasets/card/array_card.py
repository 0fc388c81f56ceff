"""What the card says of images and series: their shape and values, not each of their columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.schema import Layout, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.card.number_card import five_numbers


def describe_values(schema: Schema, layout: Layout, whole: Split) -> dict[str, Any]:
    """Shape, the range of the values, gaps, and how many columns never change.

    `channels` holds five numbers of each channel, over all rows and places. Series of unequal
    length end in NaN: `shortest` and `longest` count their steps.
    """
    shape = layout.shape
    inputs = whole.inputs.reshape(len(whole), -1, shape[-1])
    lengths = _lengths(inputs)
    return {
        "shape": list(shape),
        "channels": [_channel(schema, layout, inputs[..., i], i) for i in range(shape[-1])],
        "missing_share": float(np.isnan(whole.inputs).mean()),
        "constant_columns": len(constant_columns(whole.inputs)),
        "shortest": int(lengths.min()),
        "longest": int(lengths.max()),
    }


def _channel(schema: Schema, layout: Layout, values: Floats, position: int) -> dict[str, Any]:
    return {
        "channel": position + 1,
        "label": layout.channel(position),
        "unit": schema.features[position].unit,
        **five_numbers(values),
    }


def _lengths(inputs: Floats) -> Ints:
    """(instance,) places up to the last that is known in any channel."""
    known: Bools = np.asarray(~np.isnan(inputs).all(axis=2))
    last = known.shape[1] - np.argmax(known[:, ::-1], axis=1)
    return np.where(known.any(axis=1), last, 0).astype(np.int64)


def constant_columns(inputs: Floats) -> list[int]:
    """Positions of the columns that have one value in all rows, or none in any."""
    known = ~np.isnan(inputs)
    low = np.where(known, inputs, np.inf).min(axis=0)
    high = np.where(known, inputs, -np.inf).max(axis=0)
    whole = known.all(axis=0)
    return np.flatnonzero((whole & (low == high)) | ~known.any(axis=0)).tolist()
