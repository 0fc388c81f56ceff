"""The model asked about instances of which only some players are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Schema
from deepseek_report.statistics.copies import same_values

#: Seed of the multipliers that rows are hashed with.
_SEED = 20_261_125


def each_once(ask: Callable[[Floats], Floats], rows: Floats) -> Floats:
    """(row, …) what `ask` gives for (row, column) rows; those that agree in every bit ask once.

    >>> each_once(lambda rows: rows.sum(axis=1) * len(rows), np.array([[1.0, 2], [3, 4], [1, 2]]))
    array([ 6., 14.,  6.])
    """
    first, copies = distinct_rows(rows)
    return ask(rows) if len(first) == len(rows) else ask(rows[first])[copies]


def distinct_rows(rows: Floats) -> tuple[Ints, Ints]:
    """(distinct,) positions of rows that differ, in their order, and (row,) which each is equal to.

    Rows are compared by a 64-bit hash that is linear in their bits, and by their bits where two
    hashes are equal; rows that differ and share a hash are all taken for distinct.

    >>> distinct_rows(np.array([[1.0], [2.0], [1.0]]))
    (array([0, 1]), array([0, 1, 0]))
    """
    bits = np.ascontiguousarray(rows, dtype=np.float64).view(np.uint64)
    multipliers = np.random.default_rng(_SEED).integers(2**64, size=bits.shape[1], dtype=np.uint64)
    hashes = ((bits ^ (bits >> np.uint64(29))) * (multipliers | np.uint64(1))).sum(axis=1)
    _, first, copies = np.unique(hashes, return_index=True, return_inverse=True)
    if not (bits == bits[first[copies]]).all():
        return np.arange(len(rows)), np.arange(len(rows))
    order = np.argsort(first)
    return first[order], np.argsort(order)[copies]


#: Numbers in one call of the model, so that a wide table or a long series does not fill the memory.
MOST_CELLS = 2**22
#: Columns of the instances whose terms are kept between calls.
_KEPT_CELLS = 2**19


class Coalitions:
    """Answers for one instance where the columns of players that are not kept are a reference's.

    row : (column,) the instance. owners : (column,) its player. references : (reference, column).
    """

    def __init__(
        self, classifier: Classifier, row: Floats, owners: Ints, references: Floats
    ) -> None:
        self.classifier, self.row, self.owners = classifier, row, owners
        self.references = references
        self._answer = classifier.mixing(row, references, owners) or self._of_rows

    def probabilities(self, kept: Bools, which: Ints | None = None) -> Floats:
        """(coalition, class) probabilities, or the number.

        kept : array
            (coalition, player).
        which : array or None
            (coalition,) the reference that it is compared with; None: the first.
        """
        which = np.zeros(len(kept), dtype=np.int64) if which is None else which
        return in_parts(self._answer, len(self.owners), kept, which)

    def _of_rows(self, kept: Bools, which: Ints) -> Floats:
        rows = np.where(kept[:, self.owners], self.row, self.references[which])
        return each_once(self.classifier.probabilities, rows)


class PairedCoalitions:
    """The same for many instances, each with one reference of its own.

    inputs, references : (instance, column). owners : (column,) the player of each column.
    """

    def __init__(
        self, classifier: Classifier, inputs: Floats, owners: Ints, references: Floats
    ) -> None:
        self.classifier, self.inputs, self.owners = classifier, inputs, owners
        self.references = references
        self._known: dict[int, Coalitions] = {}

    def probabilities(self, kept: Bools, of: Ints) -> Floats:
        """(coalition, class) probabilities, or the number.

        kept : array
            (coalition, player).
        of : array
            (coalition,) the instance whose players are kept.
        """
        if not self.classifier.mixes:
            return in_parts(self._of_rows, len(self.owners), kept, of)
        outputs = np.empty((len(of), len(self.classifier.schema.target.classes)))
        for instance in np.unique(of):
            own = of == instance
            outputs[own] = self._of_one(int(instance)).probabilities(kept[own])
        return outputs

    def _of_rows(self, kept: Bools, of: Ints) -> Floats:
        rows = np.where(kept[:, self.owners], self.inputs[of], self.references[of])
        return each_once(self.classifier.probabilities, rows)

    def _of_one(self, instance: int) -> Coalitions:
        if instance not in self._known:
            if len(self._known) * len(self.owners) >= _KEPT_CELLS:
                self._known.clear()
            pair = self.inputs[instance], self.owners, self.references[instance][None]
            self._known[instance] = Coalitions(self.classifier, *pair)
        return self._known[instance]


def in_parts(answer: Callable[..., Floats], columns: int, *questions: Any) -> Floats:
    """(question, class) answers, asked for in parts whose rows of so many columns fit the memory.

    questions : arrays or lists of one length, cut alike and handed to `answer` together.
    """
    size = max(1, MOST_CELLS // columns)
    starts = range(0, max(len(questions[0]), 1), size)
    return np.concatenate([answer(*(q[at : at + size] for q in questions)) for at in starts])


class MovedRows:
    """Answers for rows (row, column) in which a few columns take other values."""

    def __init__(self, classifier: Classifier, rows: Floats) -> None:
        self.classifier, self.rows = classifier, rows
        self._answer = classifier.moving(rows) or self._of_rows

    def probabilities(self, which: Ints, columns: Ints, values: Floats) -> Floats:
        """(probe, class) probabilities, or the number.

        which : array
            (probe,) positions of rows.
        columns : array
            (probe, cell) the columns that are moved, none twice in a probe.
        values : array
            (probe, cell) their values, in original units.
        """
        return in_parts(self._answer, self.rows.shape[1], which, columns, values)

    def _of_rows(self, which: Ints, columns: Ints, values: Floats) -> Floats:
        changed = self.rows[which]
        np.put_along_axis(changed, columns, values, axis=1)
        return self.classifier.probabilities(changed)


# Players: columns that are explained as one, such as the pixels of a patch or the parts of a word.
#
# In a table every column is a player of its own.


@dataclass(frozen=True)
class Units:
    """The things whose importance is told, each with the attributions that it got.

    names, labels : of each. values : for each the attributions of the instances that have it.
    rows : for each the instances that these belong to.
    """

    names: list[str]
    labels: list[str]
    values: list[Floats]
    rows: list[Ints]

    def within(self, chosen: Bools, units: list[int]) -> Units:
        """Some units, in some instances alone."""
        return Units(
            [self.names[k] for k in units],
            [self.labels[k] for k in units],
            [self.values[k][chosen[self.rows[k]]] for k in units],
            [self.rows[k][chosen[self.rows[k]]] for k in units],
        )


@dataclass(frozen=True)
class SharedPlayers:
    """Players that all inputs have in common, so that what each earns can be added up over inputs.

    names, labels : of each. owners : (row, column) position of the player of each column.
    is_fixed : whether a player is the same columns in every input.
    """

    names: list[str]
    labels: list[str]
    owners: Ints
    is_fixed: bool


def n_players(schema: Schema) -> int:
    """How many there are."""
    return len(schema.player_labels)


def player_sums(values: Floats, owners: Ints) -> Floats:
    """Attributions of players: the sum over the columns of each.

    values : array
        (…, column).
    owners : array
        (column,) position of the player that each column belongs to.

    Returns
    -------
    (…, player); a column is its own player where there are as many players as columns.
    """
    count = int(owners.max()) + 1
    if count == len(owners):
        return np.asarray(values[..., np.argsort(owners)], dtype=np.float64)
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], np.arange(count))
    return np.asarray(np.add.reduceat(values[..., order], starts, axis=-1), dtype=np.float64)


def differing(inputs: Floats, references: Floats, owners: Ints) -> Bools:
    """(instance, player) whether a player is another than that of any of its references.

    One that is not makes no coalition another row, so it adds nothing, whatever the model does:
    Shapley values give such a dummy exactly 0. A missing value is a value like any other.

    Parameters
    ----------
    inputs : array
        (instance, column).
    references : array
        (reference, column) the same for all instances, or (instance, reference, column).
    owners : array
        (column,) the player of each column.

    Reference: Shapley 1953, doi:10.1515/9781400881970-018 (the dummy axiom).

    >>> rows = np.array([[1.0, 2.0], [1.0, 3.0]])
    >>> differing(np.array([[1.0, 2.0], [4.0, 2.0]]), rows, np.arange(2)).tolist()
    [[False, True], [True, True]]
    """
    first = references[..., 0, :]
    alone = same_values(references, first[..., None, :]).all(axis=-2)
    moved = ~(alone & same_values(inputs, first))
    return np.asarray(player_sums(moved.astype(np.float64), owners) > 0)


def spread_evenly(values: Floats, owners: Ints) -> Floats:
    """(…, player) -> (…, column): each column gets an equal part, so that sums stay."""
    sizes = np.bincount(owners)
    return np.asarray((values / sizes)[..., owners], dtype=np.float64)
