"""Cases that come one by one, as the model of a run reads them: lines of a stream, a form's cells.

What is read, refused and told of a cell is that of `case_rows`, which reads files.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Schema
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.checks.new_rows import SeenValues
from deepseek_report.datasets.readers.case_rows import (
    CaseRows,
    FaultyRowsError,
    column_of,
    read_columns,
    read_features,
)
from deepseek_report.datasets.readers.file_form import Decimal
from deepseek_report.errors import DataError

#: Bytes of the longest line that is read.
LONGEST_LINE = 1 << 20
_SEPARATORS = (",", ";", "\t", "|")


def typed_row(cells: Mapping[str, object], seen: SeenValues) -> CaseRows:
    """One row that a person typed into a form.

    cells : {name or label of a column: text or number}, read as those of a file are.

    Raises FaultyRowsError: as of a file.
    """
    columns = {name: [cell] for name, cell in cells.items()}
    return read_columns(columns, seen, "the new case", [""])


@dataclass(frozen=True)
class ReadRow:
    """A case. line : its number in the stream, of which the header is line 1. cells : (feature,)
    as in `Split.inputs`.
    """

    line: int
    cells: tuple[float, ...]


@dataclass(frozen=True)
class RejectedRow:
    """A line that is no case. problem : where, what was found, what is allowed, what to do.

    unknown_category : whether all that is wrong is a category that the model has never seen.
    """

    line: int
    problem: str
    unknown_category: bool = False


@dataclass(frozen=True)
class RowReader:
    """Reads the lines behind a header; a quoted cell ends on the line on which it begins.

    where : names the stream in errors. header : the columns. places : (feature,) their positions.
    """

    seen: SeenValues
    where: str
    separator: str
    decimal: Decimal | None
    header: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(
        cls, line: bytes, seen: SeenValues, where: str, decimal: Decimal | None = None
    ) -> RowReader:
        """The reader of what follows this header.

        Columns are called by the names of the training data, or by their labels. decimal : the sign
        before decimals, where it is declared.

        Raises DataError: it is no header of this model, or names a column twice.
        """
        text = _decoded(line, where, 1).removeprefix("\ufeff")
        separator = max(_SEPARATORS, key=text.count)
        header = tuple(cell.strip() for cell in _cells(text, separator, where, 1))
        twice = [name for name, times in Counter(header).items() if times > 1]
        if twice:
            raise data_error(
                where,
                f"line 1 names the column `{twice[0][:40]}` twice",
                "each column once",
                "rename or remove it",
            )
        columns = dict(zip(header, range(len(header)), strict=True))
        names = [column_of(feature, columns, where) for feature in seen.schema.features]
        places = tuple(columns[name] for name in names)
        return cls(seen, where, separator, decimal, header, places)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns that the model does not read."""
        return tuple(name for at, name in enumerate(self.header) if at not in set(self.places))

    def read(self, line: bytes, number: int) -> ReadRow | RejectedRow:
        """The case on a line, or why there is none.

        number : of the line, from 1 for the header.
        """
        try:
            text = _decoded(line, self.where, number)
            cells = _cells(text, self.separator, self.where, number)
            if len(cells) != len(self.header):
                raise data_error(
                    self.where,
                    f"line {number} has {len(cells)} cells",
                    f"{len(self.header)} cells, as many as the header",
                    "correct the line; a cell with the separator in it stands in quotation marks",
                )
        except DataError as error:
            return RejectedRow(number, str(error))
        return self._row(cells, number)

    def _row(self, cells: Sequence[str], number: int) -> ReadRow | RejectedRow:
        names, own = self.seen.schema.names, ([cells[place]] for place in self.places)
        row, columns = f"line {number}, ", dict(zip(names, own, strict=True))
        try:
            inputs = read_features(columns, self.seen, self.where, [row], self.decimal)
        except FaultyRowsError as error:
            problem = "; ".join(text for _, text in error.faults)
            return RejectedRow(number, problem, error.unknown_categories)
        return ReadRow(number, tuple(inputs[0].tolist()))


def header_of(schema: Schema) -> str:
    """The header of a stream of such cases, with commas."""
    return _line([feature.name for feature in schema.features])


def line_of(row: Floats, schema: Schema) -> str:
    """A case (feature,) as `RowReader` reads it again, with commas."""
    cells = []
    for feature, value in zip(schema.features, row.tolist(), strict=True):
        if math.isnan(value):
            cells.append("")
        else:
            code = repr(value) if feature.is_numeric else feature.categories[int(value)].code
            cells.append(code)
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    quoted = (f'"{c.replace(chr(34), 2 * chr(34))}"' if set(c) & set(',"') else c for c in cells)
    return ",".join(quoted)


def _decoded(line: bytes, where: str, number: int) -> str:
    if len(line) > LONGEST_LINE:
        raise data_error(
            where,
            f"line {number} is longer than {LONGEST_LINE >> 20} MiB",
            "a line for each case",
            "end each case by a line break",
        )
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise data_error(
            where,
            f"line {number} is not UTF-8 (byte {error.start + 1})",
            "text in UTF-8",
            "write the stream in UTF-8",
        ) from None


def _cells(text: str, separator: str, where: str, number: int) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise data_error(
            where,
            f"line {number} cannot be taken apart ({error})",
            "cells between separators; quotation marks in a cell are doubled",
            "correct the line",
        ) from None
