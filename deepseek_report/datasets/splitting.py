"""The seeded, stratified split; copies of one row never fall in different parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.rounding import plural
from deepseek_report.artifacts.schema import TaskName
from deepseek_report.artifacts.split import PARTS, Split
from deepseek_report.datasets.assembly.column_declarations import config_problems, data_error

#: A number is cut into at most so many bands of equal size, with at least so many rows each.
BANDS, FEWEST_IN_BAND = 10, 10
#: Combinations of labels with fewer rows are joined with those that share the reported label.
FEWEST_OF_COMBINATION = 30


def strata_of(rows: Split) -> Ints:
    """(instance,) classes as they are, a number in bands of equal size, combinations of labels.

    Combinations with too few rows count by the reported label alone.
    """
    if rows.all_labels is not None:
        each = np.unique(rows.all_labels, axis=0, return_inverse=True)[1].ravel()
        rare = np.bincount(each)[each] < FEWEST_OF_COMBINATION
        return _numbered(np.where(rare, rows.labels - 2, each))  # −2 and −1: rare
    if np.issubdtype(rows.labels.dtype, np.floating):
        return bands(rows.labels)
    return np.asarray(rows.labels, dtype=np.int64)


def _numbered(values: Ints) -> Ints:
    """(row,) the values as 0, 1, 2, …"""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def bands(values: Floats, most: int = BANDS) -> Ints:
    """(instance,) position of the band of each value; equal values are in the same band."""
    n = max(1, min(most, len(values) // FEWEST_IN_BAND))
    edges = np.unique(np.quantile(values, np.arange(1, n) / n))
    return _numbered(np.searchsorted(edges, values, side="right"))


Duplicates = Literal["together", "drop", "apart"]
#: Fewer rows of a class than this cannot be shared out among three parts.
FEWEST_OF_A_CLASS = 10


@dataclass(frozen=True)
class SplitRule:
    """How rows are chosen and shared out.

    duplicates : rows with the same inputs stay together in one part, or only the first row of each
        set of full copies is kept (and the same inputs stay together), or every row is on its own.
    rows : how many rows to keep, drawn at random within each class; None keeps all.
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
    """What the split must respect beyond the labels; empty: nothing.

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


def row_identity(inputs: Floats, *more: Ints) -> Ints:
    """(instance,) the same number for rows that are the same in every column; NaN equals NaN.

    Rows are numbered as the bytes of their columns would be sorted. Columns are looked at one after
    the other, and only in rows that are still the same, so that little memory is needed.

    >>> row_identity(np.array([[3.0, 1.0], [3.0, np.nan], [3.0, 1.0]])).tolist()
    [0, 1, 0]
    """
    return _identity([*inputs.T, *(labels.astype(np.float64) for labels in more)], len(inputs))


def _identity(columns: Iterable[Floats], n: int) -> Ints:
    """As `row_identity`, of columns (instance,) that are given one by one.

    The place of a row is how many rows come before all those that are still the same as it.
    """
    place, tied = np.zeros(n, dtype=np.int64), np.arange(n)
    for column in columns:
        if not len(tied):
            break
        order = np.lexsort((_byte_order(column[tied]), place[tied]))
        rows = tied[order]
        keys, own = _byte_order(column[rows]), place[rows]
        is_new_set = np.append(True, own[1:] != own[:-1])
        is_new = is_new_set | np.append(True, keys[1:] != keys[:-1])
        starts = np.flatnonzero(is_new)
        sizes = np.diff(np.append(starts, len(rows)))
        start_of_set = np.flatnonzero(is_new_set)[np.cumsum(is_new_set) - 1]
        place[rows] = own + np.repeat(starts, sizes) - start_of_set
        tied = rows[np.repeat(sizes > 1, sizes)]
    return _numbered(place)


def _byte_order(values: Floats) -> NDArray[np.uint64]:
    """(instance,) whole numbers in the order of the bytes of the values; one for each NaN and 0."""
    plain = np.where(np.isnan(values), np.nan, values + 0.0)
    return np.asarray(plain.view(np.uint64).byteswap())


def is_repeat(identity: Ints) -> Bools:
    """(instance,) whether an earlier row is the same."""
    first = np.unique(identity, return_index=True)[1]
    repeat = np.ones(len(identity), dtype=bool)
    repeat[first] = False
    return repeat


def disagrees(identity: Ints, values: Array) -> Bools:
    """(instance,) whether a row that is the same has another value.

    >>> disagrees(np.array([0, 0, 1, 1]), np.array([5, 6, 7, 7])).tolist()
    [True, True, False, False]
    """
    low = np.full(identity.max() + 1, np.inf)
    high = -low
    np.minimum.at(low, identity, values)
    np.maximum.at(high, identity, values)
    return np.asarray((low != high)[identity])


def draw_rows(labels: Ints, rows: int | None, seed: int) -> Ints:
    """Positions of a random sample that keeps the shares of the classes, in the file's order."""
    if rows is None or rows >= len(labels):
        return np.arange(len(labels))
    random = np.random.default_rng([seed, 1])
    exact = np.bincount(labels).astype(np.float64) * (rows / len(labels))
    wanted = _largest_remainder(exact, rows)
    chosen = [
        random.permutation(np.flatnonzero(labels == class_index))[:n]
        for class_index, n in enumerate(wanted)
    ]
    return np.sort(np.concatenate(chosen))


def _largest_remainder(exact: Floats, total: int) -> Ints:
    """Whole numbers near `exact` that sum to `total` (Hamilton's method)."""
    whole = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return whole


def joined(first: Ints, second: Ints) -> Ints:
    """(instance,) the finest grouping that keeps the sets of both groupings whole."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    here, in_second = _numbered(first), _numbered(second)
    n = int(here.max()) + 1
    size = n + int(in_second.max()) + 1
    edges = coo_array((np.ones(len(here)), (here, in_second + n)), shape=(size, size))
    return np.asarray(connected_components(edges, directed=False)[1][here], dtype=np.int64)


def split_rows(
    whole: Split,
    rule: SplitRule,
    seed: int,
    classes: tuple[str, ...],
    together: GroupConstraint = GroupConstraint(),
) -> dict[str, Split]:
    """Training, validation and test part, each in the file's order.

    Within each class (or band of the number to predict, see `strata_of`) the rows are shared out
    at random by the rule's shares; for a number `classes` is empty. Sets of rows with the same
    inputs, and the units of `together`, are placed first, the largest first, where most
    room is left for their class; single rows then fill the parts. Parts that the source gives
    stay as they are.

    Raises DataError: a class has too few rows, or copies of rows leave a part without a class.
    """
    _check_sizes(whole, classes)
    part = assign_parts(whole, rule, seed, together) if together.parts is None else together.parts
    parts: dict[str, Split] = {
        name: whole.take(np.flatnonzero(part == i)) for i, name in enumerate(PARTS)
    }
    _check_parts(parts, classes)
    return parts


def assign_parts(
    whole: Split, rule: SplitRule, seed: int, together: GroupConstraint = GroupConstraint()
) -> Ints:
    """(instance,) the position in `PARTS` of each row, drawn as `split_rows` says.

    A training share of 0 leaves the training part empty.
    """
    strata, apart = strata_of(whole), rule.duplicates == "apart"
    units = np.arange(len(whole)) if apart else row_identity(whole.inputs)
    units = units if together.units is None else joined(units, together.units)
    quotas = quotas_of(np.bincount(strata), rule.shares)
    return assign_by_quotas(strata, units, quotas, np.random.default_rng([seed, 2]))


def assign_by_quotas(labels: Ints, units: Ints, quotas: Ints, random: np.random.Generator) -> Ints:
    """(instance,) the part of each row; rows of one unit are in one part.

    A set goes where least is overfilled, and then where the most is left for its strata.

    Parameters
    ----------
    labels : (instance,) strata. quotas : (stratum, part) how many rows go where; each line sums to
        the size of its stratum.
    """
    room = quotas.copy()
    part = np.full(len(labels), -1, dtype=np.int64)
    for rows in _sets(units, random):
        mix = np.bincount(labels[rows], minlength=len(room))
        over = np.maximum(mix[:, None] - room, 0).sum(axis=0)
        left = (np.sign(mix)[:, None] * room).sum(axis=0)
        chosen = int(np.lexsort((-left, over))[0])
        part[rows] = chosen
        room[:, chosen] -= mix
    for stratum, own in enumerate(np.maximum(room, 0)):
        single = random.permutation(np.flatnonzero((part < 0) & (labels == stratum)))
        while own.sum() > len(single):  # sets of copies have overfilled a part
            own[np.argmax(own)] -= 1
        part[single] = np.repeat(range(len(own)), own)
    return part


def quotas_of(sizes: Ints, shares: Sequence[float]) -> Ints:
    """(class, part) whole numbers near these shares; parts but the first get at least one each."""
    quotas = np.stack([_largest_remainder(n * np.array(shares), int(n)) for n in sizes])
    short = np.maximum(1 - quotas[:, 1:], 0)
    quotas[:, 1:] += short
    quotas[:, 0] -= short.sum(axis=1)
    return quotas


def _sets(units: Ints, random: np.random.Generator) -> list[Ints]:
    """The rows of every set of copies, the largest set first, ties at random."""
    order, sizes = np.argsort(units, kind="stable"), np.bincount(units)
    ends = np.cumsum(sizes)
    several = random.permutation(np.flatnonzero(sizes > 1))
    several = several[np.argsort(-sizes[several], kind="stable")]
    return [order[ends[unit] - sizes[unit] : ends[unit]] for unit in several]


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


def _check_parts(parts: Mapping[str, Split], classes: tuple[str, ...]) -> None:
    for name, part in parts.items():
        lacking = [c for i, c in enumerate(classes) if not (part.labels == i).any()]
        if lacking:
            raise data_error(
                "dataset",
                f"the {name} part has no row of {lacking[0]!r}, as many rows share their inputs "
                "or must stay together",
                "every class in every part",
                "add columns that tell the rows apart, set `dataset.duplicates=apart`, or give "
                "each part a larger share",
            )


def shared_between(parts: Mapping[str, Split]) -> int:
    """How many rows of validation and test have the same inputs as a row of another part."""
    where = np.repeat(range(len(parts)), [len(part) for part in parts.values()])
    inputs = [part.inputs for part in parts.values()]
    width = inputs[0].shape[1]
    columns = (np.concatenate([rows[:, place] for rows in inputs]) for place in range(width))
    return int((disagrees(_identity(columns, len(where)), where) & (where > 0)).sum())


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
        f"preparation.split.drawn.{task}",
        train=train,
        validation=validation,
        test=test,
        duplicates=rule.duplicates,
        copies=n_copies,
        together=together.method,
    )


Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class Shares:
    """What data sets that are split here have in common.

    rows : keep only so many, drawn at random within each class; None keeps all.
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
#: Rows for each fold from which on a group within a class is shared out evenly by itself.
_LEAST_OF_GROUP = 5


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
    they choose when a training stops, and the threshold. together : rows with the same inputs are
    in one fold.
    """

    folds: int
    validation_share: float
    together: bool = True

    @staticmethod
    def drawn_by(rows: Split) -> Drawn:
        """By the time of the rows where it is known, else by entities where these are."""
        if rows.moments is not None:
            return "time"
        return "random" if rows.entities is None else "entities"

    def of(self, rows: Split, groups: Iterable[Ints], seed: int) -> list[FoldRows]:
        """The folds, in each of which other rows are tested.

        Where the time of the rows is known a fold is trained on what came before: the rows are cut
        into one block more than there are folds, and block after block is tested (forward
        chaining). Rows of one moment are in one block, and rows without a moment in the first one.
        Otherwise each row is tested once. Classes, or bands of the number to predict, are shared
        out evenly, and within them the groups where each fold can get five rows; rows of one
        entity, and rows with the same inputs, are in one part.

        groups : (row,) group of each row by one attribute after the other, -1 where it is unknown.

        Raises
        ------
        ValueError : a fold has no rows to train on, to validate on or to test.
        """
        if rows.moments is not None:
            folds = list(self._forward(np.where(np.isnan(rows.moments), -np.inf, rows.moments)))
        else:
            folds = list(self._at_random(rows, groups, seed))
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

    def _at_random(self, rows: Split, groups: Iterable[Ints], seed: int) -> Iterator[FoldRows]:
        random = np.random.default_rng([seed, 11])
        units = row_identity(rows.inputs) if self.together else np.arange(len(rows))
        units = units if rows.entities is None else joined(units, rows.entities)
        alike = strata_of(rows)
        strata = alike
        for codes in groups:  # smaller cells stay undivided
            cells = _numbered(strata * (codes.max(initial=0) + 2) + codes + 1)
            large = np.bincount(cells)[cells] >= _LEAST_OF_GROUP * self.folds
            strata = _numbered(np.where(large, cells, cells.max() + 1 + strata))
        ordered, most = np.sort(strata), int(strata.max()) + 1
        dealt = [np.bincount(ordered[k :: self.folds], minlength=most) for k in range(self.folds)]
        fold = assign_by_quotas(strata, units, np.stack(dealt, axis=1), random)
        for k in range(self.folds):
            rest = np.flatnonzero(fold != k)
            own, own_units = _numbered(alike[rest]), _numbered(units[rest])
            shares = (1 - self.validation_share, self.validation_share)
            quotas = quotas_of(np.bincount(own), shares)
            part = assign_by_quotas(own, own_units, quotas, random)
            yield FoldRows(rest[part == 0], rest[part == 1], np.flatnonzero(fold == k))
