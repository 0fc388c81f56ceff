"""Inputs changed on purpose, as a person declares it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.conclusions import InputChange
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.row_conditions import ConditionError


def changed_inputs(schema: Schema, rows: Floats, change: InputChange, columns: Ints) -> Floats:
    """(row, column) the inputs after a change; rows that it does not touch stay equal.

    columns : positions of the columns that a change of numbers is about.

    Raises ConditionError: such data cannot be changed so.
    """
    ((name, value),) = _chosen(schema, change).items()
    return _APPLY[name](schema, rows, value, columns)


def change_problem(schema: Schema, change: InputChange) -> str:
    """What is wrong with a change of such data; empty where nothing is."""
    try:
        width = len(schema.features)
        changed_inputs(schema, np.zeros((1, width)), change, np.zeros(0, np.int64))
    except ConditionError as error:
        return str(error)
    return ""


def _chosen(schema: Schema, change: InputChange) -> dict[str, Any]:
    allowed = kind_of(schema).changes
    if len(change.chosen) != 1 or set(change.chosen) - set(allowed):
        named = ", ".join(change.chosen) or "nothing"
        raise ConditionError(
            f"`change` names {named}; of such data it is one of {', '.join(allowed)}"
        )
    return dict(change.chosen)


def _added(schema: Schema, rows: Floats, value: float, columns: Ints) -> Floats:
    del schema
    changed = rows.copy()
    changed[:, columns] += value
    return changed


def _multiplied(schema: Schema, rows: Floats, value: float, columns: Ints) -> Floats:
    del schema
    changed = rows.copy()
    changed[:, columns] *= value
    return changed


def _replaced(schema: Schema, rows: Floats, value: Mapping[str, str], columns: Ints) -> Floats:
    del columns
    changed = rows.copy()
    for old, new in value.items():
        changed[rows == token_of(schema, old)] = token_of(schema, new)
    return changed


def token_of(schema: Schema, word: str) -> int:
    """Position of a word in the vocabulary.

    Raises ConditionError: the vocabulary does not have it.
    """
    words = schema.vocabulary
    for spelled in (word, word.lower()):
        if spelled in words:
            return words.index(spelled)
    raise ConditionError(
        f"“{word}” is no word of the vocabulary, so the model reads it as unknown; choose a word "
        "that the training texts have"
    )


def _rotated(schema: Schema, rows: Floats, value: int, columns: Ints) -> Floats:
    del columns
    height, width, *_ = shape = kind_of(schema).shape
    if value != 180 and height != width:
        raise ConditionError("`rotate` by 90 or 270 degrees needs square images; use 180")
    images = rows.reshape(-1, *shape)
    return np.rot90(images, value // 90, axes=(1, 2)).reshape(rows.shape)


def _flipped(schema: Schema, rows: Floats, value: str, columns: Ints) -> Floats:
    del columns
    images = rows.reshape(-1, *kind_of(schema).shape)
    return np.flip(images, axis=2 if value == "horizontal" else 1).reshape(rows.shape)


def _shifted(schema: Schema, rows: Floats, value: int, columns: Ints) -> Floats:
    """Later in a series, to the right in an image; the edge stays, and so does where it ends."""
    del columns
    kind = kind_of(schema)
    axis, cells = len(kind.axes), rows.reshape(-1, *kind.shape)
    places = np.arange(cells.shape[axis])
    moved = np.take(cells, np.clip(places - value, 0, places[-1]), axis=axis)
    ended = np.isnan(cells)
    moved = np.where(np.isnan(moved), cells, moved)
    return np.asarray(np.where(ended, np.nan, moved).reshape(rows.shape))


_Apply = Callable[[Schema, Floats, Any, Ints], Floats]
_APPLY: Mapping[str, _Apply] = {
    "add": _added,
    "times": _multiplied,
    "replace": _replaced,
    "rotate": _rotated,
    "flip": _flipped,
    "shift": _shifted,
}


def columns_named(schema: Schema, names: Sequence[str]) -> Ints:
    """Positions of the columns, or of the channels, of these names; of all where none is named.

    Raises ConditionError: there is no column of a name.
    """
    if not names:
        return np.arange(len(schema.features), dtype=np.int64)
    kind, positions = kind_of(schema), []
    for name in names:
        called = kind.columns_called(name)
        if not len(called):
            known = schema.names[:12] if kind.named_columns else list(kind.channels)
            raise ConditionError(f"there is no column `{name}`; there are {', '.join(known)}")
        positions.append(called)
    return np.concatenate(positions)
