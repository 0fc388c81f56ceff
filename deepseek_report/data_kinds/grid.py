"""Images and series: inputs that lie on a grid of places and channels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.data_kinds import base
from deepseek_report.data_kinds.coalitions import n_players

#: What the summaries of a series are called in sentences, where that is not their key.
_SUMMARIES = {
    "lowest": "lowest reading",
    "highest": "highest reading",
    "step": "largest step",
    "missing": "number of missing readings",
}


class Grid(base.DataKind):
    """Inputs whose columns are the cells of a grid, and whose players are blocks of cells.

    cells : what these are called in the label of a disturbance.
    """

    structure: ClassVar[base.Structure] = "grid"
    shown_as_mean: ClassVar[bool] = True
    cells: ClassVar[str]

    def distances(self, rows: Floats, train: Floats) -> list[Floats]:
        """Euclidean distances, divided by the greatest."""
        apart = [np.sqrt(np.nansum((train - row) ** 2, axis=1)) for row in rows]
        greatest = max((float(distances.max()) for distances in apart), default=0.0) or 1.0
        return [distances / greatest for distances in apart]

    def disturbances(self) -> tuple[base.Disturbance, ...]:
        """Noise alone."""
        if not any(feature.is_numeric for feature in self.schema.features):
            return ()
        label = f"noise on {self.cells}"
        return (base.Disturbance("noise", label, "noise", self._noisy),)

    def _noisy(
        self, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
    ) -> Floats:
        return base.add_noise(self.schema, inputs, train, level, rng)

    def of_channel(
        self, named: Mapping[str, Floats], channel: int, channels: int
    ) -> list[base.Quantity]:
        """Quantities (case,) of one of several channels, by their names in sentences."""
        unit = self.schema.features[channel].unit
        of = f" of {self.layout.channel(channel)}" if channels > 1 else ""
        return [
            base.Quantity(
                f"{name}{of}", f"{name}{of}", Feature(name, name, "numeric", unit=unit), values
            )
            for name, values in named.items()
        ]

    def display(self, row: Floats, player: int) -> str:
        """The value of a player of one cell, the mean of the known cells of a larger one."""
        columns = np.flatnonzero(self.schema.owners == player)
        values = row[columns]
        values = values[~np.isnan(values)]
        first: Feature = self.schema.features[columns[0]]
        if len(columns) == 1 or not len(values):
            return first.display(float(row[columns[0]]))
        return "mean " + first.display(float(values.mean()))


class ImageKind(Grid):
    """Images of one size; a patch that is taken away gets the typical pixels of that place."""

    name: ClassVar[str] = "image"
    views: ClassVar[tuple[str, ...]] = ("raster",)
    changes: ClassVar[tuple[str, ...]] = ("rotate", "flip", "shift", "add", "times")
    axes: ClassVar[tuple[str, ...]] = ("row", "column")
    neighbours: ClassVar[int] = 1
    most_shift: ClassVar[int] = 1
    player: ClassVar[str] = "patch"
    becomes: ClassVar[str] = "typical pixels"
    cells: ClassVar[str] = "pixels"

    def glance(self, row: Floats) -> base.Glance:
        """A smaller image, each of whose pixels is the mean of a block."""
        image = row.reshape(self.shape)
        across = max(1, -(-max(image.shape[:2]) // base.SIDE))
        rows, columns = (-(-side // across) for side in image.shape[:2])
        return base.Glance(
            pixels=base.shrunk(base.shrunk(image, rows).swapaxes(0, 1), columns).swapaxes(0, 1)
        )

    def parameters(self, rows: Floats) -> list[base.Quantity]:
        """Of each channel brightness, contrast, extremes, and the mean step between neighbours."""
        images = rows.reshape(len(rows), *self.shape)
        return [
            quantity
            for channel in range(self.shape[2])
            for quantity in self._measured(images[..., channel], channel)
        ]

    def _measured(self, pixels: Floats, channel: int) -> list[base.Quantity]:
        """Of (case, row, column) pixels of one channel."""
        steps = [np.abs(np.diff(pixels, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
        named = {
            "brightness": pixels.mean(axis=(1, 2)),
            "contrast": pixels.std(axis=(1, 2)),
            "darkest pixel": pixels.min(axis=(1, 2)),
            "brightest pixel": pixels.max(axis=(1, 2)),
            "sharpness": np.mean(steps, axis=0),
        }
        return self.of_channel(named, channel, self.shape[2])

    def summary(self) -> Text:
        rows, columns, channels = self.shape
        size = {"rows": rows, "columns": columns, "channels": channels}
        return message("kinds.image.summary", players=n_players(self.schema), **size)


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

    def glance(self, row: Floats) -> base.Glance:
        """The course of the first channel."""
        return base.Glance(course=base.shrunk(row.reshape(self.shape)[:, 0], base.STEPS))

    def watched(self, rows: Floats) -> list[base.Quantity]:
        """Of each channel mean, spread, extremes, largest step, and how many readings are missing.

        Readings at fixed steps are not: a pattern that comes a little later is no drift.
        """
        series = rows.reshape(len(rows), *self.shape)
        return [
            quantity
            for channel in range(self.shape[1])
            for quantity in self._watched(series[:, :, channel], channel)
        ]

    def _watched(self, readings: Floats, channel: int) -> list[base.Quantity]:
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
            base.Quantity(f"{name} {key}", label, Feature(key, key, "numeric", unit=unit), values)
            for key, (label, values) in zip(keys, summaries, strict=True)
        ]

    def parameters(self, rows: Floats) -> list[base.Quantity]:
        """What is watched, with labels that name the channel where there are several."""
        watched, channels = self.watched(rows), self.shape[1]
        count = len(watched) // channels
        return [
            quantity
            for channel in range(channels)
            for quantity in self.of_channel(
                {
                    _SUMMARIES.get(known.feature.name, known.feature.name): known.values
                    for known in watched[channel * count : (channel + 1) * count]
                },
                channel,
                channels,
            )
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
