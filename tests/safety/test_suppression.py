"""No count under the floor can be worked out from what is published."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import Bounds, LinearConstraint, milp

from deepseek_report.privacy.withheld import Relation, suppress

FLOOR = 5


def one_total(n: int) -> list[Relation]:
    return [Relation(tuple(range(n)))]


def crossed(rows: int, columns: int) -> tuple[list[Relation], int]:
    """Cells of a table, then its row sums and its column sums; all their totals are public."""
    inner = np.arange(rows * columns).reshape(rows, columns)
    sums = rows * columns + np.arange(rows + columns)
    relations = [Relation(tuple(line.tolist()), int(sums[i])) for i, line in enumerate(inner)]
    relations += [
        Relation(tuple(line.tolist()), int(sums[rows + j])) for j, line in enumerate(inner.T)
    ]
    relations.append(Relation(tuple(sums[:rows].tolist())))
    relations.append(Relation(tuple(sums[rows:].tolist())))
    return relations, rows * columns + rows + columns


def with_sums(table: np.ndarray) -> np.ndarray:
    return np.concatenate([table.ravel(), table.sum(axis=1), table.sum(axis=0)])


def possible(
    counts: np.ndarray, hidden: np.ndarray, relations: list[Relation], cell: int
) -> tuple[int, int]:
    """The least and the most that a cell can be: whole numbers that fit all that is published."""
    rows, totals = [], []
    for relation in relations:
        row = np.zeros(len(counts))
        row[list(relation.parts)] = 1
        if relation.whole is not None:
            row[relation.whole] = -1
        rows.append(row)
        totals.append(row @ counts)
    known = Bounds(np.where(hidden, 0, counts), np.where(hidden, counts.sum(), counts))
    ends = []
    for sign in (1, -1):
        aim = np.zeros(len(counts))
        aim[cell] = sign
        optimum = milp(
            aim,
            constraints=LinearConstraint(np.array(rows), totals, totals),
            bounds=known,
            integrality=np.ones(len(counts)),
        )
        assert optimum.success
        ends.append(round(sign * optimum.fun))
    return ends[0], ends[1]


def check(counts: np.ndarray, relations: list[Relation]) -> None:
    hidden = suppress(counts, relations, FLOOR)
    small = (counts > 0) & (counts < FLOOR)
    assert hidden[small].all()
    for cell in np.flatnonzero(small):
        low, high = possible(counts, hidden, relations, int(cell))
        assert low < high
        assert high >= FLOOR, "a reader would know that it is under the floor"


@given(arrays(np.int64, st.integers(2, 7), elements=st.integers(0, 12)))
def test_a_small_count_does_not_follow_from_the_others_and_their_total(counts: np.ndarray) -> None:
    if counts.sum() >= FLOOR:
        check(counts, one_total(len(counts)))


@given(
    arrays(np.int64, st.tuples(st.integers(2, 4), st.integers(2, 4)), elements=st.integers(0, 9))
)
def test_a_small_cell_does_not_follow_from_a_crossing_and_its_margins(table: np.ndarray) -> None:
    if table.sum() >= FLOOR:
        check(with_sums(table), crossed(*table.shape)[0])


def test_every_small_table_of_three_cells_is_safe() -> None:
    for cells in product(range(8), repeat=3):
        if sum(cells) >= FLOOR:
            check(np.array(cells), one_total(3))


def test_subtraction_gives_a_small_cell_back_where_only_that_one_is_left_out() -> None:
    """The oracle itself sees the attack that secondary suppression is there for."""
    counts, alone = np.array([3, 40, 57]), np.array([True, False, False])
    assert possible(counts, alone, one_total(3), 0) == (3, 3)
    assert suppress(counts, one_total(3), FLOOR).tolist() == [True, True, False]


def test_a_table_without_small_cells_stays_whole() -> None:
    table = np.array([[5, 6], [0, 90]])
    assert not suppress(with_sums(table), crossed(2, 2)[0], FLOOR).any()


def test_counts_that_are_published_together_are_left_out_together() -> None:
    """A group of 40 of which 2 are refused: the size goes with the count."""
    counts = np.array([[40, 38, 2], [50, 25, 25], [60, 30, 30]])
    assert suppress(counts, one_total(3), FLOOR).tolist() == [True, True, False]
