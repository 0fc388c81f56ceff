"""Columns of a known table that a config leaves out."""

from __future__ import annotations

from collections.abc import Collection

from deepseek_report.artifacts.message import Message, message
from deepseek_report.datasets.assembly.column_declarations import error_text, nearest


def drop_problems(drop: Collection[str], columns: Collection[str], target: str) -> list[str]:
    """What is wrong with `dataset.drop`: names that are no column, and the target."""
    features = [name for name in columns if name != target]
    return [
        error_text(
            "dataset",
            f"`dataset.drop` names `{name}`, which is "
            + ("the target" if name == target else "not a column"),
            "a feature of the data",
            nearest(name, features),
        )
        for name in drop
        if name not in features
    ]


def drop_note(drop: Collection[str], labels: Collection[str]) -> tuple[Message, ...]:
    """The sentence of the card on what was left out; `labels` as a person reads the columns."""
    return (message("preparation.left_out", columns=list(labels)),) if drop else ()
