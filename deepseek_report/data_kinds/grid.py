"""What images and series share: measured cells on a grid, with channels as the last axis."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature
from deepseek_report.data_kinds.base import DataKind, Structure
from deepseek_report.data_kinds.disturbances import Disturbance, add_noise


class Grid(DataKind):
    """Inputs whose columns are the cells of a grid, and whose players are blocks of cells.

    cells : what these are called in the label of a disturbance.
    """

    structure: ClassVar[Structure] = "grid"
    shown_as_mean: ClassVar[bool] = True
    cells: ClassVar[str]

    def distances(self, rows: Floats, train: Floats) -> list[Floats]:
        """Euclidean distances, divided by the greatest."""
        apart = [np.sqrt(np.nansum((train - row) ** 2, axis=1)) for row in rows]
        greatest = max((float(distances.max()) for distances in apart), default=0.0) or 1.0
        return [distances / greatest for distances in apart]

    def disturbances(self) -> tuple[Disturbance, ...]:
        """Noise alone."""
        if not any(feature.is_numeric for feature in self.schema.features):
            return ()
        label = f"noise on {self.cells}"
        return (Disturbance("noise", label, "noise", self._noisy),)

    def _noisy(
        self, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
    ) -> Floats:
        return add_noise(self.schema, inputs, train, level, rng)

    def display(self, row: Floats, player: int) -> str:
        """The value of a player of one cell, the mean of the known cells of a larger one."""
        columns = np.flatnonzero(self.schema.owners == player)
        values = row[columns]
        values = values[~np.isnan(values)]
        first: Feature = self.schema.features[columns[0]]
        if len(columns) == 1 or not len(values):
            return first.display(float(row[columns[0]]))
        return "mean " + first.display(float(values.mean()))
