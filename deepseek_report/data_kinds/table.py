"""Tables: every column is a feature, and a player, with a name, a unit and a meaning of its own."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from deepseek_report.data_kinds.base import Array, Bools, DataKind, Structure
from deepseek_report.data_kinds.disturbances import (
    Disturbance,
    add_noise,
    drop_values,
    swap_categories,
)
from deepseek_report.data_kinds.kind_words import KindWords
from deepseek_report.data_kinds.reference import gower_distances, ranges


class TableKind(DataKind):
    """Rows of named columns."""

    name: ClassVar[str] = "table"
    structure: ClassVar[Structure] = "columns"
    views: ClassVar[tuple[str, ...]] = ("values",)
    named_columns: ClassVar[bool] = True
    compared_with: ClassVar[Literal["background", "baseline"]] = "background"
    idle_players: ClassVar[bool] = False
    evidence_is_there: ClassVar[bool] = False
    words: ClassVar[KindWords] = KindWords(
        plural="tables",
        instance=("row", "rows"),
        place=("number", "numbers"),
        player="feature",
        becomes="typical value",
        removed="made typical",
        baseline="median or mode of the training part",
        replaced="Features are replaced by the typical value one by one, so some of the rows that "
        "the model is asked about are implausible; a method that starts from the same typical row, "
        "such as integrated gradients, is favoured by this choice.",
        nearest="Nearest training cases are those of least Gower distance over all features alike, "
        "whether or not the model uses them; numbers are scaled by the range of the middle 98 % of "
        "training rows.",
        noise="noise is in robust standard deviations of the training part (distance between the "
        "quartiles / 1.349, or the standard deviation where that is 0) and stays within the "
        "training range",
    )

    @property
    def player_names(self) -> list[str]:
        return self.schema.names

    def known(self, rows: Array) -> Bools:
        return np.ones(rows.shape, dtype=bool)

    def distances(self, rows: Array, train: Array) -> list[Array]:
        """Gower's distance over all features alike."""
        scale = ranges(train, self.schema)
        return [gower_distances(train, row, scale, self.schema) for row in rows]

    def disturbances(self) -> tuple[Disturbance, ...]:
        """Noise on numbers, categories drawn again, and values lost."""
        numeric = [feature.is_numeric for feature in self.schema.features]
        noise = Disturbance("noise", "noise on numbers", "noise", self._noisy)
        swap = Disturbance("swap", "categories drawn anew", "swaps", self._swapped)
        missing = Disturbance("missing", "values missing", "missing", self._missing)
        return (
            *([noise] if any(numeric) else []),
            *([] if all(numeric) else [swap]),
            missing,
        )

    def _noisy(self, inputs: Array, train: Array, level: float, rng: np.random.Generator) -> Array:
        return add_noise(self.schema, inputs, train, level, rng)

    def _swapped(
        self, inputs: Array, train: Array, level: float, rng: np.random.Generator
    ) -> Array:
        return swap_categories(self.schema, inputs, train, level, rng)

    def _missing(
        self, inputs: Array, train: Array, level: float, rng: np.random.Generator
    ) -> Array:
        del train
        return drop_values(inputs, level, rng)

    def display(self, row: Array, player: int) -> str:
        return self.schema.features[player].display(float(row[player]))

    def with_noun(self, label: str) -> str:
        """The label alone: a feature's name says what it is."""
        return label

    def headline(self, label: str, display: str) -> str:
        """`“Age: 34 years”`."""
        return f"“{label}: {display}”" if display else f"“{label}”"

    def summary(self) -> str:
        return ""
