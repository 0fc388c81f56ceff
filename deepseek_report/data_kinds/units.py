"""What the importance of a model is summed up for: features, patches, windows, or words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Units:
    """The things whose importance is told, each with the attributions that it got.

    names, labels : of each. values : for each the attributions of the instances that have it.
    rows : for each the instances that these belong to.
    """

    names: list[str]
    labels: list[str]
    values: list[NDArray[np.float64]]
    rows: list[NDArray[np.int64]]

    def within(self, chosen: NDArray[np.bool_], units: list[int]) -> Units:
        """Some units, in some instances alone."""
        return Units(
            [self.names[k] for k in units],
            [self.labels[k] for k in units],
            [self.values[k][chosen[self.rows[k]]] for k in units],
            [self.rows[k][chosen[self.rows[k]]] for k in units],
        )
