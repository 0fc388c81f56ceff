"""What a data set promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import AttributeKind, Modality, TaskName
from deepseek_report.artifacts.split import Dataset

#: What the catalogs say about a data set that ships, as `data_sets.<name>.about.<part>`.
DESCRIBED = ("title", "description", "period", "population", "decision")


@dataclass(frozen=True)
class DataTraits:
    """What is known of a data set before it is read: how its columns stand, what is predicted.

    truth : whether the columns that make the label are known, see `Split.truth`.
    groups : the kinds of attributes that the data have; None where only reading them tells.
    classes : how many classes there are; None where that is not known before.
    draws_sequences : whether more token sequences of the same task can be drawn to train on.
    """

    modality: Modality = "table"
    task: TaskName = "classification"
    truth: bool = False
    groups: frozenset[AttributeKind] | None = None
    classes: int | None = None
    draws_sequences: bool = False


class DatasetPlugin(Protocol):
    """Loads, checks and splits one source of data."""

    def load(self, seed: int, progress: Progress) -> Dataset:
        """The data; `Dataset.read` is the digest of the bytes that were read."""

    def source_digest(self) -> str:
        """SHA-256 of the source, so that an edited file is noticed."""

    @property
    def nature(self) -> DataTraits:
        """What `check` must know before the data are read."""

    def problems(self) -> Sequence[str]:
        """What is wrong with the configuration or the source, as far as a glance can tell."""


@runtime_checkable
class TellsNature(Protocol):
    """What a DatasetPlugin says before it is read; one without counts as a table with classes."""

    @property
    def nature(self) -> DataTraits:
        """What `check` must know before the data are read."""


@runtime_checkable
class CutsIntoTokens(Protocol):
    """The optional part of a DatasetPlugin whose texts are cut by a tokenizer one chooses."""

    @property
    def tokenizer(self) -> str:
        """Which one: "words", "pieces", …, or a checkpoint."""
