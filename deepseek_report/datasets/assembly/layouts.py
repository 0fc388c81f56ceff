"""Images and series as columns: their features, and which columns are explained as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.rounding import DASH
from deepseek_report.artifacts.schema import Attribute, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.datasets.assembly.assemble import EncodedTable, TableSource, assemble
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.assembly.targets import TargetRule
from deepseek_report.datasets.data_card import Description
from deepseek_report.datasets.splitting import GroupConstraint, SplitRule


@dataclass(frozen=True)
class Cuts:
    """Upper left corners of square patches, and the part of the picture that each belongs to.

    rows, columns : (patch,) in pixels. parts : (patch,) position in `PARTS`.
    """

    rows: Ints
    columns: Ints
    parts: Ints

    def take(self, positions: Ints) -> Cuts:
        return Cuts(self.rows[positions], self.columns[positions], self.parts[positions])

    def of(self, picture: NDArray[np.generic], size: int) -> NDArray[np.generic]:
        """(patch, row, column, …) the patches of a picture (row, column, …)."""
        steps = np.arange(size)
        rows = (self.rows[:, None] + steps)[:, :, None]
        return np.asarray(picture[rows, (self.columns[:, None] + steps)[:, None, :]])


def bands(length: int, rule: SplitRule, gap: int) -> list[tuple[int, int]]:
    """[start, end) of the training, validation and test band along one side, `gap` apart.

    The bands share the length without the two gaps by the shares of the rule; test is last.
    """
    ends = np.cumsum(rule.shares) * (length - 2 * gap)
    starts = [0.0, *ends[:-1]]
    return [
        (round(start) + part * gap, round(end) + part * gap)
        for part, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def cut(
    shape: tuple[int, int], size: int, strides: tuple[int, int, int], places: list[tuple[int, int]]
) -> Cuts:
    """Every patch that lies whole in one band of columns, by the stride of its part.

    shape : (row, column) of the picture. size : side of a patch. strides : distance of
        neighbouring patches in each part. places : from `bands`.

    Raises DataError: a band is narrower than a patch.
    """
    corners = []
    for part, ((start, end), stride) in enumerate(zip(places, strides, strict=True)):
        if end - start < size or shape[0] < size:
            raise data_error(
                "dataset",
                f"a part of the picture is {min(end - start, shape[0])} pixels wide",
                f"at least {size} pixels",
                "lower `dataset.size`, or give each part a larger share",
            )
        rows = np.arange(0, shape[0] - size + 1, stride)
        columns = np.arange(start, end - size + 1, stride)
        grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        corners.append(np.column_stack([grid, np.full(len(grid), part)]))
    whole = np.concatenate(corners)
    return Cuts(whole[:, 0], whole[:, 1], whole[:, 2])


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
            f"{_span('row', *high)} × {_span('column', *wide)}" for high, wide in pairs
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
        player_labels=tuple(_of(channels, channel) + _span("step", *run) for channel, run in pairs),
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


def _span(noun: str, start: int, end: int) -> str:
    """`rows 1–4`, `step 7`: counted from 1, both ends included."""
    if end - start == 1:
        return f"{noun} {end}"
    return f"{noun}s {start + 1}{DASH}{end}"


# From arrays of images, series or numbers to an `EncodedTable`, then split and described.

Groups = Mapping[str, Ints]


@dataclass(frozen=True)
class Arrays:
    """All instances of a source that is no table of named columns.

    values : (instance, …); flattened in C order it is `Split.inputs`, one column a feature.
    labels, all_labels, truth, groups : as in `Split`; truth may have the shape of the values, or
        lack their last axis, in which case it holds for all channels.
    features : one a column. layout : None for wide tables. notes : sentences for the card.
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
    notes: tuple[Text, ...] = ()

    def table(self) -> EncodedTable:
        """The same instances as columns."""
        n = len(self.values)
        rows = Split(
            inputs=np.asarray(self.values, dtype=np.float64).reshape(n, -1),
            labels=self.labels,
            instance_ids=np.arange(n),
            groups=dict(self.groups),
            all_labels=self.all_labels,
            truth=_flat(self.truth, self.values.shape),
        )
        schema = Schema(self.features, self.target, self.attributes, self.layout)
        return EncodedTable(schema, rows, self.notes, self.together)


def _flat(truth: Bools | None, shape: tuple[int, ...]) -> Bools | None:
    if truth is None:
        return None
    whole = truth if truth.shape == shape else np.broadcast_to(truth[..., None], shape)
    return np.ascontiguousarray(whole).reshape(len(whole), -1)


@dataclass(frozen=True)
class Origin:
    """Which file the arrays come from, and what is known about it."""

    file: str
    sha256: str
    description: Description


def as_dataset(arrays: Arrays, origin: Origin, rule: SplitRule, seed: int) -> Dataset:
    """Choose instances, split them, describe and check them, as for a table.

    Raises DataError: too few instances of a class for three parts.
    """
    source = TableSource(
        file=origin.file,
        sha256=origin.sha256,
        description=origin.description,
        columns={},
        target=TargetRule(arrays.target.name),
    )
    return assemble(arrays.table(), source, rule, seed)


def load_arrays(
    make: Callable[[], Arrays], origin: Origin, rule: SplitRule, seed: int, progress: Progress
) -> Dataset:
    """Read images or series, and make a data set of them, step by step.

    Raises DataError: the source is not there, or too few of a class for three parts.
    """
    progress.start("Load the data", 2)
    arrays = make()
    progress.advance()
    dataset = as_dataset(arrays, origin, rule, seed)
    progress.advance()
    return dataset
