"""Reading a table from a CSV, TSV, Parquet or Excel file, within bounds and by its own bytes."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.rounding import count
from deepseek_report.artifacts.storage.files import column_chunks
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.datasets.readers.cells import parse_numbers
from deepseek_report.datasets.readers.excel import SUFFIXES as EXCEL_SUFFIXES
from deepseek_report.datasets.readers.excel import excel_problem, is_excel, read_sheet, sheet_names
from deepseek_report.datasets.readers.file_bytes import (
    PACKED_SUFFIXES,
    Blocks,
    FileBytes,
    FileStream,
    inner_suffix,
    is_packed,
    read_bytes,
    stream_of,
)
from deepseek_report.datasets.readers.file_form import Decimal, FileForm, ReadLimits
from deepseek_report.datasets.readers.text_table import (
    MISSING,
    TextTable,
    header_of,
    open_table,
    zero_character,
)
from deepseek_report.errors import DataError, first_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq


# The rows of a table in a text file: cut by Arrow, block by block, within bounds.
#
# Arrow says only that a line is broken; which one it is and why says a slower look at every line.
# That look also decides over quotation marks, of which Arrow takes more than are well-formed. A
# file that Arrow cannot cut and in which no line is broken is read by pandas: one with a line
# longer than a block, or of one column, where the two differ on blank lines.

#: Bytes that Arrow cuts into rows at a time; a longer line is left to pandas.
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Wanted:
    """What is read of a table: all of it, some columns, or the rows at some positions.

    columns : positions, None for all. rows : (row,) ascending positions, blank lines not counted,
    None for all. lenient : broken lines are skipped, to be told of by another reading.
    """

    columns: Sequence[int] | None = None
    rows: Ints | None = None
    lenient: bool = False


ALL_OF_IT = Wanted()


def read_rows(
    table: TextTable, form: FileForm, width: int, wanted: Wanted = ALL_OF_IT
) -> pd.DataFrame:
    """Rows as text, missing cells as NaN; the columns are called by their positions.

    Raises DataError: a line has another number of cells than the header, or there are too many.
    """
    import pyarrow as pa

    stream = _Utf8(table)
    if width > 1:
        try:
            frame = _by_arrow(stream, table, form, width, wanted)
        except pa.ArrowInvalid:
            frame = None
        if not (wanted.lenient or (frame is not None and stream.is_plain(table.text.limits))):
            _check_lines(table, width, wanted)
        if frame is not None:
            return frame
    elif not wanted.lenient:
        _check_lines(table, width, wanted)
    return _by_pandas(table, form, width, wanted)


# --- by Arrow -------------------------------------------------------------------------------------


class _Utf8:
    """The text in UTF-8 as Arrow reads it, and what was seen of it on the way.

    has_quotes : whether the character occurs. longest : bytes of the longest line, as far as lines
    end with a line feed.
    """

    def __init__(self, table: TextTable) -> None:
        self._text = table.text
        self.has_quotes = False
        self.longest = self._open_line = 0

    def is_plain(self, limits: ReadLimits) -> bool:
        """Whether lines can neither be too long nor have quotation marks in a wrong place."""
        return not self.has_quotes and self.longest <= limits.line

    def blocks(self) -> Generator[bytes, None, None]:
        """The whole text, block by block; raises DataError: it holds a character of zero."""
        for block in self._text.utf8(_BLOCK):
            if b"\0" in block:
                raise zero_character(str(self._text.path))
            self.has_quotes = self.has_quotes or b'"' in block
            self._measure(block)
            yield block

    def _measure(self, block: bytes) -> None:
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
        if len(ends):
            longest = int(np.diff(ends).max(initial=0))
            self.longest = max(self.longest, longest, self._open_line + int(ends[0]))
            self._open_line = len(block) - int(ends[-1]) - 1
        else:
            self._open_line += len(block)
        self.longest = max(self.longest, self._open_line)


def _by_arrow(
    stream: _Utf8, table: TextTable, form: FileForm, width: int, wanted: Wanted
) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa
    from pyarrow import csv as arrow

    names = [str(place) for place in range(width)]
    kept = names if wanted.columns is None else [names[place] for place in wanted.columns]
    source = io.BufferedReader(Blocks(stream.blocks()), _BLOCK)
    reader = arrow.open_csv(
        pa.PythonFile(source, mode="r"),
        arrow.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
        arrow.ParseOptions(
            delimiter=table.separator,
            newlines_in_values=True,
            invalid_row_handler=(lambda _row: "skip") if wanted.lenient else None,
        ),
        arrow.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.large_string()),
            null_values=_marks(form),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            include_columns=kept,
        ),
    )
    batches = list(_kept(reader, table, wanted, len(kept)))
    frame = pa.Table.from_batches(batches, reader.schema).to_pandas()
    if pd.api.types.is_object_dtype(frame.dtypes.iloc[0]):  # pandas 2 keeps texts so
        frame = frame.where(frame.notna(), np.nan)
    frame.columns = pd.Index(range(len(kept)))
    return frame


def _kept(
    reader: Iterator[pa.RecordBatch], table: TextTable, wanted: Wanted, width: int
) -> Iterator[pa.RecordBatch]:
    """The batches without the header and the rows that are not wanted, as long as they may be."""
    path, limits = str(table.text.path), table.text.limits
    first, rows, size = -1, 0, 0  # the header is row -1
    for batch in reader:
        after = first + batch.num_rows
        if wanted.rows is None:
            taken = batch.slice(1) if first < 0 else batch
        else:
            ends = np.searchsorted(wanted.rows, [max(first, 0), after])
            taken = batch.take(wanted.rows[slice(*ends)] - first)
        first, rows, size = after, rows + taken.num_rows, size + taken.nbytes
        if rows * width > limits.cells:
            n = (limits.cells // width + 1) * width
            raise limits.exceeded("cells", n, path, at_least=True)
        if wanted.rows is not None:
            limits.check("bytes", size, path, at_least=True)
        yield taken


def _marks(form: FileForm) -> list[str]:
    """Texts that mean missing; of a whole number each way to write it, with and without `.0`."""
    marks = [*MISSING, *form.missing_values]
    for mark in form.missing_values:
        try:
            number = float(mark)
        except ValueError:
            continue
        if number.is_integer():
            marks.extend((str(int(number)), f"{int(number)}.0"))
    return list(dict.fromkeys(marks))


# --- by pandas ------------------------------------------------------------------------------------


@contextmanager
def _cut(table: TextTable) -> Iterator[None]:
    """Raise DataError where pandas cannot cut the lines, as behind a quote that is not closed."""
    import pandas as pd

    try:
        yield
    except (pd.errors.ParserError, MemoryError) as error:
        raise data_error(
            str(table.text.path),
            f"its lines cannot be cut into cells ({first_line(error)})",
            "one record a line, and every quotation mark closed",
            "correct the quotes, or declare `dataset.separator`",
        ) from None


def _by_pandas(table: TextTable, form: FileForm, width: int, wanted: Wanted) -> pd.DataFrame:
    import pandas as pd

    with _cut(table), table.text.whole() as content:
        frame = pd.read_csv(
            content,
            sep=table.separator,
            encoding=table.text.codec,
            dtype=str,
            keep_default_na=False,
            na_values=[*MISSING, *form.missing_values],
            header=0,
            names=list(range(width)),
            index_col=False,
            usecols=None if wanted.columns is None else sorted(wanted.columns),
            on_bad_lines="skip" if wanted.lenient else "error",
        )
    if wanted.columns is not None:
        frame = frame[list(wanted.columns)]
        frame.columns = pd.Index(range(len(frame.columns)))
    return frame if wanted.rows is None else frame.iloc[wanted.rows].reset_index(drop=True)


# --- what is wrong with a line --------------------------------------------------------------------


def _check_lines(table: TextTable, width: int, wanted: Wanted) -> None:
    """Every line has as many cells as the header; says which line does not."""
    path, limits = table.text.path, table.text.limits
    csv.field_size_limit(limits.line)
    reader = csv.reader(table.text.lines(), delimiter=table.separator, strict=True)
    bounded = wanted.rows is None and wanted.columns is None
    rows = -1
    try:
        for cells in reader:
            if cells and len(cells) != width:
                line = count(reader.line_num)
                todo = "quote cells that contain the separator, or declare `dataset.separator`"
                if width == 1:
                    todo = (
                        f"where the column names stand in line {line}, remove the lines above them "
                        f"from the file; else {todo}"
                    )
                raise data_error(
                    str(path),
                    f"line {line} has {len(cells)} cells, the header has {width}",
                    "as many cells in every line as in the header",
                    todo,
                )
            rows += 1
            if bounded:
                limits.check("cells", rows * width, str(path), at_least=True)
    except csv.Error as error:
        if "field limit" in str(error):
            where = f"{path}, line {count(reader.line_num)}"
            raise limits.exceeded("line", limits.line + 1, where, at_least=True) from None
        raise data_error(
            str(path),
            f"line {count(reader.line_num)} cannot be read ({error})",
            "one record a line",
            "correct the quotes there, or declare `dataset.separator`",
        ) from None


TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
#: Last endings of files that are packed, whether they can be read so or not.
ARCHIVES = (*PACKED_SUFFIXES, ".7z", ".rar", ".tar", ".tgz")
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
            "unpack it, and name what it holds"
            if path.suffix.lower() in ARCHIVES
            else "save the table as CSV or Parquet",
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
    file = read_bytes(path, form.limits)
    if is_parquet(path):
        _check_names(path, parquet_names(path, form.limits, file.content))
        table = ReadTable(read_parquet(file, form.limits), file.sha256)
    elif is_excel(path):
        frame, names, notes = read_sheet(file, form)
        _check_names(path, names)
        frame.columns = names
        table = _with_decimals(ReadTable(frame, file.sha256, notes=notes), form)
    else:
        text = open_table(file, form)
        names = header_of(text)
        _check_names(path, names)
        table = _parsed_text(text, form, names)
    _refuse_empty(table.frame, path)
    if not is_parquet(path):
        _refuse_second_header(table.frame, path, table.decimal)
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


def _refuse_second_header(frame: pd.DataFrame, path: Path, decimal: str) -> None:
    """Refuse a table whose first row holds units, or names again, above columns of numbers.

    No cell of that row is a number, and in columns of two different words all others are; the same
    word in all of them means missing rather.
    """
    first = frame.iloc[0].dropna()
    if not all(isinstance(cell, str) and _is_word(cell) for cell in first):
        return
    above = [cell for name, cell in first.items() if _holds_numbers(frame[name].iloc[1:], decimal)]
    if len(set(above)) < 2:
        return
    missing = override("dataset.missing_values", sorted(set(above))[:_SHOWN])
    raise data_error(
        str(path),
        "the row below the header holds units, or names again, and no values "
        f"({', '.join(above[:_SHOWN])}{', …' if len(above) > _SHOWN else ''})",
        "values from the row below the header on",
        "remove one of the two rows from the file; a unit is declared as "
        f"`dataset.columns.NAME.unit`, and words that mean missing as `{missing}`",
    )


def _is_word(cell: str) -> bool:
    """Whether a cell is a word or a unit, and neither a number nor a mark such as `?`."""
    return any(sign.isalpha() or sign in "%°" for sign in cell)


def _holds_numbers(column: pd.Series, decimal: str) -> bool:
    """Whether all known cells are numbers, and there are some."""
    known = column.dropna().astype(str).str.strip()
    known = known[known != ""]
    return len(known) > 0 and not np.isnan(parse_numbers(known, decimal)).any()


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
        sheet = read_table(path, form)
        return sheet.frame[name], sheet.decimal
    table = open_table(_text_file(path, form), form)
    wanted = Wanted(columns=[names.index(name)], lenient=True)
    column = read_rows(table, form, len(names), wanted).iloc[:, 0]
    if form.decimal is None and has_sign(column, ","):
        whole = _parsed_text(table, form, names)  # what its commas mean, the other columns tell
        return whole.frame[name], whole.decimal
    return column, form.decimal or "."


def _parsed_text(
    table: TextTable, form: FileForm, names: list[str], wanted: Wanted = ALL_OF_IT
) -> ReadTable:
    frame = read_rows(table, form, len(names), wanted)
    frame.columns = names
    return _with_decimals(ReadTable(frame, table.text.file.sha256, notes=table.notes), form)


def _with_decimals(table: ReadTable, form: FileForm) -> ReadTable:
    """The rows, with what was recognised of the decimals in their texts."""
    frame, names, notes, decimal = table.frame, [*table.frame], table.notes, form.decimal
    if decimal is None:
        decimal, about = recognise_decimals(frame, names)
        notes = (*notes, *about)
    if decimal == ",":
        frame, group_notes = without_groups(frame, names)
        notes = (*notes, *group_notes)
    return replace(table, frame=frame, decimal=decimal, notes=notes)


def _check_names(path: Path, names: list[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        problem = "these column names occur more than once: " + ", ".join(f"`{n}`" for n in twice)
        raise data_error(str(path), problem, "every name once", "rename the columns in the file")


# Decimal commas in the columns of a text file: recognised where nothing contradicts them.

_EXPONENT = r"([eE][+-]?\d+)?"
#: 12,5 and 12; 1.234,5 and 1.234.567; 12.5.
_COMMA = rf"[+-]?\d+(,\d+)?{_EXPONENT}"
_GROUPED = r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?"
_POINT = rf"[+-]?\d+\.\d+{_EXPONENT}|[+-]?\d+{_EXPONENT}"
#: One comma and three digits: a number of thousands in English, of thousandths elsewhere. Behind a
#: zero, as in 0,107, they are decimals everywhere.
_THOUSANDS = r"[+-]?[1-9]\d{0,2},\d{3}"
_SURELY_GROUPED = r"[+-]?[1-9]\d{0,2}((\.\d{3})+,\d+|(\.\d{3}){2,})"
_SHOWN = 3


def recognise_decimals(
    frame: pd.DataFrame, names: list[str]
) -> tuple[Decimal, tuple[Message, ...]]:
    """Decimal commas, if columns of numbers have them and none has a decimal point; what is said.

    frame : cells as text, missing ones as NaN, its columns in the order of `names`.
    """
    with_comma: list[str] = []
    unclear: list[str] = []
    for place, name in enumerate(names):
        column = frame.iloc[:, place]
        if has_sign(column, ",") and _all(column, f"{_COMMA}|{_GROUPED}"):
            commas = column[column.str.contains(",", regex=False, na=False)]
            (unclear if _all(commas, _THOUSANDS) else with_comma).append(name)
    if not with_comma:
        return ".", (_about("unclear_commas", unclear),) if unclear else ()
    with_point = [
        name
        for place, name in enumerate(names)
        if has_sign(column := frame.iloc[:, place], ".") and _is_pointed(column)
    ]
    if not with_point:
        return ",", (_about("decimal_comma", with_comma),)
    both = message(
        "preparation.both_decimals",
        commas=_listed(with_comma),
        points=_listed(with_point),
        n_commas=len(with_comma),
        n_points=len(with_point),
    )
    return ".", (both,)


def without_groups(
    frame: pd.DataFrame, names: list[str]
) -> tuple[pd.DataFrame, tuple[Message, ...]]:
    """The frame without points that group thousands before a decimal comma, and what is said.

    Only a column that is numbers throughout, of which one shows the grouping beyond doubt.
    """
    grouped = []
    for place, name in enumerate(names):
        column = frame.iloc[:, place]
        sure = has_sign(column, ".") and _all(column, f"{_COMMA}|{_GROUPED}")
        if sure and column.str.fullmatch(_SURELY_GROUPED).fillna(value=False).any():
            frame.isetitem(place, column.str.replace(".", "", regex=False))
            grouped.append(name)
    if not grouped:
        return frame, ()
    return frame, (_about("grouped", grouped),)


def has_sign(column: pd.Series, sign: str) -> bool:
    """Whether a cell holds the sign; no, where not all cells are texts."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return False
    cells = pa.array(column, pa.large_string(), from_pandas=True)
    return bool(pc.any(pc.match_substring(cells, sign)).as_py())


def _all(column: pd.Series, pattern: str) -> bool:
    known = column.dropna().str.strip()
    known = known[known != ""]
    return len(known) > 0 and bool(known.str.fullmatch(pattern).all())


def _is_pointed(column: pd.Series) -> bool:
    """Numbers with a decimal point, which is not a point that groups thousands."""
    known = column.dropna().str.strip()
    with_point = known[known.str.contains(".", regex=False)]
    return _all(column, _POINT) and not _all(with_point, _GROUPED)


def _about(key: str, names: list[str]) -> Message:
    return message(f"preparation.commas.{key}", columns=_listed(names), n=len(names))


def _listed(names: list[str]) -> Message:
    more = max(len(names) - _SHOWN, 0)
    return message("preparation.columns", names=names[:_SHOWN], more=more)


# Parquet within bounds: a small file can unpack to any size, so it is counted before and while.

_BATCH = 16_384
#: The fewest bytes in memory of a cell with a text, which is told by its place and kept once, and
#: of an object of Python, such as a value in a list.
_TEXT, _OBJECT = 40, 64


def parquet_names(path: Path, limits: ReadLimits, content: bytes | None = None) -> list[str]:
    """The column names, without reading the rows; of the content, where it has been read.

    Raises DataError: the file is not Parquet, or its list of contents says that it holds too much.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = path if content is None else pa.BufferReader(content)
    with _readable(path), pq.ParquetFile(source) as file:
        check_contents(file.metadata, str(path), limits)
        return _names(file)


def read_parquet(
    file: FileBytes, limits: ReadLimits, only: Sequence[str] | None = None, rows: Ints | None = None
) -> pd.DataFrame:
    """The columns with their own types; of the rows at these ascending positions alone, if any.

    Raises DataError: the file is not Parquet, or holds more than is allowed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = str(file.path)
    with _readable(file.path):
        with pq.ParquetFile(pa.BufferReader(file.content)) as opened:
            check_contents(opened.metadata, where, limits)
            columns = map(opened.metadata.schema.column, range(opened.metadata.num_columns))
            texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
            names = _names(opened) if only is None else list(only)
            schema = pa.schema([opened.schema_arrow.field(name) for name in names])
        # a repeated text is kept once while reading, so that counting needs no room
        with pq.ParquetFile(pa.BufferReader(file.content), read_dictionary=texts) as opened:
            counted = _counted(opened, names, where, limits)
            batches = list(counted if rows is None else _at(rows, counted))
        table = pa.Table.from_batches(batches) if batches else schema.empty_table()
        return table.cast(schema).to_pandas(ignore_metadata=True)


def check_contents(metadata: pq.FileMetaData, where: str, limits: ReadLimits) -> None:
    """Refuse a file that holds too much by what its own list of contents says.

    Raises DataError: too many columns, values or bytes.
    """
    limits.check("columns", metadata.num_columns, where)
    limits.check("cells", metadata.num_rows * metadata.num_columns, where)
    values = packed = wide = 0
    for group in range(metadata.num_row_groups):
        for place, (column, width) in enumerate(column_chunks(metadata, group)):
            values += column.num_values
            packed += column.total_uncompressed_size
            repeated = metadata.schema.column(place).max_repetition_level
            wide += column.num_values * (_OBJECT if repeated else width or _TEXT)
        limits.check("cells", values, where, at_least=True)
        limits.check("bytes", max(packed, wide), where, at_least=True)


def _names(file: pq.ParquetFile) -> list[str]:
    """Without the row labels that pandas writes beside the columns."""
    return [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]


def _counted(
    file: pq.ParquetFile, names: list[str], where: str, limits: ReadLimits
) -> Iterator[object]:
    """Batch by batch, as long as what they unpack to is allowed."""
    size = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=names):
        size += sum(map(_unpacked, batch.columns))
        limits.check("bytes", size, where, at_least=True)
        yield batch


def _at(rows: Ints, batches: Iterator[pa.RecordBatch]) -> Iterator[object]:
    """Of each batch the rows that are among these positions."""
    first = 0
    for batch in batches:
        ends = np.searchsorted(rows, [first, first + batch.num_rows])
        yield batch.take(rows[slice(*ends)] - first)
        first += batch.num_rows


def _unpacked(array: pa.Array) -> int:
    """Bytes of a column of a batch once every row has its own copy of a repeated text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        kept = array.dictionary
        if not (pa.types.is_string(kept.type) or pa.types.is_binary(kept.type)):
            return int(array.nbytes)
        lengths = pc.binary_length(kept).cast(pa.int64()).take(array.indices)
        return int(pc.sum(lengths).as_py() or 0) + 8 * len(array)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _unpacked(array.flatten()) + 8 * len(array)
    if pa.types.is_struct(array.type):
        return sum(map(_unpacked, array.flatten()))
    return int(array.nbytes)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        raise data_error(
            str(path),
            f"this is not a readable Parquet file ({first_line(error)})",
            "Parquet",
            "write the file again, or correct its ending if it is a CSV file",
        ) from None
