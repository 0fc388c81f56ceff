"""What the training rows hold, by which a new row is refused as impossible or marked as never seen.

Refused is what cannot be: a cell that is no number of single precision or no category that the
model knows (`case_rows`), and a row that breaks a declared relation which every training row keeps.
Marked is what no training row has: the model answers, and nobody knows how well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds.row_conditions import ColumnRelation, Relations
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.errors import DataError

#: unclear : three digits behind a sign that may stand between thousands. missing : no training row
#: lacks it. unseen : no training row is of the category. negative : no training row is below 0.
#: outside : beyond the least or the greatest value. far : by more than these are apart.
MarkKind = Literal["unclear", "missing", "unseen", "negative", "far", "outside"]
#: Marks of what may be a mistake: a value just beyond those of the training part is none.
DOUBTFUL = frozenset[MarkKind]({"unclear", "missing", "unseen", "negative", "far"})


@dataclass(frozen=True)
class CellMark:
    """What is told of one cell of a new row. column : its name. text : the sentence."""

    column: str
    kind: MarkKind
    text: Message


@dataclass(frozen=True)
class SeenValues:
    """What the training rows hold, column by column; of series channel by channel.

    schema : in the words of the reader. least, greatest : (feature,) NaN where all are missing.
    lacking : (feature,) whether a training row lacks the value. fine : (feature,) whether one has
    more than two decimal places. present : (feature,) positions of the categories that occur.
    relations : those declared ones that every training row keeps.
    """

    schema: Schema
    least: Floats
    greatest: Floats
    lacking: Bools
    fine: Bools
    present: tuple[Floats, ...]
    relations: tuple[ColumnRelation, ...]

    @classmethod
    def of(cls, schema: Schema, train: Floats) -> SeenValues:
        """What these rows (row, feature), as in `Split.inputs`, hold; at least one."""
        parts = tuple(map(np.array, zip(*map(_held, train.T), strict=True)))
        if schema.layout is not None:
            shape, folds = schema.layout.shape, (np.fmin, np.fmax, np.logical_or, np.logical_or)
            parts = tuple(
                np.broadcast_to(fold.reduce(part.reshape(shape), axis=0), shape).reshape(-1)
                for fold, part in zip(folds, parts, strict=True)
            )
        present = tuple(
            np.unique(column[~np.isnan(column)]) if feature.categories else np.zeros(0)
            for feature, column in zip(schema.features, train.T, strict=True)
        )
        relations = (each for each in Relations.of(schema).parts if not each.broken(train).any())
        return cls(schema, *parts, present, tuple(relations))

    @cached_property
    def _numeric(self) -> Bools:
        return np.array([feature.is_numeric for feature in self.schema.features])

    def faults(self, rows: Floats, where: str, places: Sequence[str]) -> list[DataError | None]:
        """(row,) why a row (row, feature) cannot be; None where nothing is known against it.

        where : the file. places : (row,) where each row stands in it, such as "line 3".
        """
        faults: list[DataError | None] = [None] * len(rows)
        for relation in self.relations:
            for row in np.flatnonzero(relation.broken(rows)):
                faults[row] = data_error(
                    where,
                    f"{places[row]} does not keep `{relation.text}`",
                    "what is declared (dataset.relations) and every training row keeps",
                    "correct the row",
                )
        return faults

    def marks(
        self, rows: Floats, unclear: Sequence[Collection[int]] = ()
    ) -> list[tuple[CellMark, ...]]:
        """(row,) the marks of each row (row, feature).

        unclear : (row,) positions of the cells whose sign may stand between thousands.
        """
        kinds = np.full(rows.shape, "", dtype=object)
        width = self.greatest - self.least
        beyond = np.where(self._numeric, np.maximum(self.least - rows, rows - self.greatest), 0.0)
        kinds[beyond > 0] = "outside"
        kinds[beyond > width] = "far"
        kinds[(beyond > 0) & (rows < 0) & (self.least >= 0)] = "negative"
        kinds[np.isnan(rows) & ~self.lacking] = "missing"
        for at in np.flatnonzero(~self._numeric):
            never = ~np.isnan(rows[:, at]) & ~np.isin(rows[:, at], self.present[at])
            kinds[never, at] = "unseen"
        for row, cells in enumerate(unclear):
            kinds[row, [at for at in cells if not self.fine[at]]] = "unclear"
        return [tuple(self._marked(*pair)) for pair in zip(rows, kinds, strict=True)]

    def _marked(self, row: Floats, kinds: Sequence[MarkKind]) -> Iterator[CellMark]:
        for at in np.flatnonzero(kinds != ""):
            feature, kind = self.schema.features[at], kinds[at]
            values = {"label": feature.label, "value": feature.display(row[at])}
            if self._numeric[at] and np.isfinite(self.least[at]):
                ends = self.least[at], self.greatest[at]
                values |= dict(zip(("least", "greatest"), map(feature.display, ends), strict=True))
            yield CellMark(feature.name, kind, message(f"case_marks.{kind}", **values))


def _held(column: Floats) -> tuple[float, float, bool, bool]:
    """Least and greatest value, whether any is missing, and has more than two decimal places."""
    known = column[~np.isnan(column)]
    if not len(known):
        return np.nan, np.nan, True, False
    hundredths = 100 * known
    fine = np.abs(hundredths - np.rint(hundredths)) > 1e-6 * np.maximum(np.abs(hundredths), 1)
    return float(known.min()), float(known.max()), len(known) < len(column), bool(fine.any())
