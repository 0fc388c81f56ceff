"""A new row beside the data: one with the same values, and values that no training row has."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split, new_ids
from deepseek_report.datasets.checks.new_rows import NewRow, StrangeValue

PAYS = tuple(Category(str(at), label) for at, label in enumerate(("duly", "late", "never")))
SCHEMA = Schema(
    (
        Feature("AGE", "Age", "numeric", unit="years"),
        Feature("PAY", "Paid", "ordinal", categories=PAYS),
        Feature("BILL", "Bill", "numeric"),
    ),
    Target("y", "y", ("no", "yes")),
)
NAN = float("nan")


def part(first: int, *rows: tuple[float, float, float]) -> Split:
    ids = np.arange(first, first + len(rows))
    return Split(np.array(rows), np.zeros(len(rows), np.int64), ids)


DATA = Dataset(
    SCHEMA,
    train=part(10, (21, 0, 5), (70, 1, NAN), (44, 0, 5)),
    validation=part(20, (44, 0, 5), (90, 0, 1)),
    test=part(30, (33, 1, NAN)),
    card={},
)


def beside(age: float, pay: float, bill: float) -> NewRow:
    return NewRow.of(np.array([age, pay, bill], np.float64), DATA)


def test_numbers_beyond_the_training_rows_and_categories_that_none_has_are_told() -> None:
    age = StrangeValue("Age", "−4\u00a0years", "21\u00a0years", "70\u00a0years")
    assert beside(-4, 2, 5).strange == [age, StrangeValue("Paid", "never")]
    assert beside(21, 1, 5).strange == []
    assert [strange.value for strange in beside(70.5, 1, 5).strange] == ["70.5\u00a0years"]


def test_what_is_missing_is_told_only_where_no_training_row_lacks_it() -> None:
    assert list(beside(NAN, NAN, NAN).missing) == ["Age", "Paid"]
    assert beside(30, 0, NAN).missing == []


def test_a_row_of_the_same_values_is_found_training_rows_first() -> None:
    assert beside(44, 0, 5).same_as == 12
    assert beside(90, 0, 1).same_as == 21
    assert beside(33, 1, NAN).same_as == 30
    assert beside(33, 1, 0).same_as is None


def test_no_new_row_has_the_number_of_a_row_of_the_data() -> None:
    assert new_ids(3, 5).tolist() == [-5, -6, -7]
