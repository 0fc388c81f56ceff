"""Cases that come one line at a time, as a model that was trained on other rows reads them."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.readers.case_rows import column_of, read_value
from deepseek_report.datasets.readers.file_form import Decimal
from deepseek_report.datasets.readers.text_table import MISSING
from deepseek_report.errors import DataError

#: Bytes of the longest line that is read.
LONGEST_LINE = 1 << 20
_SEPARATORS = (",", ";", "\t", "|")
_MISSING = frozenset(MISSING)


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

    schema: Schema
    where: str
    separator: str
    decimal: Decimal
    header: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, line: bytes, schema: Schema, where: str, decimal: Decimal = ".") -> RowReader:
        """The reader of what follows this header.

        Columns are called by the names of the training data, or by their labels.

        Raises
        ------
        DataError : it is no header of this model, or names a column twice.
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
        names = [column_of(feature, columns, where) for feature in schema.features]
        places = tuple(columns[name] for name in names)
        return cls(schema, where, separator, decimal, header, places)

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
        values, problems, all_categories = list[float](), list[str](), True
        for feature, place in zip(self.schema.features, self.places, strict=True):
            try:
                values.append(self._value(feature, cells[place], number))
            except DataError as error:
                problems.append(str(error))
                all_categories &= not feature.is_numeric
        if problems:
            return RejectedRow(number, "; ".join(problems), all_categories)
        return ReadRow(number, tuple(values))

    def _value(self, feature: Feature, cell: str, number: int) -> float:
        text = cell.strip()
        if text in _MISSING:
            return float("nan")
        if feature.is_numeric and self.decimal == ",":
            text = text.replace(",", ".")
        return read_value(feature, text, self.where, f"line {number}")


def header_of(schema: Schema) -> str:
    """The header of a stream of such cases, with commas."""
    return _line([feature.name for feature in schema.features])


def line_of(row: Floats, schema: Schema) -> str:
    """A case (feature,) as `RowReader` reads it again, with commas."""
    return _line(
        [
            _cell(feature, value)
            for feature, value in zip(schema.features, row.tolist(), strict=True)
        ]
    )


def _cell(feature: Feature, value: float) -> str:
    if math.isnan(value):
        return ""
    return repr(value) if feature.is_numeric else feature.categories[int(value)].code


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
