"""Series: readings of one or several channels, step by step, of which a window is a player."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.data_kinds.glance import STEPS, Glance, shrunk
from deepseek_report.data_kinds.grid import Grid
from deepseek_report.data_kinds.players import n_players
from deepseek_report.data_kinds.watched import Quantity


class SeriesKind(Grid):
    """Series of at most so many steps; a window that is taken away gets the typical course."""

    name: ClassVar[str] = "series"
    views: ClassVar[tuple[str, ...]] = ("curves",)
    changes: ClassVar[tuple[str, ...]] = ("shift", "add", "times")
    axes: ClassVar[tuple[str, ...]] = ("step",)
    may_end: ClassVar[bool] = True
    one_line: ClassVar[bool] = True
    most_shift: ClassVar[int] = 5
    player: ClassVar[str] = "window"
    becomes: ClassVar[str] = "the typical course"
    cells: ClassVar[str] = "steps"

    def glance(self, row: Floats) -> Glance:
        """The course of the first channel."""
        return Glance(course=shrunk(row.reshape(self.shape)[:, 0], STEPS))

    def watched(self, rows: Floats) -> list[Quantity]:
        """Of each channel mean, spread, extremes, largest step, and how many readings are missing.

        Readings at fixed steps are not: a pattern that comes a little later is no drift.
        """
        series = rows.reshape(len(rows), *self.shape)
        return [
            quantity
            for channel in range(self.shape[1])
            for quantity in self._watched(series[:, :, channel], channel)
        ]

    def _watched(self, readings: Floats, channel: int) -> list[Quantity]:
        """Of (case, step) readings of one channel."""
        name, unit = self.layout.channel(channel), self.schema.features[channel].unit
        with warnings.catch_warnings():  # a series without any reading has none of these
            warnings.simplefilter("ignore", RuntimeWarning)
            steps = np.abs(np.diff(readings, axis=1))
            summaries = (
                (message("kinds.series.watched.mean", channel=name), np.nanmean(readings, 1)),
                (message("kinds.series.watched.spread", channel=name), np.nanstd(readings, 1)),
                (message("kinds.series.watched.lowest", channel=name), np.nanmin(readings, 1)),
                (message("kinds.series.watched.highest", channel=name), np.nanmax(readings, 1)),
                (message("kinds.series.watched.step", channel=name), np.nanmax(steps, 1)),
                (
                    message("kinds.series.watched.missing", channel=name),
                    np.isnan(readings).sum(axis=1).astype(np.float64),
                ),
            )
        keys = ("mean", "spread", "lowest", "highest", "step", "missing")
        return [
            Quantity(f"{name} {key}", label, Feature(key, key, "numeric", unit=unit), values)
            for key, (label, values) in zip(keys, summaries, strict=True)
        ]

    def columns_called(self, name: str) -> Ints:
        """Those of a channel, or of a single step."""
        steps, n_channels = self.shape
        names = [self.layout.channel(channel).lower() for channel in range(n_channels)]
        if name.lower() not in names:
            return super().columns_called(name)
        return np.arange(steps, dtype=np.int64) * n_channels + names.index(name.lower())

    def summary(self) -> Text:
        steps, channels = self.shape
        players = n_players(self.schema)
        return message("kinds.series.summary", steps=steps, channels=channels, players=players)
