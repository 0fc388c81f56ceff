"""Rows of one's own, in a file or line by line, are read as the model's data are, or refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.datasets.readers.case_rows import (
    LONGEST_LINE,
    MOST_ROWS,
    ReadRow,
    RejectedRow,
    RowReader,
    header_of,
    line_of,
    read_case_rows,
)
from deepseek_report.errors import DataError

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
    rows = read_case_rows(written(tmp_path, name, content), SCHEMA)
    assert np.array_equal(rows.inputs, WANTED, equal_nan=True)
    assert rows.ignored == (("extra",) if "extra" in str(content) else ())


def test_one_object_is_one_row(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", {"AGE": 41, "SEX": "woman", "PAY": "duly"})
    assert read_case_rows(path, SCHEMA).inputs.tolist() == [[41.0, 1.0, 0.0]]


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
        read_case_rows(written(tmp_path, "a.csv", content), SCHEMA)
    assert all(text in str(refused.value) for text in says), str(refused.value)


@pytest.mark.parametrize(
    "content",
    ["{", "[1]", '{"AGE": [1], "SEX": 1, "PAY": 0}', "[]", "[" * 100_000, '{"AGE": 1e999}'],
)
def test_broken_json_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="What to do"):
        read_case_rows(written(tmp_path, "a.json", content), SCHEMA)


def test_a_missing_cell_is_a_missing_value(tmp_path: Path) -> None:
    rows = read_case_rows(written(tmp_path, "a.json", {"AGE": None, "SEX": "", "PAY": 0}), SCHEMA)
    assert math.isnan(rows.inputs[0, 0])
    assert math.isnan(rows.inputs[0, 1])


HOUSING = tuple(Category(code, label) for code, label in (("r", "rent"), ("o", "own, paid")))
HOME = Schema(
    (
        Feature("income", "Income", "numeric", unit="€"),
        Feature("housing", "Housing", "categorical", categories=HOUSING),
    ),
    Target("y", "y", ("no", "yes")),
)


def reader(header: bytes = b"housing,income,note\n", decimal: str = ".") -> RowReader:
    return RowReader.of(header, HOME, "new.csv", decimal)  # type: ignore[arg-type]


def rejected(line: bytes, header: bytes = b"housing,income,note\n") -> RejectedRow:
    row = reader(header).read(line, 7)
    assert isinstance(row, RejectedRow), row
    return row


def test_cells_are_found_by_name_or_label_in_any_order() -> None:
    read = reader()
    assert read.ignored == ("note",)
    assert read.read(b'"own, paid",1250.5,x\r\n', 2) == ReadRow(2, (1250.5, 1.0))
    assert reader(b"\xef\xbb\xbfIncome;Housing\n").read(b"7;r\n", 3) == ReadRow(3, (7.0, 0.0))


def test_an_empty_cell_is_missing() -> None:
    row = reader().read(b"NA,,\n", 2)
    assert isinstance(row, ReadRow)
    assert all(map(math.isnan, row.cells))


def test_a_decimal_comma_is_read_where_it_is_declared() -> None:
    row = reader(b"income;housing\n", ",").read(b"1,5;r\n", 2)
    assert isinstance(row, ReadRow)
    assert row.cells[0] == 1.5


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"r,much,\n", ("line 7", "`income`", "'much'", "finite number")),
        (b"r,inf,\n", ("line 7", "`income`", "finite number")),
        (b"r,1\n", ("line 7", "has 2 cells", "3 cells")),
        (b'"r,1,\n', ("line 7", "cannot be taken apart")),
        (b"\xff,1,\n", ("line 7", "not UTF-8", "byte 1")),
        (b"x" * (LONGEST_LINE + 1), ("line 7", "longer than 1 MiB")),
    ],
)
def test_a_bad_line_is_rejected_with_line_and_column(line: bytes, parts: tuple[str, ...]) -> None:
    row = rejected(line)
    assert row.line == 7
    assert not row.unknown_category
    assert all(part in row.problem for part in parts), row.problem


def test_an_unknown_category_is_told_apart_from_other_faults() -> None:
    row = rejected(b"igloo,1,\n")
    assert row.unknown_category
    assert "`housing`" in row.problem
    assert "igloo" in row.problem
    both = rejected(b"igloo,much,\n")
    assert not both.unknown_category
    assert "igloo" in both.problem
    assert "much" in both.problem


@pytest.mark.parametrize(
    ("header", "says"), [(b"income,house\n", "housing"), (b"income,housing,income\n", "twice")]
)
def test_a_header_that_is_not_the_models_is_refused(header: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        reader(header)


def test_a_case_that_is_written_is_read_again() -> None:
    read = RowReader.of(header_of(HOME).encode(), HOME, "x")
    for cells in ((0.1 + 0.2, 1.0), (math.nan, 0.0), (-1e-300, math.nan)):
        row = read.read(line_of(np.array(cells), HOME).encode(), 2)
        assert isinstance(row, ReadRow)
        assert row.cells == pytest.approx(cells, nan_ok=True, rel=0, abs=0)
