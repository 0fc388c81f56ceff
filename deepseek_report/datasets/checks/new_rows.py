"""New rows beside the data of a model: who has the same values, and which values nobody has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Dataset
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Quantity


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
    def of(cls, row: Floats, data: Dataset, schema: Schema) -> NewRow:
        """Compare a row (feature,) with all rows of the data; schema : in the words of the reader.

        Of rows with the same values a training row is named first.
        """
        everyone, kind = data.every_part, kind_of(schema)
        same = everyone.instance_ids[_equals(everyone.inputs, row)].tolist()
        pairs = zip(kind.parameters(row[None]), kind.parameters(data.train.inputs), strict=True)
        strange, missing = list[StrangeValue](), list[str]()
        for own, seen in pairs:
            if not len(own.known) and len(seen.known) == len(seen.values):
                missing.append(own.feature.label)
            elif own.outside(seen.known):
                strange.append(_strange(own, seen.known))
        return cls(next(iter(same), None), strange, missing, len(data.train))


def _equals(rows: Floats, row: Floats) -> Bools:
    """(row,) whether all values are those of `row`; missing ones are equal."""
    return np.asarray(((rows == row) | (np.isnan(rows) & np.isnan(row))).all(axis=1))


def _strange(own: Quantity, seen: Floats) -> StrangeValue:
    """A value beside the known ones of the training part (row,)."""
    feature = own.feature
    ends = [seen.min(), seen.max()] if feature.is_numeric and len(seen) else []
    shown = [feature.display(float(value)) for value in (own.values[0], *ends)]
    return StrangeValue(feature.label, *shown)
