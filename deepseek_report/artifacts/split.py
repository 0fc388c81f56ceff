"""The parts of a data set, in the units that people know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.finding import Severity
from deepseek_report.artifacts.message import Text, from_plain, plain
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.storage import files
from deepseek_report.artifacts.written_texts import WrittenTexts

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
#: Where the card of recorded chains of thought says who or what decided whether one names the hint.
DECIDED = "acknowledged_by"
#: How the names of arrays begin in a stored part that hold groups, or texts.
_GROUP, _TEXT = "group/", "text/"
#: Fields of a part with one entry an instance, beside the groups and the texts.
_ARRAYS = ("inputs", "labels", "instance_ids", "all_labels", "truth", "entities", "moments")


@dataclass(frozen=True)
class Split:
    """One part of a data set.

    inputs : (instance, feature) float64, original units; category positions for ordinal and
        categorical features; NaN is missing. Texts, images and series are flat: see `Layout`.
    labels : (instance,) int64, position in `Schema.target.classes`; float64 where the target is a
        number; with several labels whether the reported one is given.
    instance_ids : (instance,) int64, row number in the source, counted from 0; below 0 of a row
        that is not in the data, see `new_ids`.
    groups : {attribute: (instance,) int64}, position in `Attribute.levels`; -1 is unknown.
    all_labels : (instance, label) int64 of 0 and 1 for a multi-label target, else None.
    truth : (instance, feature) bool, the columns that are known to make the label what it is (the
        pixels of a defect, a planted token), or None where nobody knows. A row without any says
        that nothing in this instance does.
    entities : (instance,) int64, the same number in all parts for rows of one entity (a person, a
        machine) and for copies of one row; None where rows are taken as independent.
    moments : (instance,) float64, when each row comes from: seconds since 1970 of dates, or
        numbers; NaN is missing. None where no column says it.
    texts : the texts as they were written; None for other data.
    """

    inputs: Floats
    labels: Array
    instance_ids: Ints
    groups: Mapping[str, Ints] = field(default_factory=dict)
    all_labels: Ints | None = None
    truth: Bools | None = None
    entities: Ints | None = None
    texts: WrittenTexts | None = None
    moments: Floats | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, positions: Ints) -> Split:
        """The instances at these positions, in this order."""
        arrays = {name: array[positions] for name, array in files.arrays_of(self, _ARRAYS).items()}
        groups = {name: codes[positions] for name, codes in self.groups.items()}
        texts = None if self.texts is None else self.texts.take(positions)
        return Split(**arrays, groups=groups, texts=texts)

    @classmethod
    def joined(cls, parts: Sequence[Split]) -> Split:
        """All instances of several parts of one data set, part after part."""
        known = [files.arrays_of(part, _ARRAYS) for part in parts]
        whole = {
            name: np.concatenate([arrays[name] for arrays in known])
            for name in known[0]
            if all(name in arrays for arrays in known)
        }
        groups = {
            name: np.concatenate([part.groups[name] for part in parts]) for name in parts[0].groups
        }
        texts = [part.texts for part in parts if part.texts is not None]
        written = WrittenTexts.joined(texts) if len(texts) == len(parts) else None
        return cls(**whole, groups=groups, texts=written)

    def save(self, path: Path) -> None:
        groups = {f"{_GROUP}{name}": codes for name, codes in self.groups.items()}
        own = self.texts.arrays() if self.texts else {}
        texts = {f"{_TEXT}{name}": array for name, array in own.items()}
        files.save_arrays(path, **files.arrays_of(self, _ARRAYS), **groups, **texts)

    @classmethod
    def load(cls, path: Path) -> Split:
        arrays = files.load_arrays(path)
        groups, texts = files.take_below(arrays, _GROUP), files.take_below(arrays, _TEXT)
        written = WrittenTexts.from_arrays(texts) if texts else None
        return cls(**arrays, groups=groups, texts=written)


def new_ids(n: int, first: int = 1) -> Ints:
    """(row,) ids of rows that are not in the data: no row of the source has a number below 0.

    >>> new_ids(3).tolist()
    [-1, -2, -3]
    """
    return -np.arange(first, first + n)


@dataclass(frozen=True)
class DataIssue:
    """Something found in the data that a reader must know.

    `check` names the check, `values` are the facts it counted, `text` says it in one sentence, and
    `recommendation` what to do about it, if anything.
    """

    check: str
    severity: Severity
    text: Text
    values: Mapping[str, Any] = field(default_factory=dict)
    recommendation: Text = ""

    def to_json(self) -> dict[str, object]:
        """Plain data, from which `from_json` makes the issue again."""
        return {name: plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DataIssue:
        return cls(**{name: from_plain(value) for name, value in data.items()})


@dataclass(frozen=True)
class Dataset:
    """A data set, split, described and checked.

    `card` holds: name, source, licence, citation, period, population, rows, duplicates, missing,
    labels, groups, parts, leakage, preparation. See `docs/contracts.md`.
    read : what the plug-in's `source_digest` gives for the very bytes that were read; "" where it
        does not say. It is not stored: a stage's key stands for it.
    """

    schema: Schema
    train: Split
    validation: Split
    test: Split
    card: Mapping[str, Any]
    issues: tuple[DataIssue, ...] = ()
    read: str = ""

    @property
    def every_part(self) -> Split:
        """The rows of all parts, part after part."""
        return Split.joined([getattr(self, part) for part in PARTS])

    def save(self, folder: Path) -> None:
        files.save_json(folder / "schema.json", self.schema.to_json())
        files.save_json(folder / "card.json", plain(self.card))
        files.save_json(folder / "issues.json", [issue.to_json() for issue in self.issues])
        for part in PARTS:
            getattr(self, part).save(folder / f"{part}.npz")

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        parts: dict[str, Any] = {part: Split.load(folder / f"{part}.npz") for part in PARTS}
        return cls(
            schema=Schema.load(folder),
            card=from_plain(files.load_json(folder / "card.json")),
            issues=tuple(map(DataIssue.from_json, files.load_json(folder / "issues.json"))),
            **parts,
        )
