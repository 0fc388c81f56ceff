"""What a data set promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


class DatasetPart:
    """Base of what loads, checks and splits one source of data."""

    def load(self, seed: int, progress: Progress) -> Dataset:
        """The data; `Dataset.read` is the digest of the bytes that were read."""
        raise NotImplementedError

    def source_digest(self) -> str:
        """SHA-256 of the source, so that an edited file is noticed."""
        raise NotImplementedError

    @property
    def nature(self) -> DataTraits:
        """What `check` must know before the data are read; a table with classes by default."""
        return DataTraits()

    def problems(self) -> Sequence[str]:
        """What is wrong with the configuration or the source, as far as a glance can tell."""
        return ()

    @property
    def tokenizer(self) -> str | None:
        """What cuts its texts: "words", "pieces", …, or a checkpoint; None where no one chooses."""
        return None

    @property
    def sector(self) -> str:
        """What decisions on such data are about, of `data_card.Sector`; "" where nobody says it."""
        return ""
