"""What a person calls the tokens of a model: features, patches, windows, words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import DataKind, kind_of

SUMMARY, END = "summary", "end of the text"


def token_labels(schema: Schema, token_columns: Sequence[Sequence[int]]) -> list[str]:
    """One label a token: "summary", "Age", "rows 5–8 × columns 9–12", "steps 12–22", "word 3".

    A token whose columns are those of a player is called as the player is; one without columns
    behind all others is the end of the text.
    """
    kind = kind_of(schema)
    if kind.named_columns:
        return [_named(schema.labels, columns) for columns in token_columns]
    players = {
        frozenset(np.flatnonzero(schema.owners == player).tolist()): label
        for player, label in enumerate(schema.player_labels)
    }
    last = max((k for k, columns in enumerate(token_columns) if len(columns)), default=0)
    return [
        players.get(frozenset(columns)) or _place(kind, columns)
        if len(columns)
        else (SUMMARY if k <= last else END)
        for k, columns in enumerate(token_columns)
    ]


def _named(labels: Sequence[str], columns: Sequence[int]) -> str:
    """The features of a token; of many the first and the last."""
    if not len(columns):
        return SUMMARY
    first, last = labels[columns[0]], labels[columns[-1]]
    return first if len(columns) == 1 else f"{first} to {last}"


def _place(kind: DataKind, columns: Sequence[int]) -> str:
    places = np.unravel_index(np.asarray(columns), kind.shape)
    return " × ".join(_span(word, axis) for word, axis in zip(kind.axes, places, strict=False))


def _span(word: str, places: NDArray[np.int64]) -> str:
    """`step 3`, `steps 3–7`; people count from 1."""
    first, last = int(places.min()) + 1, int(places.max()) + 1
    return f"{word} {first}" if first == last else f"{word}s {first}–{last}"
