"""Rows cut by Arrow are those that pandas gives, and no more of them is held than is kept."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.datasets.readers import file_bytes, table_file
from deepseek_report.datasets.readers.file_bytes import FileBytes
from deepseek_report.datasets.readers.file_form import Decimal, FileForm, ReadLimits
from deepseek_report.datasets.readers.table_file import (
    MISSING,
    ReadTable,
    read_drawn,
    read_rows,
    read_table,
)
from deepseek_report.datasets.readers.text_table import Decoded, TextTable
from deepseek_report.errors import DataError

CELLS = st.sampled_from(
    [
        *("", "NA", " NA", "nan", "01", "1.0", " 2", "-999", "-999.0", "1e5", "a b", "年"),
        *('say "x"', "two\nlines", "a,b", "'", "None", "\t", "3.141592653589793", "\u00a0"),
    ]
)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=30)


def by_pandas(raw: bytes, form: FileForm) -> pd.DataFrame:
    """The reader that this package had before."""
    return pd.read_csv(
        io.BytesIO(raw),
        encoding="utf-8-sig",
        dtype=str,
        keep_default_na=False,
        na_values=[*MISSING, *form.missing_values],
        header=0,
        names=[0, 1, 2],
        index_col=False,
    )


def text_table(raw: bytes, codec: str = "utf-8-sig") -> TextTable:
    return TextTable(Decoded(FileBytes(Path("a.csv"), raw, ""), codec, ReadLimits()), ",", ())


@settings(max_examples=200, deadline=None)
@given(
    rows=ROWS,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quotes=st.booleans(),
    codec=st.sampled_from(["utf-8-sig", "utf-16", "gb18030"]),
    block=st.sampled_from([64, 300, 1 << 22]),
)
def test_every_cell_is_that_of_the_slow_reader(
    rows: list[list[str]], end: str, quotes: bool, codec: str, block: int
) -> None:
    lines = [["x", "y\nz", "w"], *rows]
    quoting = 1 if quotes or end == "\r" else 0  # pandas leaves other line ends bare
    text = pd.DataFrame(lines).to_csv(
        index=False, header=False, lineterminator=end, quoting=quoting
    )
    form = FileForm(missing_values=("-999", "1e5"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_file, "_BLOCK", block)
        table = read_rows(text_table(text.encode(codec), codec), form, 3)
    pd.testing.assert_frame_equal(table, by_pandas(text.encode(), form), check_column_type=False)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n\n3,4\n",
        "a,b\n1,2\r\n\r\n3,4",
        "a\n1\n  \n2\n",
        "a,b\n" + "x" * 10_000 + ",1\ny,2\n",
    ],
)
def test_blank_lines_single_columns_and_long_lines_are_read_as_before(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_file, "_BLOCK", 1000)
    width = text.partition("\n")[0].count(",") + 1
    expected = pd.read_csv(
        io.StringIO(text), dtype=str, keep_default_na=False, names=range(width), header=0
    )
    table = read_rows(text_table(text.encode()), FileForm(), width)
    pd.testing.assert_frame_equal(table, expected, check_column_type=False)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,2", "line 3 has 2 cells, the header has 3"),
        ("1,2,3,4", "line 3 has 4 cells, the header has 3"),
        ('"a"b,2,3', "line 3 cannot be read"),
        (" ", "line 3 has 1 cells, the header has 3"),
    ],
)
def test_a_broken_line_is_told_by_its_number(line: str, problem: str) -> None:
    raw = f"a,b,c\n1,2,3\n{line}\n4,5,6\n".encode()
    with pytest.raises(DataError, match=problem):
        read_rows(text_table(raw), FileForm(), 3)


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_a_character_of_zero_is_refused(drawn: bool, encoding: str | None, tmp_path: Path) -> None:
    path, form = tmp_path / "a.csv", FileForm(encoding=encoding, drawn=drawn)
    for text in ("a,b\n1,\0x\n3,4\n", "a\0,b\n1,x\n"):
        path.write_text(text)
        with pytest.raises(DataError, match=r"a\.csv.*the character NUL \(U\+0000\)"):
            read_drawn(path, form, ["b"], lambda frame, _: np.arange(len(frame)))


# --- rows that are drawn while reading ------------------------------------------------------------


def numbers(n: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {"x": random.normal(size=n).round(4), "word": "w", "y": random.integers(0, 2, n)}
    )


def drawn_of(path: Path, draw: Any = None, *names: str, **form: Any) -> ReadTable:
    """What is read of the drawn rows; without a draw, of every seventh."""
    draw = draw or (lambda frame, _: np.arange(0, len(frame), 7))
    return read_drawn(path, FileForm(drawn=True, **form), list(names or ("y",)), draw)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv.zip", "a.parquet", "a.xlsx"])
def test_the_drawn_rows_are_those_of_the_whole_table(name: str, tmp_path: Path) -> None:
    frame, path = numbers(100), tmp_path / name
    if name.endswith("parquet"):
        frame.to_parquet(path, row_group_size=13)
    elif name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    whole = read_table(path, FileForm())
    drawn = drawn_of(path)
    expected = whole.frame.iloc[::7].reset_index(drop=True)
    pd.testing.assert_frame_equal(drawn.frame, expected, check_column_type=False)
    assert (drawn.sha256, drawn.n_rows) == (whole.sha256, 100)
    assert drawn.rows is not None
    assert drawn.rows.tolist() == list(range(0, 100, 7))


@pytest.mark.parametrize("block", [50, 333, 1 << 20])
def test_the_draw_does_not_depend_on_the_size_of_blocks(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(200).to_csv(tmp_path / "a.csv", index=False)
    usual = drawn_of(tmp_path / "a.csv")
    monkeypatch.setattr(table_file, "_BLOCK", block)
    monkeypatch.setattr(file_bytes, "_READ_AT_ONCE", block)
    pd.testing.assert_frame_equal(drawn_of(tmp_path / "a.csv").frame, usual.frame)


def test_a_file_beyond_the_bounds_is_read_as_far_as_its_drawn_rows_are_within(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    numbers(3000).to_csv(path, index=False)
    limits = ReadLimits(bytes=8_000, cells=3_000)
    assert path.stat().st_size > 4 * limits.bytes
    with pytest.raises(DataError, match="bytes"):
        read_table(path, FileForm(limits=limits))
    assert len(drawn_of(path, lambda *_: np.arange(50), limits=limits).frame) == 50
    with pytest.raises(DataError, match=r"dataset\.bounds\.cells"):
        drawn_of(path, lambda *_: np.arange(1500), limits=limits)


def test_a_packed_file_is_refused_once_it_unpacks_to_more_than_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"x,y\n" + b"0,1\n" * 100_000))
    with pytest.raises(DataError, match="bytes once unpacked"):
        drawn_of(path, limits=ReadLimits(bytes=100_000))


def test_while_rows_are_drawn_only_some_blocks_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, block = tmp_path / "a.csv", 4_000
    numbers(20_000).to_csv(path, index=False)
    monkeypatch.setattr(table_file, "_BLOCK", block)
    sizes: list[int] = []
    taken = table_file._kept

    def counted(*arguments: Any) -> Iterator[Any]:
        for batch in taken(*arguments):
            sizes.append(batch.nbytes)
            yield batch

    monkeypatch.setattr(table_file, "_kept", counted)
    drawn_of(path, lambda *_: np.arange(0, 20_000, 400))
    of_the_target = 20_000 * 9.5
    assert sum(sizes) < of_the_target + 50 * 100
    assert max(sizes) < 2 * block


def test_a_file_that_changes_between_the_readings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    numbers(100).to_csv(path, index=False)

    def draw(frame: pd.DataFrame, _: Decimal) -> Ints:
        numbers(100).assign(x=1.0).to_csv(path, index=False)
        return np.arange(10)

    with pytest.raises(DataError, match="changed while it was read"):
        drawn_of(path, draw)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "cp1252"])
@pytest.mark.parametrize("declared", [True, False])
def test_rows_are_drawn_of_files_in_other_encodings_too(
    encoding: str, declared: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    word = {"cp1252": "Straße"}.get(encoding, "城市上海")
    numbers(60).assign(word=word).to_csv(path, index=False, encoding=encoding)
    drawn = drawn_of(path, encoding=encoding if declared else None)
    assert set(drawn.frame["word"]) == {word}


@pytest.mark.parametrize("names", [("x",), ("y", "x")])
def test_the_draw_sees_what_it_asks_for_and_the_decimals_that_the_other_columns_tell(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    numbers(60).to_csv(path, index=False, sep=";", decimal=",")
    seen: list[tuple[list[str], str]] = []

    def draw(frame: pd.DataFrame, decimal: Decimal) -> Ints:
        seen.append((list(frame.columns), decimal))
        return np.arange(0, len(frame), 2)

    assert drawn_of(path, draw, *names).decimal == ","
    assert seen == [([*names], ",")]
