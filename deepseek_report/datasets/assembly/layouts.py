"""Images and series as columns: their features, and which columns are explained as one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.rounding import span
from deepseek_report.artifacts.schema import Attribute, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.datasets.assembly.assemble import EncodedTable, Origin, assemble, with_metadata
from deepseek_report.datasets.assembly.row_metadata import RowMetadata
from deepseek_report.datasets.data_card import Description
from deepseek_report.datasets.splitting import GroupConstraint, Shares, SplitRule

#: What the channels of an image are called, by how many there are.
CHANNELS: dict[int, tuple[str, ...]] = {1: ("grey",), 3: ("red", "green", "blue")}


def image_layout(shape: tuple[int, int, int], patch: int) -> Layout:
    """The layout of images whose players are square patches over all channels.

    shape : (row, column, channel), of 1 or 3 channels.
    patch : side of a patch in pixels; patches at the right and lower edge are smaller where the
        side does not divide the image.
    """
    places = np.arange(int(np.prod(shape))).reshape(shape)
    rows, columns = _runs(shape[0], patch), _runs(shape[1], patch)
    pairs = [(high, wide) for high in rows for wide in columns]
    return Layout(
        modality="image",
        shape=shape,
        players=tuple(_columns(places[a:b, c:d]) for (a, b), (c, d) in pairs),
        player_labels=tuple(
            f"{span('row', *high)} × {span('column', *wide)}" for high, wide in pairs
        ),
        channels=CHANNELS[shape[2]],
    )


def series_layout(steps: int, channels: Sequence[str], window: int) -> Layout:
    """The layout of series whose players are windows of one channel, channel after channel.

    steps : length of a series. channels : their labels. window : steps of a window; the last one
        of a channel is shorter where the window does not divide the series.
    """
    shape = (steps, len(channels))
    places = np.arange(steps * len(channels)).reshape(shape)
    pairs = [(channel, run) for channel in range(len(channels)) for run in _runs(steps, window)]
    return Layout(
        modality="series",
        shape=shape,
        players=tuple(_columns(places[a:b, channel]) for channel, (a, b) in pairs),
        player_labels=tuple(_of(channels, place) + span("step", *run) for place, run in pairs),
        channels=tuple(channels),
    )


def pixels(shape: tuple[int, int, int]) -> tuple[Feature, ...]:
    """One feature a pixel and channel, in C order; rows and columns count from 1."""
    return tuple(
        Feature(
            name=f"r{row}_c{column}" + (f"_{channel}" if shape[2] > 1 else ""),
            label=f"row {row}, column {column}" + (f", {channel}" if shape[2] > 1 else ""),
            kind="numeric",
            mutable=False,
        )
        for row in range(1, shape[0] + 1)
        for column in range(1, shape[1] + 1)
        for channel in CHANNELS[shape[2]]
    )


def moments(
    steps: int, channels: Sequence[str], units: Sequence[str | None]
) -> tuple[Feature, ...]:
    """One feature a step and channel, in C order; steps count from 1."""
    return tuple(
        Feature(
            name=f"t{step}" + (f"_{channel}" if len(channels) > 1 else ""),
            label=_of(channels, position) + f"step {step}",
            kind="numeric",
            unit=units[position],
            mutable=False,
        )
        for step in range(1, steps + 1)
        for position, channel in enumerate(channels)
    )


def _of(channels: Sequence[str], position: int) -> str:
    return f"{channels[position]}, " if len(channels) > 1 else ""


def _columns(places: Ints) -> tuple[int, ...]:
    return tuple(places.ravel().tolist())


def _runs(length: int, size: int) -> list[tuple[int, int]]:
    """[start, end) of neighbouring runs; the last one ends at the length."""
    return [(start, min(start + size, length)) for start in range(0, length, size)]


# From arrays of images, series or numbers to an `EncodedTable`, then split and described.

Groups = Mapping[str, Ints]


@dataclass(frozen=True)
class Arrays:
    """All instances of a source that is no table of named columns.

    values : (instance, …); flattened in C order it is `Split.inputs`, one column a feature.
    labels, all_labels, truth, groups : as in `Split`; truth may have the shape of the values, or
        lack their last axis, in which case it holds for all channels.
    features : one a column. layout : None for wide tables. notes : sentences for the card.
    metadata : of all rows, in place of `together`, where their moments are known.
    """

    values: Floats
    labels: Ints | Floats
    target: Target
    features: tuple[Feature, ...]
    layout: Layout | None = None
    attributes: tuple[Attribute, ...] = ()
    groups: Groups = field(default_factory=dict)
    all_labels: Ints | None = None
    truth: Bools | None = None
    together: GroupConstraint = field(default_factory=GroupConstraint)
    metadata: RowMetadata | None = None
    notes: tuple[Text, ...] = ()

    def table(self, rule: SplitRule) -> EncodedTable:
        """The same instances as columns."""
        n, shape, truth = len(self.values), self.values.shape, self.truth
        if truth is not None:
            whole = truth if truth.shape == shape else np.broadcast_to(truth[..., None], shape)
            truth = np.ascontiguousarray(whole).reshape(n, -1)
        rows = Split(
            inputs=np.asarray(self.values, dtype=np.float64).reshape(n, -1),
            labels=self.labels,
            instance_ids=np.arange(n),
            groups=dict(self.groups),
            all_labels=self.all_labels,
            truth=truth,
        )
        schema = Schema(self.features, self.target, self.attributes, self.layout)
        table = EncodedTable(schema, rows, self.notes, self.together)
        return table if self.metadata is None else with_metadata(table, self.metadata, rule)


@dataclass(frozen=True)
class ArraySource(Shares, ABC):
    """Base of the data sets that are made here of arrays, be they drawn or of a package.

    about : what the card says of them.
    """

    about: ClassVar[Description]

    def problems(self) -> list[str]:
        return self.rule.problems()

    @property
    def sector(self) -> str:
        return self.about.sector

    @property
    def file_name(self) -> str:
        """What the card calls the file that is read."""
        return "generated, no file"

    @abstractmethod
    def source_digest(self) -> str:
        """Hash of what is read, or of what is drawn; the seed is part of the run."""

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Make the arrays, split, describe and check them.

        Raises DataError: a source is not there, or too few of a class for three parts.
        """
        progress.start("Load the data", 2)
        arrays, sha256 = self._read(seed)
        progress.advance()
        origin = Origin(self.file_name, sha256, self.about)
        dataset = assemble(arrays.table(self.rule), origin, self.rule, seed)
        progress.advance()
        return dataset

    def _read(self, seed: int) -> tuple[Arrays, str]:
        """The arrays, and the hash of the very bytes that they were made of."""
        return self._arrays(seed), self.source_digest()

    def _arrays(self, seed: int) -> Arrays:
        """All instances."""
        raise NotImplementedError
