"""New rows beside the training rows: what cannot be is refused, what was never seen is marked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Layout, Schema, Target
from deepseek_report.datasets.readers.case_rows import ReadRow, RowReader, read_case_rows
from deepseek_report.datasets.readers.seen_values import SeenValues
from deepseek_report.wording.words import wording

LEVELS = tuple(Category(code, code.title()) for code in ("low", "high", "NA", "never"))
SCHEMA = Schema(
    (
        Feature("age", "Age", "numeric", unit="years"),
        Feature("paid", "Amount paid", "numeric"),
        Feature("owed", "Bill", "numeric"),
        Feature("share", "Share", "numeric"),
        Feature("risk", "Risk", "ordinal", categories=LEVELS),
    ),
    Target("y", "y", ("no", "yes")),
    relations=("paid <= owed", "age >= 18"),
)
TRAIN = np.array(
    [
        [21.0, -5.0, 900.0, 0.125, 0.0],
        [70.0, 40.0, 40.0, 0.5, 1.0],
        [35.0, np.nan, 120.5, 0.75, 2.0],
    ]
)
USUAL = [40.0, 10.0, 100.0, 0.3, 1.0]


def seen(**fields: object) -> SeenValues:
    return SeenValues.of(replace(SCHEMA, **fields), TRAIN)


def with_value(name: str, value: float) -> np.ndarray:
    row = np.array([USUAL])
    row[0, SCHEMA.position(name)] = value
    return row


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("age", 40, ""),
        ("age", 71, "outside"),
        ("age", 119, "outside"),
        ("age", 120, "far"),
        ("age", -4, "negative"),
        ("age", -1e6, "negative"),
        ("age", np.nan, "missing"),
        ("paid", -20, "outside"),  # where some are below 0, below 0 is nothing new
        ("paid", np.nan, ""),
        ("risk", np.nan, "missing"),
        ("risk", 3, "unseen"),
        ("risk", 2, ""),
    ],
)
def test_a_cell_is_marked_by_what_the_training_rows_hold(
    name: str, value: float, kind: str
) -> None:
    (marks,) = seen(relations=()).marks(with_value(name, value))
    assert [(mark.column, mark.kind) for mark in marks] == ([(name, kind)] if kind else [])


@pytest.mark.parametrize("seed", range(4))
def test_no_training_row_is_marked_or_refused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(50, 5)).round(rng.integers(0, 4))
    train[:, 4] = rng.integers(0, 3, 50)
    train[rng.random(train.shape) < 0.2] = np.nan
    known = SeenValues.of(SCHEMA, train)
    assert known.marks(train) == [()] * 50
    assert known.faults(train, "rows", [""] * 50) == [None] * 50


def test_every_mark_says_what_the_training_rows_hold_in_every_language() -> None:
    rows = np.array([[-4.0, 90.0, 9e9, 0.3, 3.0], [np.nan, 1.0, 2.0, 0.3, 1.0]])
    marks = seen(relations=()).marks(rows, [(), (2,)])
    for language in ("en", "zh"):
        said = [wording(language).say(mark.text) for own in marks for mark in own]
        assert len(said) == 6
        assert "21" in said[0]
        assert "70" in said[0]
        assert "Never" in said[3]
        assert not [text for text in said if "{" in text]


def test_of_series_a_reading_is_compared_with_all_readings_of_its_channel() -> None:
    features = tuple(Feature(f"t{k}", f"t{k}", "numeric") for k in range(6))
    layout = Layout("series", (3, 2), tuple((k,) for k in range(6)), tuple("abcdef"))
    schema = Schema(features, SCHEMA.target, layout=layout)
    train = np.array([[0.0, 100, 1, 101, 2, 102], [3, 103, 4, 104, np.nan, 105]])
    known = SeenValues.of(schema, train)
    assert known.marks(np.array([[4.0, 105, 0, 100, np.nan, 100]])) == [()]
    (marks,) = known.marks(np.array([[100.0, np.nan, 0, 100, 0, 90]]))
    assert [(mark.column, mark.kind) for mark in marks] == [
        ("t0", "far"),
        ("t1", "missing"),
        ("t5", "far"),
    ]


def test_a_declared_relation_that_every_training_row_keeps_binds_a_new_row() -> None:
    known = seen()
    rows = np.array([USUAL, with_value("paid", 101)[0], with_value("age", 17)[0]])
    places = ["line 2", "line 3", "line 4"]
    fine, paid, young = known.faults(rows, "new.csv", places)
    assert fine is None
    assert str(paid).startswith("new.csv: line 3 does not keep `paid <= owed`. Allowed: ")
    assert "`age >= 18`" in str(young)
    broken = SeenValues.of(SCHEMA, np.vstack([TRAIN, [30.0, 60.0, 50.0, 0.5, 1.0]]))
    assert [fault is None for fault in broken.faults(rows, "", places)] == [True, True, False]


NUMBERS = [
    ("paid", "1.000", True),
    ("paid", "-12.345", True),
    ("paid", "0.107", False),
    ("paid", "1.00", False),
    ("paid", "1234.567", False),
    ("paid", "1000", False),
    ("share", "1.000", False),  # of which training rows have three decimal places
]


@pytest.mark.parametrize(("name", "text", "unclear"), NUMBERS)
def test_three_digits_behind_a_sign_are_marked_where_no_training_row_has_so_many(
    name: str, text: str, unclear: bool, tmp_path: Path
) -> None:
    cells = {"age": "40", "paid": "10", "owed": "9000", "share": "0.5", "risk": "low", name: text}
    lines = [",".join(cells), ",".join(cells.values())]
    row = RowReader.of(lines[0].encode(), SCHEMA, "rows").read(lines[1].encode(), 2)
    assert isinstance(row, ReadRow)
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines))
    read = read_case_rows(path, SCHEMA)
    for inputs, signs in ((np.array([row.cells]), [row.unclear]), (read.inputs, read.unclear)):
        assert inputs[0, SCHEMA.position(name)] == float(text)
        kinds = {mark.kind for mark in seen().marks(inputs, signs)[0]}
        assert ("unclear" in kinds) == unclear


@pytest.mark.parametrize(
    ("text", "value"), [("1,5", 1.5), ("1.000", None), ("1.5", None), ("1.000,5", None)]
)
def test_in_a_stream_with_decimal_commas_a_point_is_no_decimal_sign(
    text: str, value: float | None
) -> None:
    reader = RowReader.of(b"age;paid;owed;share;risk", SCHEMA, "rows", ",")
    row = reader.read(f"40;{text};9000;0,5;low".encode(), 2)
    assert getattr(row, "cells", (None, None))[1] == value
    if value is None:
        assert "`paid` (Amount paid)" in row.problem  # type: ignore[union-attr]
        assert "no sign between thousands" in row.problem  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["n/a", "", " NULL ", "NaN"])
def test_what_means_missing_means_so_in_every_form_of_a_row(text: str, tmp_path: Path) -> None:
    header, line = "age,paid,owed,share,risk", f"{text},1,2,0.5,low"
    row = RowReader.of(header.encode(), SCHEMA, "rows").read(line.encode(), 2)
    assert isinstance(row, ReadRow)
    (tmp_path / "a.csv").write_text(f"{header}\n{line}\n")
    (tmp_path / "a.json").write_text(
        f'{{"age": "{text}", "paid": 1, "owed": 2, "share": 0.5, "risk": "low"}}'
    )
    read = [read_case_rows(tmp_path / name, SCHEMA).inputs[0] for name in ("a.csv", "a.json")]
    for cells in (np.array(row.cells), *read):
        assert np.isnan(cells[0])
        assert not np.isnan(cells[1:]).any()


def test_a_category_that_is_called_as_a_missing_value_is_that_category() -> None:
    header = b"age,paid,owed,share,risk"
    row = RowReader.of(header, SCHEMA, "rows").read(b"40,1,2,0.5,NA", 2)
    assert isinstance(row, ReadRow)
    assert row.cells[4] == 2.0
