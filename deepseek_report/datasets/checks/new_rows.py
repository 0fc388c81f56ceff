"""New rows beside the data of a model: who has the same values, and which values nobody has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.split import Dataset
from deepseek_report.data_kinds import kind_of


@dataclass(frozen=True)
class StrangeValue:
    """A value that no training row has: a number beyond all of theirs, or a category.

    label : of its feature. value : as it is displayed. low, high : the ends of the numbers of the
    training part; empty of a category.
    """

    label: str
    value: str
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class NewRow:
    """A row that is not in the data.

    same_as : the number of a row of the data with the same values; None where there is none.
    strange : its values that no training row has. missing : labels of the features that it lacks,
    and that no training row does. n : training rows.
    """

    same_as: int | None
    strange: Sequence[StrangeValue]
    missing: Sequence[str]
    n: int

    @classmethod
    def of(cls, row: Floats, data: Dataset) -> NewRow:
        """Compare a row (feature,) with all rows of the data.

        Of rows with the same values a training row is named first.
        """
        parts, kind = (data.train, data.validation, data.test), kind_of(data.schema)
        same = [number for part in parts for number in part.instance_ids[_equals(part.inputs, row)]]
        pairs = zip(kind.parameters(row[None]), kind.parameters(data.train.inputs), strict=True)
        strange, missing = list[StrangeValue](), list[str]()
        for own, seen in pairs:
            if not len(own.known) and len(seen.known) == len(seen.values):
                missing.append(own.feature.label)
            elif own.outside(seen.known):
                value = own.feature.display(float(own.values[0]))
                strange.append(StrangeValue(own.feature.label, value, *seen.ends))
        return cls(next(map(int, same), None), strange, missing, len(data.train))


def _equals(rows: Floats, row: Floats) -> Bools:
    """(row,) whether all values are those of `row`; missing ones are equal."""
    return np.asarray(((rows == row) | (np.isnan(rows) & np.isnan(row))).all(axis=1))
