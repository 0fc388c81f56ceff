"""Cohorts and relations as people declare them: read by a small grammar, and never run."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds.row_conditions import (
    ConditionError,
    Relations,
    read_condition,
    relation_in_words,
)

COLOURS = tuple(Category(str(k), name) for k, name in enumerate(["red", "dark green", "blue"]))
LATE = tuple(Category(str(k), f"{k} months") for k in range(4))
SCHEMA = Schema(
    (
        Feature("age", "Age", "numeric", unit="years"),
        Feature("colour", "Favourite colour", "categorical", categories=COLOURS),
        Feature("late", "Late", "ordinal", categories=LATE),
    ),
    Target("y", "y", ("no", "yes")),
    (
        Attribute("sex", "Sex", ("female", "male")),
        Attribute("when", "When", ("2019", "2020", "2021"), kind="other", in_time=True),
    ),
)
AGE = np.array([20.0, 24.5, 25.0, 60.0, np.nan])
COLOUR = np.array([0.0, 1.0, 2.0, np.nan, 1.0])
LATENESS = np.array([0.0, 1.0, 2.0, 3.0, 3.0])
ROWS = Split(
    np.column_stack([AGE, COLOUR, LATENESS]),
    np.zeros(5, np.int64),
    np.arange(5),
    {"sex": np.array([0, 1, 0, 1, -1]), "when": np.array([0, 1, 2, 0, 1])},
)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("age < 25", [0, 1]),
        ("age<=25", [0, 1, 2]),
        ("age != 60", [0, 1, 2]),
        ("age is missing", [4]),
        ("age is not missing and age >= 25", [2, 3]),
        ("not age < 25", [2, 3, 4]),
        ("sex == female", [0, 2]),
        ("sex = male", [1, 3]),
        ("Favourite colour == dark green", [1, 4]),
        ("`Favourite colour` == 'dark green'", [1, 4]),
        ("colour == 2", [2]),
        ('colour in [red, "blue"]', [0, 2]),
        ("late >= 2 months", [2, 3, 4]),
        ("when < 2021", [0, 1, 3, 4]),
        ("age < 25 or age > 50 and sex == female", [0, 1]),
        ("(age < 25 or age > 50) and sex == male", [1, 3]),
        ("age > -1e3", [0, 1, 2, 3]),
    ],
)
def test_a_condition_holds_for_these_cases(text: str, members: list[int]) -> None:
    holds = read_condition(text).holds(SCHEMA, ROWS)
    assert np.flatnonzero(holds).tolist() == members


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the name of a column"),
        ("age", "<, <=, >, >=, ==, !="),
        ("age <", "a value"),
        ("age < 25 and", "the name of a column"),
        ("(age < 25", r"`\)` should stand where the end is"),
        ("age < 25 25 < age", "`and` or `or`"),
        ("colour in red", r"`\[`"),
        ("age is empty", "`missing`"),
        ("age < 'unclosed", "cannot be read"),
        ("(" * 40 + "age < 1" + ")" * 40, "brackets within brackets"),
        ("not " * 40 + "age < 1", "brackets within brackets"),
        ("age < 1 or " * 200 + "age < 1", "more than 1000 characters"),
    ],
)
def test_what_is_no_condition_is_told_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ConditionError, match=says):
        read_condition(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("aeg < 25", "there is no column `aeg`; did you mean `age`?"),
        ("sex == femal", "`sex` is never `femal`; did you mean `female`?"),
        ("colour < red", "without an order"),
        ("age < young", "`age` is a number, and `young` is none"),
        ("__import__('os').system == 1", "should stand where"),
    ],
)
def test_what_the_data_do_not_have_is_told_with_the_nearest(text: str, says: str) -> None:
    with pytest.raises(ConditionError) as error:
        read_condition(text).holds(SCHEMA, ROWS)
    assert says in str(error.value)


LEVELS = tuple(Category(str(k), f"level {k}") for k in range(3))
PAYMENTS = Schema(
    (
        Feature("paid", "Amount paid", "numeric"),
        Feature("owed", "Bill", "numeric"),
        Feature("now", "Now", "ordinal", categories=LEVELS),
        Feature("before", "Before", "ordinal", categories=LEVELS),
        Feature("colour", "Colour", "categorical", categories=LEVELS),
    ),
    Target("y", "y", ("no", "yes")),
)
PAID = np.array(
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
    (relation,) = Relations.of(PAYMENTS, (text,)).parts
    assert np.flatnonzero(relation.broken(PAID)).tolist() == broken


@pytest.mark.parametrize(
    "text", ["paid <= debt", "paid <= now", "colour == now", "paid <=", "__import__('os') <= owed"]
)
def test_what_is_no_relation_of_these_columns_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        Relations.of(PAYMENTS, (text,))


def test_a_change_must_keep_what_it_touches_and_nothing_else() -> None:
    relations = Relations.of(PAYMENTS, ("paid <= owed",))
    kept, broken = PAID[0], PAID[1]
    more_paid, less_owed, other = kept.copy(), kept.copy(), broken.copy()
    more_paid[0], less_owed[1], other[2] = 5.0, 1.5, 0.0
    assert relations.allowed(kept, np.stack([more_paid, less_owed])).tolist() == [False, True]
    assert relations.allowed(broken, other[None]).tolist() == [True]


def test_a_relation_is_told_by_the_labels_of_its_columns() -> None:
    assert relation_in_words(PAYMENTS, "paid <= owed") == "Amount paid ≤ Bill"
