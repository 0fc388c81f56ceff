"""Cases that come one line at a time: what is read, and what is said of a line that is no case."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.datasets.readers.case_rows import (
    LONGEST_LINE,
    ReadRow,
    RejectedRow,
    RowReader,
    header_of,
    line_of,
)
from deepseek_report.errors import DataError

HOUSING = tuple(Category(code, label) for code, label in (("r", "rent"), ("o", "own, paid")))
SCHEMA = Schema(
    (
        Feature("income", "Income", "numeric", unit="€"),
        Feature("housing", "Housing", "categorical", categories=HOUSING),
    ),
    Target("y", "y", ("no", "yes")),
)


def reader(header: bytes = b"housing,income,note\n", decimal: str = ".") -> RowReader:
    return RowReader.of(header, SCHEMA, "new.csv", decimal)  # type: ignore[arg-type]


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
    read = RowReader.of(header_of(SCHEMA).encode(), SCHEMA, "x")
    for cells in ((0.1 + 0.2, 1.0), (math.nan, 0.0), (-1e-300, math.nan)):
        row = read.read(line_of(np.array(cells), SCHEMA).encode(), 2)
        assert isinstance(row, ReadRow)
        assert row.cells == pytest.approx(cells, nan_ok=True, rel=0, abs=0)
