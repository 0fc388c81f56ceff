"""Numbers as countries write them are read as what they are, or told where they are two."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from babel.numbers import format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_report.datasets.readers.cells import read_cells
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.json_lines import read_json_lines
from deepseek_report.datasets.readers.table_file import (
    ReadTable,
    read_column,
    read_drawn,
    read_table,
)
from deepseek_report.datasets.readers.written_numbers import typed_number, written_plainly
from tests.worded import say

#: Commas and points; points and commas; narrow spaces; a true minus; pairs of digits; apostrophes.
LOCALES = ["en", "de", "fr", "sv", "en_IN", "pt_BR", "ru", "’", "'"]
#: Whole numbers and decimals of any size, as they stand in data.
NUMBERS = st.decimals(
    min_value=Decimal(-(10**9)), max_value=Decimal(10**9), places=3, allow_nan=False
) | st.integers(-(10**12), 10**12).map(Decimal)


def written(value: Decimal | float, locale: str) -> str:
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    if locale in {"’", "'"}:  # as in Switzerland
        return written(exact, "en").replace(",", locale)
    return format_decimal(exact, locale=locale, decimal_quantization=False)


def numbers(table: ReadTable, name: str) -> list[float]:
    return read_cells(table.frame[name], name, table.decimal).numbers.tolist()


def notes(table: ReadTable) -> str:
    return " ".join(map(say, table.notes))


def saved(frame: pd.DataFrame, folder: Path, kind: str) -> Path:
    path = folder / f"a{kind[-8:] if kind.startswith('.') else '.csv'}"
    if kind == ".xlsx":
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False)
    elif kind == ".parquet":
        frame.to_parquet(path)
    elif kind == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep=kind)
    return path


@given(value=NUMBERS, locale=st.sampled_from(LOCALES))
def test_a_typed_number_is_among_what_it_may_be_and_two_only_where_it_is(
    value: Decimal, locale: str
) -> None:
    text = written(value, locale)
    readings = typed_number(text)
    declared = "." if locale in {"en", "en_IN", "’", "'"} else ","
    assert typed_number(text, declared) == (float(value),)
    grouped_by_point = locale in {"de", "pt_BR"}
    if len(text.lstrip("-\u2212")) <= 7 and text.count(".") == 1 and grouped_by_point:
        return  # 1.234 is what programs write, too
    assert float(value) in readings
    assert len(readings) == 1 or text.count(",") == 1


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(NUMBERS, min_size=3, max_size=12),
    locale=st.sampled_from(LOCALES),
    separator=st.sampled_from([";", "\t", ""]),
)
def test_a_table_of_any_country_gives_its_numbers_back(
    values: list[Decimal], locale: str, separator: str
) -> None:
    """One number that shows the sign before decimals tells those that do not."""
    column = [written(value, locale) for value in values]
    frame = pd.DataFrame({"x": column, "sure": written(Decimal("0.107"), locale)})
    plain, decimal, _ = written_plainly(frame, None, separator)
    read = read_cells(plain["x"], "x", decimal).numbers
    assert read.tolist() == [float(value) for value in values]


@pytest.mark.parametrize("kind", [";", "\t", ".xlsx", ".parquet", ".jsonl"])
@pytest.mark.parametrize("locale", ["en", "de", "fr", "’"])
def test_files_of_all_kinds_are_read_alike(locale: str, kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = {
        "rate": random.normal(size=40).round(3),
        "amount": (random.gamma(2, 40_000, 40)).round(2),
        "people": random.integers(0, 2_000_000, 40).astype(float),
        "thousands": random.integers(1, 900, 40) * 1000.0,
    }
    texts = {name: [written(v, locale) for v in column] for name, column in values.items()}
    path = saved(pd.DataFrame(texts), tmp_path, kind)
    table = (read_json_lines if kind == ".jsonl" else read_table)(path, FileForm())
    for name, column in values.items():
        assert numbers(table, name) == column.tolist()
    assert "group thousands and are left out" in notes(table)
    assert ("decimal comma" in notes(table)) == (locale in {"de", "fr"})
    if kind != ".jsonl":
        series, decimal = read_column(path, FileForm(), "thousands")
        read = read_cells(series, "thousands", decimal).numbers
        assert read.tolist() == values["thousands"].tolist()
        seen: list[list[float]] = []

        def draw(frame: pd.DataFrame, sign: str) -> np.ndarray:
            seen.append(read_cells(frame["amount"], "amount", sign).numbers.tolist())
            return np.array([3, 5])

        drawn = read_drawn(path, FileForm(drawn=True), ["amount"], draw)
        assert seen == [values["amount"].tolist()]
        assert numbers(drawn, "people") == values["people"][[3, 5]].tolist()


@pytest.mark.parametrize(
    ("columns", "decimal", "expected", "said"),
    [
        ({"x": ["0,107", "1,234"]}, ",", [0.107, 1.234], "decimal comma, which “x” shows"),
        ({"x": ["1,234", "5,678"]}, ".", None, "may group thousands or mark decimals"),
        ({"x": ["1,234"], "y": ["0.5"]}, ".", [1234.0], "Commas in “x” group thousands"),
        ({"x": ["1,234"], "y": ["0,5"]}, ",", [1.234], "decimal comma, which “y” shows"),
        ({"x": ["1.234"], "y": ["0,5"]}, ",", [1234.0], "Points in “x” group thousands"),
        ({"x": ["1,234"], "y": ["2 500"]}, ",", [1.234], "Blanks in “y” group thousands"),
        ({"x": ["1.234", "2.345"]}, ".", [1.234, 2.345], "read as decimal points"),
        ({"x": ["1,234,567", "1,234"]}, ".", [1234567.0, 1234.0], "Commas in “x” group"),
        ({"x": ["1'234", "12"]}, ".", [1234.0, 12.0], "Apostrophes in “x” group thousands"),
        ({"x": ["500", *(f"{k},230" for k in range(1, 21))]}, ".", [500.0], "Commas in “x” group"),
        ({"x": ["500", *(f"{k}.230" for k in range(1, 21))]}, ",", [500.0], "Points in “x” group"),
        ({"x": ["500", *(f"{k},234" for k in range(1, 31))]}, ".", None, "may group thousands or"),
        (
            {"x": ["1,000", *(f"{k},230" for k in range(1, 31))]},
            ".",
            None,
            "may group thousands or",
        ),
        ({"x": ["5000", *(f"{k},230" for k in range(1, 31))]}, ".", None, "may group thousands or"),
        ({"x": ["1,5"], "y": ["0.5"]}, ".", None, "points were taken as decimal"),
        ({"x": ["1,5", "2,75", "1,234.5"]}, ".", None, ""),
        ({"x": ["12 34", "5 67"]}, ".", None, ""),
        ({"x": ["079 123 456", "044 123 456"]}, ".", None, ""),
        ({"x": ["10.12.2020", "11.12.2020"]}, ".", None, ""),
        ({"x": ["1,2,3", "1,2"]}, ".", None, ""),
    ],
)
def test_evidence_of_the_column_then_of_the_file_decides_and_is_said(
    columns: dict[str, list[str]], decimal: str, expected: list[float] | None, said: str
) -> None:
    rows = max(map(len, columns.values()))
    frame = pd.DataFrame({name: np.resize(cells, rows) for name, cells in columns.items()})
    plain, sign, about = written_plainly(frame.copy(), None, ";")
    assert sign == decimal
    assert said in " ".join(map(say, about))
    assert bool(about) == bool(said)
    if expected is None:
        assert plain["x"].tolist() == frame["x"].tolist()
        assert np.isnan(read_cells(plain["x"], "x", sign).numbers).any()
    else:
        read = read_cells(plain["x"], "x", sign).numbers.tolist()
        assert read[: len(expected)] == expected
        assert len(read) == len(expected) or read[1] == 1230.0


def test_beside_commas_between_columns_points_are_decimal_without_a_word(tmp_path: Path) -> None:
    table = read_table(saved(pd.DataFrame({"x": ["1.234"], "y": ["a"]}), tmp_path, ","), FileForm())
    assert notes(table) == ""
    assert numbers(table, "x") == [1.234]


@pytest.mark.parametrize(
    ("cell", "declared", "number", "said"),
    [
        ("1,234", ",", 1.234, ""),
        ("1,234", ".", 1234.0, "Commas in “x” group thousands"),
        ("1.234", ",", 1234.0, "Points in “x” group thousands"),
        ("12.5", ",", 12.5, "numbers only with another sign"),
        ("12,5", ".", None, "numbers only with another sign"),
    ],
)
def test_a_declared_sign_counts_and_what_contradicts_it_is_told(
    cell: str, declared: str, number: float | None, said: str, tmp_path: Path
) -> None:
    path = saved(pd.DataFrame({"x": [cell], "y": ["a"]}), tmp_path, ";")
    table = read_table(path, FileForm(separator=";", decimal=declared))  # type: ignore[arg-type]
    assert said in notes(table)
    assert numbers(table, "x") == ([number] if number else [pytest.approx(np.nan, nan_ok=True)])


def test_numbers_and_texts_of_numbers_in_one_column_of_a_workbook_are_one_column(
    tmp_path: Path,
) -> None:
    frame = pd.DataFrame({"x": [12.5, "0,107", 1234, None, "2.345,5"], "y": list("abcde")})
    table = read_table(saved(frame, tmp_path, ".xlsx"), FileForm())
    read = numbers(table, "x")
    assert read[:3] + read[4:] == [12.5, 0.107, 1234.0, 2345.5]
