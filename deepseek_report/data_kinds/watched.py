"""What is watched of new cases of a kind of data, to tell whether they are like earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.schema import Feature


@dataclass(frozen=True)
class Quantity:
    """Something that every case has one value of.

    key : names it among the quantities of these data. label : what people call it.
    feature : whose unit or categories the values have. values : (case,) NaN is missing.
    """

    key: str
    label: Text
    feature: Feature
    values: Floats

    @property
    def known(self) -> Floats:
        """The values that are not missing."""
        return self.values[~np.isnan(self.values)]

    def outside(self, reference: Floats) -> int:
        """How many values lie outside of those of a reference, or are categories it has not."""
        known = self.known
        seen = reference[~np.isnan(reference)]
        if not len(seen):
            return len(known)
        if not self.feature.is_numeric:
            return int((~np.isin(known, seen)).sum())
        return int(((known < seen.min()) | (known > seen.max())).sum())
