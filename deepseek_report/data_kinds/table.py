"""Tables: every column is a feature, and a player, with a name, a unit and a meaning of its own."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.message import Text
from deepseek_report.data_kinds import base


class TableKind(base.DataKind):
    """Rows of named columns."""

    name: ClassVar[str] = "table"
    structure: ClassVar[base.Structure] = "columns"
    views: ClassVar[tuple[str, ...]] = ("values",)
    changes: ClassVar[tuple[str, ...]] = ("add", "times")
    named_columns: ClassVar[bool] = True
    one_line: ClassVar[bool] = True
    compared_with: ClassVar[Literal["background", "baseline"]] = "background"
    idle_players: ClassVar[bool] = False
    evidence_is_there: ClassVar[bool] = False
    player: ClassVar[str] = "feature"
    becomes: ClassVar[str] = "typical value"

    @property
    def player_names(self) -> list[str]:
        return self.schema.names

    def known(self, rows: Floats) -> Bools:
        return np.ones(rows.shape, dtype=bool)

    def distances(self, rows: Floats, train: Floats) -> list[Floats]:
        """Gower's distance over all features alike."""
        scale = base.ranges(train, self.schema)
        return [base.gower_distances(train, row, scale, self.schema) for row in rows]

    def disturbances(self) -> tuple[base.Disturbance, ...]:
        """Noise on numbers, categories drawn again, and values lost."""
        numeric = [feature.is_numeric for feature in self.schema.features]
        add_noise, draw_anew = (
            partial(change, self.schema) for change in (base.add_noise, base.swap_categories)
        )
        noise = base.Disturbance("noise", "noise on numbers", "noise", add_noise)
        swap = base.Disturbance("swap", "categories drawn anew", "swaps", draw_anew)
        missing = base.Disturbance("missing", "values missing", "missing", base.drop_values)
        return (*([noise] if any(numeric) else []), *([] if all(numeric) else [swap]), missing)

    def display(self, row: Floats, player: int) -> str:
        return self.schema.features[player].display(float(row[player]))

    def summary(self) -> Text:
        return ""
