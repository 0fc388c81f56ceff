"""From arrays of images, series or numbers to an `EncodedTable`, then split and described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Attribute, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.datasets.assembly.assemble import EncodedTable, TableSource, assemble
from deepseek_report.datasets.assembly.targets import TargetRule
from deepseek_report.datasets.card.data_card import Description
from deepseek_report.datasets.split.splitting import GroupConstraint, SplitRule

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
