"""Series: readings of one or several channels, step by step, of which a window is a player."""

from __future__ import annotations

from typing import ClassVar

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Text, message
from deepseek_report.data_kinds.glance import STEPS, Glance, shrunk
from deepseek_report.data_kinds.grid import Grid
from deepseek_report.data_kinds.players import n_players


class SeriesKind(Grid):
    """Series of at most so many steps; a window that is taken away gets the typical course."""

    name: ClassVar[str] = "series"
    views: ClassVar[tuple[str, ...]] = ("curves",)
    axes: ClassVar[tuple[str, ...]] = ("step",)
    may_end: ClassVar[bool] = True
    most_shift: ClassVar[int] = 5
    player: ClassVar[str] = "window"
    becomes: ClassVar[str] = "the typical course"
    cells: ClassVar[str] = "steps"

    def glance(self, row: Floats) -> Glance:
        """The course of the first channel."""
        return Glance(course=shrunk(row.reshape(self.shape)[:, 0], STEPS))

    def summary(self) -> Text:
        steps, channels = self.shape
        players = n_players(self.schema)
        return message("kinds.series.summary", steps=steps, channels=channels, players=players)
