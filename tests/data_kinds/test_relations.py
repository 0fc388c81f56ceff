"""Declared relations between columns: what breaks them, and which changes keep them."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.data_kinds.row_conditions import ConditionError, Relations, relation_in_words

LEVELS = tuple(Category(str(k), f"level {k}") for k in range(3))
SCHEMA = Schema(
    (
        Feature("paid", "Amount paid", "numeric"),
        Feature("owed", "Bill", "numeric"),
        Feature("now", "Now", "ordinal", categories=LEVELS),
        Feature("before", "Before", "ordinal", categories=LEVELS),
        Feature("colour", "Colour", "categorical", categories=LEVELS),
    ),
    Target("y", "y", ("no", "yes")),
)
ROWS = np.array(
    [[1.0, 2, 0, 1, 0], [3, 2, 2, 1, 0], [np.nan, 2, 0, 0, 0], [2, 2, np.nan, 1, 0]], dtype=float
)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("paid <= owed", [1]),
        ("Amount paid <= Bill", [1]),
        ("paid < owed", [1, 3]),
        ("now <= before", [1]),
        ("now <= level 1", [1]),
        ("paid <= owed or now == 2", []),
    ],
)
def test_a_relation_is_broken_by_these_rows_and_not_by_what_is_missing(
    text: str, broken: list[int]
) -> None:
    (relation,) = Relations.of(SCHEMA, (text,)).parts
    assert np.flatnonzero(relation.broken(ROWS)).tolist() == broken


@pytest.mark.parametrize(
    "text", ["paid <= debt", "paid <= now", "colour == now", "paid <=", "__import__('os') <= owed"]
)
def test_what_is_no_relation_of_these_columns_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        Relations.of(SCHEMA, (text,))


def test_a_change_must_keep_what_it_touches_and_nothing_else() -> None:
    relations = Relations.of(SCHEMA, ("paid <= owed",))
    kept, broken = ROWS[0], ROWS[1]
    more_paid, less_owed, other = kept.copy(), kept.copy(), broken.copy()
    more_paid[0], less_owed[1], other[2] = 5.0, 1.5, 0.0
    assert relations.allowed(kept, np.stack([more_paid, less_owed])).tolist() == [False, True]
    assert relations.allowed(broken, other[None]).tolist() == [True]


def test_a_relation_is_told_by_the_labels_of_its_columns() -> None:
    assert relation_in_words(SCHEMA, "paid <= owed") == "Amount paid ≤ Bill"
