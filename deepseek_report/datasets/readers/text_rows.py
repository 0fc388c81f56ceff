"""The rows of a table in a text file: cut by Arrow, block by block, within bounds.

Arrow says only that a line is broken; which one it is and why says a slower look at every line.
That look also decides over quotation marks, of which Arrow takes more than are well-formed. A file
that Arrow cannot cut and in which no line is broken is read by pandas: one with a line longer than
a block, with characters of zero, or of one column, where the two differ on blank lines.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.rounding import count
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.datasets.readers.file_bytes import Blocks
from deepseek_report.datasets.readers.file_form import FileForm, ReadLimits
from deepseek_report.datasets.readers.text_table import MISSING, TextTable
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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
        if frame is not None and not stream.has_zeros:
            return frame
    elif not wanted.lenient:
        _check_lines(table, width, wanted)
    return _by_pandas(table, form, width, wanted)


# --- by Arrow -------------------------------------------------------------------------------------


class _Utf8:
    """The text in UTF-8 as Arrow reads it, and what was seen of it on the way.

    has_quotes, has_zeros : whether the characters occur. longest : bytes of the longest line, as
    far as lines end with a line feed.
    """

    def __init__(self, table: TextTable) -> None:
        self._text = table.text
        self.has_quotes = self.has_zeros = False
        self.longest = self._open_line = 0

    def is_plain(self, limits: ReadLimits) -> bool:
        """Whether lines can neither be too long nor have quotation marks in a wrong place."""
        return not (self.has_quotes or self.has_zeros) and self.longest <= limits.line

    def blocks(self) -> Generator[bytes, None, None]:
        """The whole text, block by block."""
        for block in self._text.utf8(_BLOCK):
            self.has_quotes = self.has_quotes or b'"' in block
            self.has_zeros = self.has_zeros or b"\0" in block
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


def _kept(reader: Any, table: TextTable, wanted: Wanted, width: int) -> Iterator[pa.RecordBatch]:
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


def _by_pandas(table: TextTable, form: FileForm, width: int, wanted: Wanted) -> pd.DataFrame:
    import pandas as pd

    with table.text.whole() as content:
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
                raise DataError(_width_problem(path, reader.line_num, len(cells), width))
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


def _width_problem(path: object, line: int, n: int, width: int) -> str:
    return error_text(
        str(path),
        f"line {count(line)} has {n} cells, the header has {width}",
        "as many cells in every line as in the header",
        "quote cells that contain the separator, or declare `dataset.separator`",
    )
