"""New rows beside the data of a model: who has the same values, and which values nobody has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Dataset
from deepseek_report.data_kinds import kind_of


@dataclass(frozen=True)
class StrangeValue:
    """A value that no training row has: a number beyond all of theirs, a category, or none at all.

    label : of its feature. value : as it is displayed; empty where it is missing. low, high : the
    ends of the numbers of the training part; empty of a category, and where the value is missing.
    """

    label: str
    value: str
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class NewRow:
    """A row that is not in the data.

    same_as : the number of a row of the data with the same values; None where there is none.
    strange : its values that no training row has. n : training rows.
    """

    same_as: int | None
    strange: Sequence[StrangeValue]
    n: int

    @classmethod
    def of(cls, row: Floats, data: Dataset, schema: Schema) -> NewRow:
        """Compare a row (feature,) with all rows of the data; schema : in the words of the reader.

        The training part is looked through first: what the model has learnt by heart matters most.
        """
        parts = (data.train, data.validation, data.test)
        same = (part.instance_ids[_equals(part.inputs, row)].tolist() for part in parts)
        known = next((ids[0] for ids in same if ids), None)
        return cls(known, _strange(row, data.train.inputs, schema), len(data.train))


def _equals(rows: Floats, row: Floats) -> Bools:
    """(row,) whether all values are those of `row`; missing ones are equal."""
    return np.asarray(((rows == row) | (np.isnan(rows) & np.isnan(row))).all(axis=1))


def _strange(row: Floats, train: Floats, schema: Schema) -> list[StrangeValue]:
    kind, strange = kind_of(schema), list[StrangeValue]()
    for own, seen in zip(kind.parameters(row[None]), kind.parameters(train), strict=True):
        value, known, show = float(own.values[0]), seen.known, own.feature.display
        if np.isnan(value):
            if len(known) == len(seen.values):
                strange.append(StrangeValue(own.feature.label, ""))
        elif own.outside(known):
            numeric = own.feature.is_numeric and len(known)
            ends = (show(float(known.min())), show(float(known.max()))) if numeric else ("", "")
            strange.append(StrangeValue(own.feature.label, show(value), *ends))
    return strange
