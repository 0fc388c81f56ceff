"""Reading a table from a CSV, TSV, Parquet or Excel file, within bounds and by its own bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.message import Message
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.datasets.readers.decimals import has_sign, recognise_decimals, without_groups
from deepseek_report.datasets.readers.excel import SUFFIXES as EXCEL_SUFFIXES
from deepseek_report.datasets.readers.excel import excel_problem, is_excel, read_sheet, sheet_names
from deepseek_report.datasets.readers.file_bytes import (
    PACKED_SUFFIXES,
    FileBytes,
    FileStream,
    inner_suffix,
    is_packed,
    read_bytes,
    stream_of,
)
from deepseek_report.datasets.readers.file_form import Decimal, FileForm
from deepseek_report.datasets.readers.parquet import parquet_names, read_parquet
from deepseek_report.datasets.readers.text_rows import ALL_OF_IT, Wanted, read_rows
from deepseek_report.datasets.readers.text_table import TextTable, header_of, open_table
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
#: Chooses rows by some columns of all rows and the sign before decimals: ascending positions.
Draw = Callable[["pd.DataFrame", Decimal], Ints]


@dataclass(frozen=True)
class ReadTable:
    """A table as it was read.

    sha256 : of the very bytes that were parsed. decimal : the sign before decimals in its texts.
    notes : whole sentences on what was recognised. rows : (row,) positions of the rows in the file,
    where only some were read, and n_rows : how many the file has.
    """

    frame: pd.DataFrame
    sha256: str
    decimal: Decimal = "."
    notes: tuple[Message, ...] = ()
    rows: Ints | None = None
    n_rows: int | None = None


def is_parquet(path: Path) -> bool:
    """By the ending of the name."""
    return path.suffix.lower() in PARQUET_SUFFIXES


def file_problem(path: Path, also: tuple[str, ...] = ()) -> str | None:
    """Why this cannot be a data file at all, or None; `also` are further endings that can be."""
    texts = TEXT_SUFFIXES + also
    known = TEXT_SUFFIXES + PARQUET_SUFFIXES + EXCEL_SUFFIXES + also
    if not path.exists():
        near = _names_beside(path)
        return error_text(
            str(path),
            "there is no such file",
            f"an existing file{near}",
            "correct the path; it is taken from the folder that the command runs in",
        )
    if path.is_dir():
        return error_text(
            str(path), "this is a folder", f"one file ({', '.join(known)})", "name it"
        )
    if inner_suffix(path) not in (texts if is_packed(path) else known):
        return error_text(
            str(path),
            f"files of type `{''.join(path.suffixes[-2:]) or 'none'}` are not read",
            f"{', '.join(known)}; texts also with {', '.join(PACKED_SUFFIXES)} behind that",
            "save the table as CSV or Parquet",
        )
    if path.stat().st_size == 0 and path.is_file():
        return error_text(str(path), "the file is empty", "a header and rows", "export it again")
    return excel_problem(path) if is_excel(path) else None


def _names_beside(path: Path) -> str:
    from difflib import get_close_matches

    if not path.parent.is_dir():
        return f" (the folder `{path.parent}` does not exist either)"
    names = sorted(file.name for file in path.parent.iterdir() if file.is_file())
    close = get_close_matches(path.name, names, n=3)
    return f" (near it: {', '.join(close)})" if close else ""


def read_header(path: Path, form: FileForm) -> list[str]:
    """The column names, without reading the rows.

    Raises DataError: the file cannot be a table, or a name occurs twice.
    """
    if (problem := file_problem(path)) is not None:
        raise DataError(problem)
    if is_parquet(path):
        names = parquet_names(path, form.limits)
    elif is_excel(path):
        names = sheet_names(read_bytes(path, form.limits), form)
    else:
        names = header_of(open_table(_text_file(path, form), form))
    _check_names(path, names)
    return names


def read_table(path: Path, form: FileForm) -> ReadTable:
    """All rows; the cells of a text file come as text, those of other files with their own types.

    Raises DataError: the file is broken, holds more than is allowed, or has no row.
    """
    if (problem := file_problem(path)) is not None:
        raise DataError(problem)
    table = _parse(read_bytes(path, form.limits), form)
    _refuse_empty(table.frame, path)
    return table


def read_drawn(path: Path, form: FileForm, columns: Sequence[str], draw: Draw) -> ReadTable:
    """The rows that are drawn by what stands in some columns, which are read before the others.

    A text file is read piece by piece, twice: only these columns and the drawn rows are ever in
    memory, and both times it must have the same bytes. Bounds are those of what is kept, and a file
    that is not packed may have any size.

    draw : is given these columns of all rows, see `Draw`.

    Raises DataError: as `read_table`, or the file changed between the two readings.
    """
    if (problem := file_problem(path)) is not None:
        raise DataError(problem)
    if is_excel(path):
        whole = read_table(path, form)
        rows = draw(whole.frame[list(columns)], whole.decimal)
        frame = whole.frame.iloc[rows].reset_index(drop=True)
        return replace(whole, frame=frame, rows=rows, n_rows=len(whole.frame))
    if is_parquet(path):
        file = read_bytes(path, form.limits)
        _check_names(path, parquet_names(path, form.limits, file.content))
        first = read_parquet(file, form.limits, columns)
        _refuse_empty(first, path)
        rows = draw(first, ".")
        frame = read_parquet(file, form.limits, rows=rows)
        return ReadTable(frame, file.sha256, rows=rows, n_rows=len(first))
    return _drawn_text(_text_file(path, form), form, columns, draw)


def _drawn_text(
    file: FileBytes | FileStream, form: FileForm, columns: Sequence[str], draw: Draw
) -> ReadTable:
    table = open_table(file, form)
    names = header_of(table)
    _check_names(file.path, names)
    wanted = Wanted(columns=[names.index(name) for name in columns])
    first = read_rows(table, form, len(names), wanted)
    _refuse_empty(first, file.path)
    first.columns = list(columns)
    decimal = form.decimal or "."
    if form.decimal is None and any(has_sign(first[name], ",") for name in columns):
        whole = _parsed_text(table, form, names)  # what commas mean, the other columns tell
        first, decimal = whole.frame[list(columns)], whole.decimal
    rows = draw(first, decimal)
    read = _parsed_text(table, form, names, Wanted(rows=rows))
    return replace(read, rows=rows, n_rows=len(first))


def _text_file(path: Path, form: FileForm) -> FileBytes | FileStream:
    """The file piece by piece where only some rows are kept and that can be; else all of it."""
    stream = stream_of(path, form) if form.drawn else None
    return stream or read_bytes(path, form.limits)


def _refuse_empty(frame: pd.DataFrame, path: Path) -> None:
    if frame.empty:
        raise data_error(
            str(path),
            "there is a header but no row" if len(frame.columns) else "there is no column",
            "at least one row",
            "export the table again",
        )


def read_column(path: Path, form: FileForm, name: str) -> tuple[pd.Series, Decimal]:
    """One column and the sign before its decimals, with little memory where that can be.

    Broken lines are left to `read_table` to tell of.

    Raises DataError: there is no such file or column.
    """
    names = read_header(path, form)
    if name not in names:
        raise data_error(str(path), f"`{name}` is not a column", "a column", "correct it")
    if is_parquet(path):
        return read_parquet(read_bytes(path, form.limits), form.limits, [name])[name], "."
    if is_excel(path):
        return read_table(path, form).frame[name], form.decimal or "."
    table = open_table(_text_file(path, form), form)
    wanted = Wanted(columns=[names.index(name)], lenient=True)
    column = read_rows(table, form, len(names), wanted).iloc[:, 0]
    if form.decimal is None and has_sign(column, ","):
        whole = _parsed_text(table, form, names)  # what its commas mean, the other columns tell
        return whole.frame[name], whole.decimal
    return column, form.decimal or "."


def _parse(file: FileBytes, form: FileForm) -> ReadTable:
    if is_parquet(file.path):
        _check_names(file.path, parquet_names(file.path, form.limits, file.content))
        return ReadTable(read_parquet(file, form.limits), file.sha256)
    if is_excel(file.path):
        frame, names, notes = read_sheet(file, form)
        _check_names(file.path, names)
        frame.columns = names
        return ReadTable(frame, file.sha256, form.decimal or ".", notes)
    return _parse_text(file, form)


def _parse_text(file: FileBytes, form: FileForm) -> ReadTable:
    table = open_table(file, form)
    names = header_of(table)
    _check_names(file.path, names)
    return _parsed_text(table, form, names)


def _parsed_text(
    table: TextTable, form: FileForm, names: list[str], wanted: Wanted = ALL_OF_IT
) -> ReadTable:
    """The rows, with what was recognised of the decimals in them."""
    frame = read_rows(table, form, len(names), wanted)
    notes, decimal = table.notes, form.decimal
    if decimal is None:
        decimals = recognise_decimals(frame, names)
        decimal, notes = decimals.sign, (*notes, *decimals.notes)
    if decimal == ",":
        frame, group_notes = without_groups(frame, names)
        notes = (*notes, *group_notes)
    frame.columns = names
    return ReadTable(frame, table.text.file.sha256, decimal, notes)


def _check_names(path: Path, names: list[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        problem = "these column names occur more than once: " + ", ".join(f"`{n}`" for n in twice)
        raise data_error(str(path), problem, "every name once", "rename the columns in the file")
