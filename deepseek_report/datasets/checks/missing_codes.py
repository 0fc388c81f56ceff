"""Numbers that probably mean that a value is missing, such as -3.4e38 or -999."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.card.data_card import DataFacts

#: From here on a number counts alone: no quantity is so large, and float32 ends there.
_BEYOND_QUANTITIES = 1e30
#: Below that the value must repeat, and lie so many times the range of all others away from them;
#: these must be so many different ones that their range says something.
_LEAST_ROWS, _RANGES_AWAY, _LEAST_VALUES = 2, 5.0, 10


@dataclass(frozen=True)
class MissingCode:
    """A suspected code: the feature's name and label, the number, and in how many rows it is."""

    feature: str
    label: str
    value: float
    rows: int


def suspected_codes(values: NDArray[np.float64]) -> list[tuple[float, int]]:
    """The numbers of a column that probably mean "missing", each with its number of rows.

    Looked at are the two ends of the column. An end is suspected if its size is 1e30 or more; or if
    it stands in two rows or more and lies farther from the next number than five times the range of
    all others, which are ten different ones or more.

    values : (row,); NaN counts as missing already.
    """
    known = values[np.isfinite(values)]
    different, counts = np.unique(known, return_counts=True)
    suspected = []
    huge = np.abs(different) >= _BEYOND_QUANTITIES
    suspected += [(float(v), int(n)) for v, n in zip(different[huge], counts[huge], strict=True)]
    rest, counts = different[~huge], counts[~huge]
    for end, others in ((0, rest[1:]), (-1, rest[:-1])):
        if len(others) < _LEAST_VALUES or counts[end] < _LEAST_ROWS:
            continue
        away = np.abs(others - rest[end]).min()
        if away > _RANGES_AWAY * np.ptp(others):
            suspected.append((float(rest[end]), int(counts[end])))
    return suspected


def missing_codes(facts: DataFacts) -> list[DataIssue]:
    """One issue for all numbers that probably mean "missing"."""
    codes = list(_codes(facts))
    if not codes:
        return []
    worst = max(codes, key=lambda code: code.rows)
    return [
        DataIssue(
            "missing_codes",
            "high" if any(abs(code.value) >= _BEYOND_QUANTITIES for code in codes) else "medium",
            message(
                "data.missing_codes.text",
                n=len(codes),
                features=len({code.feature for code in codes}),
                feature=worst.label,
                value=worst.value,
                rows=worst.rows,
                of=len(facts.whole),
            ),
            {"codes": [vars(code) for code in codes]},
            message("data.missing_codes.do"),
        )
    ]


def _codes(facts: DataFacts) -> Iterator[MissingCode]:
    for i, feature in enumerate(facts.schema.features):
        if feature.kind == "numeric":
            for value, rows in suspected_codes(facts.whole.inputs[:, i]):
                yield MissingCode(feature.name, feature.label, value, rows)
