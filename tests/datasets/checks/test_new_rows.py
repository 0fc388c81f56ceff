"""A new row beside the training rows: values that none of them has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Split, new_ids
from deepseek_report.datasets.checks.new_rows import SeenValues, StrangeValue

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


SEEN = SeenValues.of(SCHEMA, np.array([[21, 0, 5], [70, 1, NAN], [44, 0, 5]]))


def strange(age: float, pay: float, bill: float) -> list[StrangeValue]:
    (values,) = SEEN.strange(np.array([[age, pay, bill]], np.float64))
    return values


def test_numbers_beyond_the_training_rows_and_categories_that_none_has_are_told() -> None:
    age = StrangeValue("AGE", "far", "Age", "−4\u00a0years", "21\u00a0years", "70\u00a0years")
    assert strange(-4, 2, 5) == [age, StrangeValue("PAY", "unseen", "Paid", "never")]
    assert strange(21, 1, 5) == []
    assert [each.value for each in strange(70.5, 1, 5)] == ["70.5\u00a0years"]


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        ((71, 0, 5), {"AGE": "outside"}),
        ((119, 0, 5), {"AGE": "outside"}),
        ((120, 0, 5), {"AGE": "far"}),
        ((-1, 0, 5), {"AGE": "far"}),  # the first below 0
        ((30, 0, 6), {"BILL": "far"}),  # of training rows that have one value all others are far
        ((NAN, NAN, NAN), {"AGE": "missing", "PAY": "missing"}),  # a training row lacks a bill
        ((30, 2, NAN), {"PAY": "unseen"}),
    ],
)
def test_a_value_is_told_by_what_the_training_rows_have(
    row: tuple[float, float, float], kinds: dict[str, str]
) -> None:
    assert {value.name: value.kind for value in strange(*row)} == kinds


def test_only_a_value_just_beyond_the_training_numbers_is_no_likely_mistake() -> None:
    rows = [(71, 0, 5), (120, 0, 5), (NAN, 0, 5), (30, 2, 5)]
    kinds = [value.is_doubtful for row in rows for value in strange(*row)]
    assert kinds == [False, True, True, True]


@pytest.mark.parametrize("seed", range(4))
def test_no_training_row_has_what_none_has_or_breaks_what_all_keep(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(50, 3)).round(rng.integers(0, 4))
    train[:, 1] = rng.integers(0, 3, 50)
    train[rng.random(train.shape) < 0.2] = np.nan
    seen = SeenValues.of(replace(SCHEMA, relations=("AGE <= BILL", "AGE <= 99")), train)
    assert seen.strange(train) == [[]] * 50
    assert seen.broken(train) == []
    assert [relation.text for relation in seen.relations] == ["AGE <= 99"]


def test_of_series_what_is_measured_of_a_channel_is_told() -> None:
    features = tuple(Feature(f"t{k}", f"t{k}", "numeric") for k in range(6))
    layout = Layout("series", (3, 2), tuple((k,) for k in range(6)), tuple("abcdef"))
    schema = Schema(features, SCHEMA.target, layout=layout)
    train = np.array([[0.0, 100, 1, 101, 2, 102], [3, 103, 4, 104, 4, 105]])
    seen = SeenValues.of(schema, train)
    assert seen.strange(train) == [[], []]
    (kinds,) = seen.strange(np.array([[0.0, 100, 1, 101, 4.5, np.nan]]))
    assert {value.name: value.kind for value in kinds} == {
        "highest reading of 1": "outside",
        "largest step of 1": "far",
        "spread of 1": "far",
        "mean of 2": "outside",
        "spread of 2": "far",
        "highest reading of 2": "outside",
        "number of missing readings of 2": "far",
    }


def test_of_rows_of_the_data_nothing_is_told() -> None:
    rows = Split(np.array([[90.0, 0, 5]] * 3), np.zeros(3, np.int64), np.array([-1, 7, 0]))
    assert [*SEEN.strange_of_new(rows)] == [-1]


def test_no_new_row_has_the_number_of_a_row_of_the_data() -> None:
    assert new_ids(3, 5).tolist() == [-5, -6, -7]
