"""Which cells of tables are left out so that no small count can be read or worked out.

Cell suppression as offices of statistics do it (Hundepool et al. 2012, Statistical Disclosure
Control, doi:10.1002/9781118348239, chapter 4): cells under the floor are left out (primary), then
further ones until the totals that are known do not give them back (secondary).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Relation:
    """Cells that sum to something known: to a public total, or to another cell.

    parts : positions of the cells. whole : position of the cell that is their sum, or None where
    their sum is public.
    """

    parts: tuple[int, ...]
    whole: int | None = None

    @property
    def cells(self) -> tuple[int, ...]:
        return self.parts if self.whole is None else (*self.parts, self.whole)


def suppress(counts: Counts, relations: Sequence[Relation], floor: int) -> Bools:
    """(cell,) whether a cell must be left out.

    counts : (cell,) or (cell, measure) not negative. All measures of a cell are published or left
        out together (the size of a group, how many of it were favoured, how many were not).
    relations : what a reader may know of sums. Where the cells of a table do not add up to the
        total, the rest is taken as known, which only helps the reader.
    floor : a count from 1 to `floor` - 1 is small. 0 is published: it is about nobody.

    Returns
    -------
    A mask such that, for every small count, the published cells and the relations leave open that
    it is `floor` or more, wherever leaving out cells can bring that about.
    """
    table = np.asarray(counts).reshape(len(counts), -1)
    hidden: Bools = np.asarray(((table > 0) & (table < floor)).any(axis=1))
    while (further := _next(table, hidden, relations, floor)) is not None:
        hidden[further] = True
    return hidden


def upper_bound(
    counts: NDArray[np.int64], hidden: Bools, relations: Sequence[Relation], cell: int
) -> float:
    """The most that a hidden cell can be, by what is published and not below 0."""
    places = np.flatnonzero(hidden)
    column = {int(place): k for k, place in enumerate(places)}
    rows, totals = [], []
    for relation in relations:
        row = np.zeros(len(places))
        for member in relation.cells:
            if member in column:
                row[column[member]] += -1.0 if member == relation.whole else 1.0
        if row.any():
            rows.append(row)
            totals.append(float(row @ counts[places]))
    if not rows:
        return np.inf
    aim = np.zeros(len(places))
    aim[column[cell]] = -1.0
    from scipy.optimize import linprog

    optimum = linprog(aim, A_eq=np.array(rows), b_eq=np.array(totals), method="highs")
    return -float(optimum.fun) if optimum.status == 0 else np.inf


def _next(table: Counts, hidden: Bools, relations: Sequence[Relation], floor: int) -> int | None:
    """A cell that must be left out too, or None: first by single sums, then by all together."""
    for relation in relations:
        if _tells(table, hidden, relation, floor):
            further = _smallest(table, hidden, [relation])
            if further is not None:
                return further
    for measure in table.T:
        for cell in np.flatnonzero(hidden & (measure > 0) & (measure < floor)):
            near = [other for other in relations if cell in other.cells]
            if near and upper_bound(measure, hidden, relations, int(cell)) < floor - 1e-6:
                further = _smallest(table, hidden, near)
                if further is None:
                    further = _smallest(table, hidden, relations)
                if further is not None:
                    return further
    return None


def _tells(table: Counts, hidden: Bools, relation: Relation, floor: int) -> bool:
    """Whether one sum alone gives a hidden cell, or that hidden cells are few together."""
    parts = [part for part in relation.parts if hidden[part]]
    whole = relation.whole is not None and bool(hidden[relation.whole])
    if not parts or whole:
        return whole and not parts
    together = table[parts].sum(axis=0)
    return len(parts) == 1 or bool(((together > 0) & (together < floor)).any())


def _smallest(table: Counts, hidden: Bools, relations: Iterable[Relation]) -> int | None:
    """The smallest cell that is still published: a part, else a sum; empty ones come last."""
    relations = list(relations)
    parts = {part for relation in relations for part in relation.parts if not hidden[part]}
    wholes = {
        relation.whole
        for relation in relations
        if relation.whole is not None and not hidden[relation.whole]
    }
    for cells in (parts - wholes, parts | wholes):
        if cells:
            return min(cells, key=lambda cell: (table[cell, 0] == 0, table[cell, 0], cell))
    return None
