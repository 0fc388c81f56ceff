"""What must hold between the columns of every row: `amount paid <= bill`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds.row_conditions import ConditionError, RowCondition, read_condition


@dataclass(frozen=True)
class ColumnRelation:
    """One declared relation between columns of a table.

    text : as it is declared, in the grammar of `row_conditions`. condition : what it says.
    """

    schema: Schema
    text: str
    condition: RowCondition

    @cached_property
    def columns(self) -> list[int]:
        """Positions of the features that it is about."""
        return sorted(self.condition.features(self.schema))

    def broken(self, rows: Floats) -> Bools:
        """(row,) whether each row (row, feature) breaks it; a row with a missing part does not."""
        known = ~np.isnan(rows[:, self.columns]).any(axis=1)
        return np.asarray(known & ~self.condition.holds(self.schema, _unlabelled(rows)))


@dataclass(frozen=True)
class Relations:
    """All declared relations of a table."""

    parts: tuple[ColumnRelation, ...]

    @classmethod
    def of(cls, schema: Schema, texts: Sequence[str] | None = None) -> Relations:
        """Those that the schema declares, or of `texts`.

        Raises
        ------
        ConditionError : a text is no relation between features that there are.
        """
        return cls(
            tuple(_read(schema, text) for text in (schema.relations if texts is None else texts))
        )

    def allowed(self, row: Floats, changed: Floats) -> Bools:
        """(change,) whether each changed copy (change, feature) of a row keeps what it touches.

        A relation that the row breaks as it is binds changes of its own columns alone.
        """
        allowed = np.ones(len(changed), dtype=bool)
        for relation in self.parts:
            apart = changed[:, relation.columns] != row[relation.columns]
            both_missing = np.isnan(changed[:, relation.columns]) & np.isnan(row[relation.columns])
            touched = (apart & ~both_missing).any(axis=1)
            allowed &= ~(touched & relation.broken(changed))
        return allowed


def relation_in_words(schema: Schema, text: str) -> str:
    """A relation with the columns called as people call them: `Amount paid ≤ Bill`."""
    labels = {feature.name: feature.label for feature in schema.features}
    names = "|".join(map(re.escape, sorted(labels, key=len, reverse=True)))

    def labelled(match: re.Match[str]) -> str:
        return labels[match[0]]

    text = re.sub(rf"(?<![\w`])(?:{names})(?![\w`])", labelled, text)
    return text.replace("<=", "≤").replace(">=", "≥")


def _read(schema: Schema, text: str) -> ColumnRelation:
    relation = ColumnRelation(schema, text, read_condition(text))
    relation.condition.holds(schema, _unlabelled(np.zeros((0, len(schema.features)))))
    if not relation.columns:
        raise ConditionError(f"`{text}` names no column of the inputs")
    return relation


def _unlabelled(rows: Floats) -> Split:
    """Rows (row, feature) of which nothing else is known."""
    return Split(rows, np.zeros(len(rows), np.int64), np.arange(len(rows)), {})
