"""New rows beside the training rows of a model: what cannot be, and what none of these has.

What the training rows have is counted, not known: that none is below 0 does not show that none can
be. So such a value is told and the model answers; who knows better declares a relation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Array, Floats
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import DataKind, Quantity
from deepseek_report.data_kinds.row_conditions import ColumnRelation, Relations

#: outside : beyond the training numbers. far : beyond them by more than they are apart, or the
#: first below 0. unseen : a category of no training row. missing : no training row lacks it.
Strangeness = Literal["outside", "far", "unseen", "missing"]


@dataclass(frozen=True)
class StrangeValue:
    """A value that no training row has.

    name, label : of its column, of series of what is measured of a channel. value : as it is
    displayed. low, high : the ends of the numbers of the training part; empty of a category.
    """

    name: str
    kind: Strangeness
    label: str
    value: str
    low: str = ""
    high: str = ""

    @property
    def is_doubtful(self) -> bool:
        """Whether it may be a mistake, as a value just beyond the training numbers is not."""
        return self.kind != "outside"


@dataclass(frozen=True)
class SeenValues:
    """What the training rows have.

    columns : of each column, of series of what is measured of each channel, the ends of its numbers
    or its categories, and NaN where a row lacks it. fine : names of the columns in which a row has
    a third decimal place. relations : the declared ones that every row keeps.
    """

    kind: DataKind
    columns: tuple[Quantity, ...]
    fine: frozenset[str]
    relations: tuple[ColumnRelation, ...]

    @classmethod
    def of(cls, schema: Schema, train: Floats) -> SeenValues:
        """Of the training rows (row, column)."""
        kind = kind_of(schema)
        columns = tuple(replace(each, values=each.held) for each in kind.parameters(train))
        pairs = zip(schema.features, train.T, strict=True)
        fine = frozenset(each.name for each, cells in pairs if each.is_numeric and _is_fine(cells))
        kept = (each for each in Relations.of(schema).parts if not each.broken(train).any())
        return cls(kind, columns, fine, tuple(kept))

    @property
    def schema(self) -> Schema:
        return self.kind.schema

    def broken(self, rows: Floats) -> list[tuple[int, ColumnRelation]]:
        """Positions of the rows (row, column) that break a relation, each with it."""
        pairs = ((each, np.flatnonzero(each.broken(rows))) for each in self.relations)
        return [(int(row), relation) for relation, places in pairs for row in places]

    def strange(self, rows: Floats) -> list[list[StrangeValue]]:
        """(row,) the values of rows (row, column) that no training row has."""
        of_rows: list[list[StrangeValue]] = [[] for _ in rows]
        for seen, own in zip(self.columns, self.kind.parameters(rows), strict=True):
            label, ends = str(own.label), seen.ends
            for row, kind in enumerate(_strangeness(own.values, seen).tolist()):
                if kind:
                    value = own.feature.display(float(own.values[row]))
                    of_rows[row].append(StrangeValue(own.key, kind, label, value, *ends))
        return of_rows

    def strange_of_new(self, rows: Split) -> dict[int, list[StrangeValue]]:
        """{number: such values} of the rows that are not in the data and have some."""
        pairs = zip(rows.instance_ids.tolist(), self.strange(rows.inputs), strict=True)
        return {number: values for number, values in pairs if number < 0 and values}


def _strangeness(values: Floats, seen: Quantity) -> Array:
    """(row,) in what way no training row has each value; "" where one has."""
    known = seen.known
    if seen.feature.is_numeric and len(known):
        beyond = np.maximum(known.min() - values, values - known.max())
        is_far = (beyond > np.ptp(known)) | ((values < 0) & (known.min() >= 0))
        kinds = np.where(beyond > 0, np.where(is_far, "far", "outside"), "")
    else:
        kinds = np.where(np.isin(values, known), "", "unseen")
    is_lacking = len(known) < len(seen.values)
    return np.where(np.isnan(values), "" if is_lacking else "missing", kinds)


def _is_fine(column: Floats) -> bool:
    """Whether a number has more than two decimal places, as far as single precision tells."""
    hundreds = 100 * column[~np.isnan(column)]
    rest = np.abs(hundreds - np.rint(hundreds))
    return bool((rest > 1e-6 * np.maximum(np.abs(hundreds), 1)).any())
