"""Lines of a stream and typed cells are read as the rows of a file are, or refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.datasets.checks.new_rows import SeenValues
from deepseek_report.datasets.readers.case_rows import FaultyRowsError
from deepseek_report.datasets.readers.file_form import Decimal
from deepseek_report.errors import DataError
from deepseek_report.extensions.live.incoming_rows import (
    LONGEST_LINE,
    ReadRow,
    RejectedRow,
    RowReader,
    header_of,
    line_of,
    typed_row,
)
from tests.datasets.readers import test_case_rows as files
from tests.datasets.readers.test_case_rows import SEEN, SEEN_BILLS, Form, row_or_refusal

#: What holds of rows in files is asked again, of the forms below.
test_open_numbers = (
    files.test_three_digits_behind_a_point_are_refused_where_nothing_settles_what_it_is
)
test_missing_cells = files.test_what_means_missing_means_so_in_every_form_of_a_row
test_relations = files.test_a_declared_relation_that_every_training_row_keeps_binds_a_new_row


@pytest.fixture
def forms() -> list[Form]:
    """A line of a stream, and what a person types."""

    def line(cells: dict[str, str], seen: SeenValues) -> list[float] | str:
        reader = RowReader.of(",".join(cells).encode(), seen, "x")
        row = reader.read(",".join(cells.values()).encode(), 2)
        return row.problem if isinstance(row, RejectedRow) else [*row.cells]

    return [line, lambda cells, seen: row_or_refusal(lambda: typed_row(cells, seen))]


def test_a_typed_row_is_read_as_that_of_a_file() -> None:
    row = typed_row({"Age": " 30.5 ", "sex": "Woman", "PAY": "", "note": "x"}, SEEN)
    assert np.array_equal(row.inputs, [[30.5, 1.0, np.nan]], equal_nan=True)
    assert row.ignored == ("note",)
    with pytest.raises(FaultyRowsError, match=r"^the new case: `AGE` \(Age\) is 'x'\. Allowed"):
        typed_row({"AGE": "x", "SEX": "1", "PAY": "0"}, SEEN)


HOUSING = tuple(Category(code, label) for code, label in (("r", "rent"), ("o", "own, paid")))
HOME = Schema(
    (
        Feature("income", "Income", "numeric", unit="€"),
        Feature("housing", "Housing", "categorical", categories=HOUSING),
    ),
    Target("y", "y", ("no", "yes")),
)


SEEN_HOMES = SeenValues.of(HOME, np.array([[1250.5, 1.0], [7.0, 0.0]]))


def reader(header: bytes = b"housing,income,note\n", decimal: Decimal | None = None) -> RowReader:
    return RowReader.of(header, SEEN_HOMES, "new.csv", decimal)


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
    read = RowReader.of(header_of(HOME).encode(), SEEN_HOMES, "x")
    for cells in ((0.1 + 0.2, 1.0), (math.nan, 0.0), (-1e-300, math.nan)):
        row = read.read(line_of(np.array(cells), HOME).encode(), 2)
        assert isinstance(row, ReadRow)
        assert row.cells == pytest.approx(cells, nan_ok=True, rel=0, abs=0)


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.000", ".", 1.0),
        ("1,5", ",", 1.5),
        ("1,000", ",", 1.0),
        ("1.000", ",", None),
        ("1.5", ",", None),
        ("1.000,5", ",", None),
        ("1,5", ".", None),
    ],
)
def test_a_declared_decimal_sign_settles_every_number(
    text: str, decimal: Decimal, value: float | None
) -> None:
    row = reader(b"income;housing\n", decimal).read(f"{text};r\n".encode(), 2)
    if value is None:
        assert isinstance(row, RejectedRow)
        assert f"a decimal {'comma' if decimal == ',' else 'point'} and no other" in row.problem
    else:
        assert row == ReadRow(2, (value, 0.0))


def test_a_category_that_is_called_as_a_missing_value_is_that_category() -> None:
    row = RowReader.of(b"paid,owed,share,risk", SEEN_BILLS, "x").read(b"1,20,1,NA", 2)
    assert isinstance(row, ReadRow)
    assert row.cells[3] == 1.0
