"""The seeded split: it looks at no label, and what belongs together is in one part.

Had labels a say in where rows go, training and test would not share the truth: a right model looked
miscalibrated, and a group that is treated alike looked preferred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.datasets import DatasetPart
from deepseek_report.artifacts.rounding import plural
from deepseek_report.artifacts.schema import NUMBER_TASKS, TaskName
from deepseek_report.artifacts.split import PARTS, Split
from deepseek_report.datasets.assembly.column_declarations import config_problems, data_error
from deepseek_report.statistics.copies import disagrees, is_repeat, joined, numbered

#: A draw in which some part lacks a class is made again, at most so often in all.
_DRAWS = 100
#: Fractional part of the golden ratio: its multiples are spread evenly between 0 and 1.
_GOLDEN = (np.sqrt(5) - 1) / 2


Duplicates = Literal["together", "drop", "apart"]
#: Fewer rows of a class than this cannot be shared out among three parts.
FEWEST_OF_A_CLASS = 10


@dataclass(frozen=True)
class SplitRule:
    """How rows are chosen and shared out.

    duplicates : copies (`statistics.copies`) stay together in one part, or only the first of those
        with the same label is kept (and the others stay together), or every row is on its own.
    rows : how many rows to keep, drawn at random; None keeps all.
    """

    validation_share: float = 0.2
    test_share: float = 0.2
    duplicates: Duplicates = "together"
    rows: int | None = None

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of training, validation and test."""
        rest = 1 - self.validation_share - self.test_share
        return rest, self.validation_share, self.test_share

    def problems(self) -> list[str]:
        case = (
            self.shares[0] <= 0,
            f"validation {self.validation_share} and test {self.test_share} leave no training",
            "two shares with a sum under 1",
            "lower `dataset.validation_share` or `dataset.test_share`",
        )
        return config_problems(case)


@dataclass(frozen=True)
class PossibleEntity:
    """That several rows may be of one entity, which nobody declares.

    column : that seems to name it; empty where rows are alike in all but their time. n : different
    values of the column, or rows that are like an earlier one. rows : of the source.
    """

    column: str
    n: int
    rows: int


@dataclass(frozen=True)
class GroupConstraint:
    """What the split must respect beyond copies; empty: nothing.

    units : (instance,) rows of one unit (a machine, a patient) never fall in different parts.
    parts : (instance,) the part that the source gives each row, as a position in `PARTS`.
    method : how the units or the parts came about, one whole sentence for the card.
    entity : the column that names the units. possible : a column that may name some, where none is
        declared.
    """

    units: Ints | None = None
    parts: Ints | None = None
    method: Text = ""
    entity: str = ""
    possible: PossibleEntity | None = None

    def take(self, positions: Ints) -> GroupConstraint:
        """Of the rows at these positions."""
        units = None if self.units is None else self.units[positions]
        parts = None if self.parts is None else self.parts[positions]
        return replace(self, units=units, parts=parts)


def draw_rows(n: int, rows: int | None, seed: int) -> Ints:
    """Positions of a random sample of n rows, in the file's order; all where `rows` are as many."""
    if rows is None or rows >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, 1]).permutation(n)[:rows])


def tied(rows: Split, copied: Ints, rule: SplitRule, units: Ints | None) -> Split:
    """The rows with what counts as one of them in `entities`: those of an entity, and copies.

    copied : (instance,) as `copied_rows` gives it. units : (instance,) entities, where there are.
    """
    together = copied if rule.duplicates != "apart" else np.arange(len(rows))
    if units is not None:
        return replace(rows, entities=joined(together, units))
    return replace(rows, entities=together) if is_repeat(together).any() else rows


def split_rows(
    whole: Split, rule: SplitRule, seed: int, classes: tuple[str, ...], declared: Ints | None = None
) -> Ints:
    """(instance,) the position in `PARTS` of each row: as given, or as `assign_parts` draws it.

    classes : of the labels; empty for a number.

    Raises DataError: a class has too few rows, or a part none of it.
    """
    _check_sizes(whole, classes)
    part = declared
    if part is None:
        random = np.random.default_rng([seed, 2])
        part = assign_parts(whole.labels, whole.entities, rule.shares, random)
    _check_parts(whole, part, classes, drawn=declared is None)
    return part


def assign_parts(
    labels: Array, units: Ints | None, shares: Sequence[float], random: np.random.Generator
) -> Ints:
    """(row,) the part of each row, drawn at random; see `assign`.

    Labels count in one way: a draw in which a part lacks a class, as happens where few rows have
    it, is made again. A share of 0 leaves that part empty.

    labels : (row,) classes, or numbers as floats. units : (row,) what stays together, such as
    `Split.entities`; None where each row is on its own.
    """
    units = np.arange(len(labels)) if units is None else numbered(units)
    wanted = np.count_nonzero(shares) * len(np.unique(labels))
    for _ in range(_DRAWS):
        part = assign(units, shares, random)
        if not np.issubdtype(labels.dtype, np.integer):
            break
        if np.unique(np.stack([part, labels]), axis=1).shape[1] == wanted:
            break
    return part


def assign(units: Ints, shares: Sequence[float], random: np.random.Generator) -> Ints:
    """(row,) the part of each row; rows of one unit are in one part.

    Each unit has the probability of a part's share to get into it, whatever its size, and parts get
    nearly their shares of the rows: units of about as many rows are put in a random order and cut
    by the shares from a random start on (systematic sampling).

    units : (row,) 0, 1, 2, …. shares : of the parts, which sum to 1.

    Reference: Madow & Madow 1944, doi:10.1214/aoms/1177731312.
    """
    sizes = np.bincount(units)
    part, ends, start = np.empty(len(sizes), np.int64), np.cumsum(shares)[:-1], random.random()
    magnitude = np.frexp(sizes)[1]
    for place, alike in enumerate(np.unique(magnitude)):
        members = random.permutation(np.flatnonzero(magnitude == alike))
        slots = np.arange(len(members)) + (start + place * _GOLDEN) % 1
        part[members] = np.searchsorted(ends, slots / len(members), side="right")
    return part[units]


def _check_sizes(whole: Split, classes: tuple[str, ...]) -> None:
    if classes:
        sizes = np.bincount(whole.labels, minlength=len(classes))
        allowed = f"at least {FEWEST_OF_A_CLASS} rows of each class"
        do = "use more rows, or merge the rare classes"
        few = [
            f"{name!r} has {plural(int(n), 'row')}"
            for name, n in zip(classes, sizes, strict=True)
            if n < FEWEST_OF_A_CLASS
        ]
    else:
        n, least = len(whole), 3 * FEWEST_OF_A_CLASS
        allowed, do = f"at least {least} rows", "use more rows"
        few = [plural(n, "row")] if n < least else []
    if few:
        problem = f"{'; '.join(few)}, too few for a training, a validation and a test part"
        raise data_error("dataset", problem, allowed, do)


def _check_parts(whole: Split, part: Ints, classes: tuple[str, ...], drawn: bool) -> None:
    for position, name in enumerate(PARTS):
        for code, class_name in enumerate(classes):
            of_class = whole.labels == code
            if (of_class & (part == position)).any():
                continue
            problem, do = f"the {name} part has no row of {class_name!r}", "give it some"
            if drawn:
                n, units = int(of_class.sum()), np.arange(len(whole))
                units = units if whole.entities is None else whole.entities
                sets = len(np.unique(units[of_class]))
                apart = f", in {plural(sets, 'set')} that stay together" * (sets < n)
                problem += f" in any of {_DRAWS} draws: there are {plural(n, 'row')} of it{apart}"
                do = "use more of them, or give each part a larger share"
            do += ", or merge this class with another"
            raise data_error("dataset", problem, "every class in every part", do)


def shared_between(identity: Ints, part: Ints) -> int:
    """How many rows of validation and test have a row of another part with the same identity."""
    return int((disagrees(identity, part) & (part > 0)).sum())


def describe_rule(
    rule: SplitRule,
    n_copies: int,
    together: GroupConstraint = GroupConstraint(),
    task: TaskName = "classification",
) -> Text:
    """How the rows were shared out, in one or two sentences."""
    if together.parts is not None:
        return together.method
    train, validation, test = rule.shares
    return message(
        "preparation.split.drawn",
        train=train,
        validation=validation,
        test=test,
        duplicates=rule.duplicates,
        copies=n_copies,
        label=message(f"labels_as.{task}"),
        is_class=task not in NUMBER_TASKS,
        together=together.method,
    )


Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class Shares(DatasetPart):
    """What data sets that are split here have in common.

    rows : keep only so many, drawn at random; None keeps all.
    validation_share, test_share, duplicates : see `splitting.SplitRule`.
    """

    rows: Annotated[int, Field(ge=30)] | None = None
    validation_share: Share = 0.2
    test_share: Share = 0.2
    duplicates: Duplicates = "together"

    @property
    def rule(self) -> SplitRule:
        return SplitRule(self.validation_share, self.test_share, self.duplicates, self.rows)


# Which rows train, validate and are tested in each fold of a cross-validation.

#: What decides which rows are tested together.
Drawn = Literal["random", "entities", "time"]


@dataclass(frozen=True)
class FoldRows:
    """One fold; each an array of (row,) positions, ascending."""

    train: Ints
    validation: Ints
    test: Ints


@dataclass(frozen=True)
class FoldRule:
    """How all rows of a data set are shared out among folds.

    folds : how many, at least 2. validation_share : of the rows that are not tested, from 0 to 1;
    they choose when a training stops, and the threshold.
    """

    folds: int
    validation_share: float

    @staticmethod
    def drawn_by(rows: Split) -> Drawn:
        """By the time of the rows where it is known, else by entities where these are."""
        if rows.moments is not None:
            return "time"
        return "random" if rows.entities is None else "entities"

    def of(self, rows: Split, seed: int) -> list[FoldRows]:
        """The folds, in each of which other rows are tested.

        Where the time of the rows is known a fold is trained on what came before: the rows are cut
        into one block more than there are folds, and block after block is tested (forward
        chaining). Rows of one moment are in one block, and rows without a moment in the first one.
        Otherwise each row is tested once, in a fold that is drawn as `assign_parts` draws.

        Raises
        ------
        ValueError : a fold has no rows to train on, to validate on or to test.
        """
        if rows.moments is not None:
            folds = list(self._forward(np.where(np.isnan(rows.moments), -np.inf, rows.moments)))
        else:
            folds = list(self._at_random(rows, seed))
        if not all(map(len, (part for fold in folds for part in vars(fold).values()))):
            raise ValueError("a fold has no rows to train on, to validate on or to test")
        return folds

    def _forward(self, moments: Floats) -> Iterator[FoldRows]:
        cuts = np.arange(1, self.folds + 1) / (self.folds + 1)
        ends = np.quantile(moments, cuts, method="higher")
        block = np.searchsorted(ends, moments, side="right")
        for fold in range(1, self.folds + 1):
            before = np.flatnonzero(block < fold)
            last = np.inf
            if len(before):
                last = np.quantile(moments[before], 1 - self.validation_share, method="higher")
            late = moments[before] >= last
            yield FoldRows(before[~late], before[late], np.flatnonzero(block == fold))

    def _at_random(self, rows: Split, seed: int) -> Iterator[FoldRows]:
        random = np.random.default_rng([seed, 11])
        fold = assign_parts(rows.labels, rows.entities, [1 / self.folds] * self.folds, random)
        shares = (1 - self.validation_share, self.validation_share)
        for k in range(self.folds):
            rest = np.flatnonzero(fold != k)
            units = None if rows.entities is None else rows.entities[rest]
            part = assign_parts(rows.labels[rest], units, shares, random)
            yield FoldRows(rest[part == 0], rest[part == 1], np.flatnonzero(fold == k))
