"""A sheet of a workbook (.xlsx): its values, the stored ones of formulas, within bounds."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.advice import override, pip_install
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.rounding import count
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text, nearest
from deepseek_report.datasets.readers.file_bytes import FileBytes, open_archive
from deepseek_report.datasets.readers.file_form import FileForm, ReadLimits
from deepseek_report.datasets.readers.text_table import MISSING
from deepseek_report.errors import DataError, first_line

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

SUFFIXES = (".xlsx",)
#: Cells without a value behind the last one of their row, in all rows, that are read.
_MOST_EMPTY = 10_000_000


def is_excel(path: Path) -> bool:
    """By the ending of the name."""
    return path.suffix.lower() in SUFFIXES


def excel_problem(path: Path) -> str | None:
    """That the package which reads workbooks is not installed, or None."""
    if find_spec("openpyxl") is not None:
        return None
    return error_text(
        str(path),
        "workbooks are read by the package `openpyxl`, which is not installed",
        "an installed package",
        f"install it: `{pip_install('openpyxl')}`; or save the sheet as CSV",
    )


def sheet_names(file: FileBytes, form: FileForm) -> list[str]:
    """The column names: the first row of the sheet.

    Raises DataError: this is no workbook, it holds too much, or the sheet has no header.
    """
    with _sheet(file, form) as (sheet, _):
        return _header(next(_rows(sheet, file.path, form.limits), []), file.path, sheet.title)


def read_sheet(
    file: FileBytes, form: FileForm
) -> tuple[pd.DataFrame, list[str], tuple[Message, ...]]:
    """All rows with the types that the workbook gives them, the names, and what is said of it.

    Raises DataError: this is no workbook, it holds too much, or a row is longer than the header.
    """
    import pandas as pd

    missing = {*MISSING, *form.missing_values}
    with _sheet(file, form) as (sheet, titles):
        rows = _rows(sheet, file.path, form.limits)
        names = _header(next(rows, []), file.path, sheet.title)
        where = f"{file.path}, sheet “{sheet.title}”"
        table = [_fitted(row, len(names), i + 2, where) for i, row in enumerate(rows)]
        others = [title for title in titles if title != sheet.title]
        if others and not any(table):
            raise data_error(
                where,
                "there is a header but no row",
                "at least one row",
                f"name the sheet of the table: `{override('dataset.sheet', others[0])}`",
            )
    columns = {
        place: [
            None if isinstance(cell, str) and cell.strip() in missing else cell for cell in column
        ]
        for place, column in enumerate(zip(*[row for row in table if row], strict=True))
    }
    frame = pd.DataFrame(columns, columns=range(len(names))).infer_objects()
    several = form.sheet is None and len(titles) > 1
    note = message("preparation.sheet", title=sheet.title, sheets=len(titles) if several else 1)
    return frame, names, (note,)


@contextmanager
def _book(file: FileBytes, limits: ReadLimits) -> Iterator[Workbook]:
    from openpyxl import load_workbook

    try:
        with open_archive(file.content, str(file.path), limits):
            pass
        book = load_workbook(
            io.BytesIO(file.content), read_only=True, data_only=True, keep_links=False
        )
        try:
            yield book
        finally:
            book.close()
    except DataError:
        raise
    except Exception as error:  # its parsers raise whatever they meet
        raise data_error(
            str(file.path),
            f"this is not a readable workbook ({first_line(error)})",
            "an .xlsx file",
            "save it again as .xlsx without a password, or as CSV",
        ) from None


@contextmanager
def _sheet(file: FileBytes, form: FileForm) -> Iterator[tuple[Worksheet, list[str]]]:
    if problem := excel_problem(file.path):
        raise DataError(problem)
    with _book(file, form.limits) as book:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        sheet = _chosen(sheets, form.sheet, file.path)
        sheet.reset_dimensions()  # what the file says of its size may be anything
        yield sheet, list(sheets)


def _chosen(sheets: dict[str, Worksheet], wanted: str | int | None, path: Path) -> Worksheet:
    titles = list(sheets)
    place = 1 if wanted is None else wanted
    if isinstance(place, int) and place <= len(titles):
        return sheets[titles[place - 1]]
    if isinstance(place, str) and place in sheets:
        return sheets[place]
    where, allowed = str(path), ", ".join(f"`{title}`" for title in titles)
    if not titles:
        raise data_error(
            where, "it holds no sheet of cells", "a sheet of cells", "save a table in it"
        )
    do = nearest(str(wanted), titles)
    raise data_error(where, f"there is no sheet `{wanted}`", allowed, do)


def _rows(sheet: Worksheet, path: Path, limits: ReadLimits) -> Iterator[list[object]]:
    """Row by row without empty cells at its end, as long as all of them together are allowed."""
    characters = widest = empty = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        values = list(row)
        while values and values[-1] in (None, ""):
            values.pop()
        widest = max(widest, len(row), 1)
        empty += len(row) - len(values)
        if empty > _MOST_EMPTY:
            raise data_error(
                str(path),
                f"row {count(number)} ends with {count(len(row) - len(values))} empty cells, and "
                f"the rows up to there with more than {count(_MOST_EMPTY)}",
                "a sheet that ends with its table",
                "delete the columns behind the table, or save the sheet as CSV",
            )
        limits.check("columns", len(values), str(path))
        limits.check("cells", number * widest, str(path), at_least=True)
        text = "".join(cell for cell in values if isinstance(cell, str))
        characters += len(text)
        limits.check("bytes", characters, str(path), at_least=True)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise data_error(
                str(path),
                f"row {count(number)} holds half of a character (a lone surrogate)",
                "whole characters",
                "correct it",
            ) from None
        yield values


def _header(row: list[object], path: Path, title: str) -> list[str]:
    if not row:
        raise data_error(
            str(path),
            f"the first row of the sheet “{title}” is blank",
            "a header",
            "put the column names there, or name another sheet by `dataset.sheet`",
        )
    names = ["" if cell is None else str(cell).strip() for cell in row]
    return [name or f"unnamed {i + 1}" for i, name in enumerate(names)]


def _fitted(row: list[object], width: int, number: int, where: str) -> list[object]:
    """As long as the header; an empty row stays empty, and is left out."""
    if len(row) > width:
        todo = "give every column a name, or clear the cells beside the table"
        if number == 2:  # a title or merged cells above the names
            todo = f"where the column names stand in row 2, remove the row above; else {todo}"
        raise data_error(
            where,
            f"row {count(number)} has {len(row)} cells, the header has {width}",
            "no more cells than names",
            todo,
        )
    return [*row, *[None] * (width - len(row))] if row else []
