"""What the filter of a run knows: the data and decisions behind it, and what must not be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import Among, Privacy
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.split import PARTS, Dataset
from deepseek_report.metrics.cases.case_choice import NAMED
from deepseek_report.privacy.withheld import Withheld
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Outside of these shares a quantile is too near to the values of single instances.
TAIL = 0.01


@dataclass(frozen=True)
class RunSource:
    """The data, the decisions and the cases of a run, as the store holds them.

    floor : so many rows may be told of: they are surely of `privacy.floor` entities, where such are
        declared.
    named : {number on the case pages, from 0: (position in the test part, place in the pages of the
        metric `cases`)} of the cases that the config names.
    """

    privacy: Privacy
    dataset: Dataset
    predictions: Predictions | None
    floor: int
    withheld: Withheld
    named: Mapping[int, tuple[int, int]]

    @classmethod
    def of(cls, data: Path, predictions: Path | None, privacy: Privacy) -> RunSource:
        return _source(data, predictions, privacy)

    @cached_property
    def whole(self) -> Floats:
        """(instance, feature) the inputs of all parts."""
        return np.concatenate([getattr(self.dataset, part).inputs for part in PARTS])

    @cached_property
    def outputs(self) -> Floats:
        """(instance,) what the model said of the test part: a number or a probability."""
        p = self.predictions
        if p is None or not len(p):
            return np.zeros(0)
        return task_of(self.dataset.schema.target).stated(p)

    def middle(self, values: Floats) -> tuple[float, float]:
        """The ends of the middle 98 % of the values, or less where fewer than `floor` lie outside.

        Both are rounded to three digits, so that they are the values of nobody; NaN for no values.
        """
        known = values[~np.isnan(values)]
        if not len(known):
            return float("nan"), float("nan")
        tail = min(max(TAIL, self.floor / len(known)), 0.5)
        low, high = np.quantile(known, [tail, 1 - tail])
        return three_digits(float(low)), three_digits(float(high))

    def size(self, among: Among) -> int:
        """How many instances of the test part there are, with or without the explained class."""
        labels, explained = self.dataset.test.labels, self.dataset.schema.target.explained
        if among == "all":
            return len(labels)
        inside = labels == explained if among == "explained" else labels != explained
        return int(inside.sum())

    def is_small(self, n: Any) -> bool:
        """Whether so few instances must not be told."""
        return n is not None and not isinstance(n, bool) and 0 < float(n) < self.floor


def three_digits(value: float) -> float:
    """The value rounded to three significant digits."""
    return float(f"{value:.3g}")


@lru_cache(maxsize=2)
def _source(data: Path, predictions: Path | None, privacy: Privacy) -> RunSource:
    dataset = Dataset.load(data)
    predicted = Predictions.load(predictions / "test") if predictions else None
    cases = Cases.load(predictions / "cases") if predictions else None
    named = dict(_named(cases)) if cases and privacy.level == "cases" else {}
    parts = [getattr(dataset, part) for part in PARTS]
    floor = Resampling.across(parts).rows_surely_of(privacy.floor)
    withheld = Withheld.of(dataset, predicted, floor)
    return RunSource(privacy, dataset, predicted, floor, withheld, named)


def _named(cases: Cases) -> list[tuple[int, tuple[int, int]]]:
    pages = [
        (page, int(cases.explained[place]))
        for page, (role, place) in enumerate(cases.roles.items())
        if role.startswith(NAMED)
    ]
    return [(number, (position, page)) for number, (page, position) in enumerate(pages)]
