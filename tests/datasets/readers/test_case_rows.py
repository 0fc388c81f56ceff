"""Rows of one's own are read as the model's data are, or refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.datasets.checks.new_rows import SeenValues
from deepseek_report.datasets.readers.case_rows import (
    MOST_ROWS,
    CaseRows,
    FaultyRowsError,
    read_case_rows,
)
from deepseek_report.errors import DataError, error_code

SCHEMA = Schema(
    (
        Feature("AGE", "Age", "numeric", unit="years"),
        Feature(
            "SEX", "Sex", "categorical", categories=(Category("1", "man"), Category("2", "woman"))
        ),
        Feature(
            "PAY", "Paid", "ordinal", categories=(Category("-1", "duly"), Category("0", "late"))
        ),
    ),
    Target("y", "y", ("no", "yes")),
)
WANTED = np.array([[41.0, 1.0, 0.0], [30.5, 0.0, np.nan]])
SEEN = SeenValues.of(SCHEMA, WANTED)


def written(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "AGE,SEX,PAY\n41,2,-1\n30.5,1,\n"),
        ("a.csv", "pay,extra,Sex,Age\nduly,x,Woman,41\n,y,man,30.5\n"),
        ("a.json", [{"AGE": 41, "SEX": 2, "PAY": -1}, {"AGE": "30.5", "SEX": "man", "PAY": None}]),
        ("a.jsonl", '{"AGE": 41, "SEX": 2, "PAY": -1}\n{"AGE": 30.5, "SEX": 1}\n'),
    ],
    ids=["codes", "labels", "json", "lines"],
)
def test_names_and_labels_codes_and_words_give_the_same_rows(
    tmp_path: Path, name: str, content: Any
) -> None:
    rows = read_case_rows(written(tmp_path, name, content), SEEN)
    assert np.array_equal(rows.inputs, WANTED, equal_nan=True)
    assert rows.ignored == (("extra",) if "extra" in str(content) else ())


def test_one_object_is_one_row(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", {"AGE": 41, "SEX": "woman", "PAY": "duly"})
    assert read_case_rows(path, SEEN).inputs.tolist() == [[41.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("AGES,SEX,PAY\n41,2,-1\n", ["no column `AGE` (Age)", "did you mean `AGES`?"]),
        ("AGE,SEX,PAY\n41,womann,-1\n", ["row 1, `SEX` (Sex) is 'womann'", "2 (woman)", "'woman'"]),
        ("AGE,SEX,PAY\n41,3,-1\n", ["row 1, `SEX` (Sex) is '3'", "1 (man), 2 (woman)"]),
        ("AGE,SEX,PAY\n41,1,0\nold,1,0\n", ["row 2, `AGE` (Age) is 'old'", "a finite number"]),
        ("AGE,SEX,PAY\n" + "41,1,0\n" * (MOST_ROWS + 1), [f"it holds {MOST_ROWS + 1} rows"]),
    ],
)
def test_what_cannot_be_read_is_named_with_what_is_allowed(
    tmp_path: Path, content: str, says: list[str]
) -> None:
    with pytest.raises(DataError) as refused:
        read_case_rows(written(tmp_path, "a.csv", content), SEEN)
    assert all(text in str(refused.value) for text in says), str(refused.value)


def test_all_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "AGE,SEX\nold,1\n41,womann\n1e999,2\n")
    with pytest.raises(FaultyRowsError) as refused:
        read_case_rows(path, SEEN)
    faults = refused.value.faults
    assert [feature for feature, _ in faults] == ["AGE", "AGE", "SEX", "PAY"]
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{path}: 4 values cannot be read"
    assert [line.removeprefix("- ") for line in lines[1:]] == [problem for _, problem in faults]
    assert all("Allowed: " in line and "What to do: " in line for line in lines[1:])
    assert error_code(refused.value) == 2


def test_of_very_many_faults_the_first_are_told_and_how_many_more_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "AGE,SEX,PAY\n" + "x,1,0\n" * 30)
    with pytest.raises(FaultyRowsError, match=r"30 values cannot be read\n(.*\n){20}- and 10 more"):
        read_case_rows(path, SEEN)


@pytest.mark.parametrize(
    "content",
    ["{", "[1]", '{"AGE": [1], "SEX": 1, "PAY": 0}', "[]", "[" * 100_000, '{"AGE": 1e999}'],
)
def test_broken_json_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="What to do"):
        read_case_rows(written(tmp_path, "a.json", content), SEEN)


def test_a_missing_cell_is_a_missing_value(tmp_path: Path) -> None:
    rows = read_case_rows(written(tmp_path, "a.json", {"AGE": None, "SEX": "", "PAY": 0}), SEEN)
    assert math.isnan(rows.inputs[0, 0])
    assert math.isnan(rows.inputs[0, 1])


#: A column of whole numbers, one of thousandths, and a category that is called as a missing value.
BILLS = Schema(
    (
        Feature("paid", "Amount paid", "numeric"),
        Feature("owed", "Bill", "numeric"),
        Feature("share", "Share", "numeric"),
        Feature(
            "risk", "Risk", "ordinal", categories=(Category("low", "Low"), Category("NA", "Na"))
        ),
    ),
    Target("y", "y", ("no", "yes")),
    relations=("paid <= owed", "owed >= 18"),
)
BILLED = np.array([[40.0, 40.0, 0.125, 0.0], [-5.0, 900.5, 1.0, 1.0]])
USUAL = {"paid": "10", "owed": "9000", "share": "1", "risk": "low"}


#: Reads a row {column: text} in some form: (feature,) values, or why it cannot be read.
Form = Callable[[dict[str, str], SeenValues], list[float] | str]


def row_or_refusal(read: Callable[[], CaseRows]) -> list[float] | str:
    try:
        return list(read().inputs[0].tolist())
    except FaultyRowsError as error:
        return error.faults[0][1]


@pytest.fixture
def forms(tmp_path: Path) -> list[Form]:
    """A table, and JSON."""

    def table(cells: dict[str, str], seen: SeenValues) -> list[float] | str:
        lines = [",".join(cells), ",".join(cells.values())]
        path = written(tmp_path, "a.csv", "\n".join(lines))
        return row_or_refusal(lambda: read_case_rows(path, seen))

    def object_(cells: dict[str, str], seen: SeenValues) -> list[float] | str:
        path = written(tmp_path, "a.json", cells)
        return row_or_refusal(lambda: read_case_rows(path, seen))

    return [table, object_]


SEEN_BILLS = SeenValues.of(BILLS, BILLED)


@pytest.mark.parametrize(
    ("changed", "is_open"),
    [
        ({"paid": "1.000"}, True),
        ({"paid": "-12.345"}, True),
        ({"paid": "0.107"}, False),
        ({"paid": "1.00"}, False),
        ({"paid": "1234.567"}, False),
        ({"paid": "1000"}, False),
        ({"share": "1.000"}, False),  # of which training rows have three decimal places
        ({"paid": "1.000", "share": "0.5"}, True),
        ({"paid": "1.000", "owed": "9.000"}, True),
    ],
)
def test_three_digits_behind_a_point_are_refused_where_nothing_settles_what_it_is(
    forms: list[Form], changed: dict[str, str], is_open: bool
) -> None:
    for read in (form(USUAL | changed, SEEN_BILLS) for form in forms):
        if is_open:
            assert "a number that can be read in one way" in str(read)
            assert f"`paid` (Amount paid) is {changed['paid']!r}" in str(read)
        else:
            place = BILLS.position(next(iter(changed)))
            assert read[place] == float(next(iter(changed.values())))


@pytest.mark.parametrize("text", ["n/a", "", " NULL ", "NaN"])
def test_what_means_missing_means_so_in_every_form_of_a_row(forms: list[Form], text: str) -> None:
    for form in forms:
        read = form(USUAL | {"paid": text}, SEEN_BILLS)
        assert [math.isnan(float(cell)) for cell in read] == [True, False, False, False]


def test_a_declared_relation_that_every_training_row_keeps_binds_a_new_row(
    forms: list[Form],
) -> None:
    for paid, owed, relation in (("101", "100", "paid <= owed"), ("1", "17", "owed >= 18")):
        for read in (form(USUAL | {"paid": paid, "owed": owed}, SEEN_BILLS) for form in forms):
            assert f"`{relation}` does not hold" in str(read)
            assert "What to do: " in str(read)
    broken = SeenValues.of(BILLS, np.vstack([BILLED, [60.0, 50.0, 0.5, 1.0]]))
    for form in forms:
        assert form(USUAL | {"paid": "101", "owed": "100"}, broken) == [101.0, 100.0, 1.0, 0.0]


def test_of_a_relation_it_is_told_at_which_cell_and_in_which_row(tmp_path: Path) -> None:
    lines = ["paid,owed,share,risk", "1,20,1,low", "30,20,1,low"]
    path = written(tmp_path, "a.csv", "\n".join(lines))
    with pytest.raises(FaultyRowsError, match=r"a\.csv: row 2, `paid <= owed`") as refused:
        read_case_rows(path, SEEN_BILLS)
    assert [feature for feature, _ in refused.value.faults] == ["paid"]
    assert not refused.value.unknown_categories
