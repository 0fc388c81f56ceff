"""A table in a text file: its encoding and separator, and its header."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.rounding import count
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.datasets.readers.encodings import Unclear, first_word, is_known, recognise
from deepseek_report.datasets.readers.file_bytes import (
    FileBytes,
    FileStream,
    inner_suffix,
    read_bytes,
)
from deepseek_report.datasets.readers.file_form import FileForm, ReadLimits
from deepseek_report.errors import DataError

#: What means missing in a text file; `None` does not, as it is a category in many tables.
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_NO_SEPARATORS = ('"', "\n", "\r", "\0")
_LOOKED_AT = 200


@dataclass(frozen=True)
class Decoded:
    """The bytes of a text, the codec that reads them, and what is said of it."""

    file: FileBytes | FileStream
    codec: str
    limits: ReadLimits
    notes: tuple[Message, ...] = ()

    @property
    def path(self) -> Path:
        return self.file.path

    def open(self) -> BinaryIO:
        """The bytes as they are written."""
        return self.file.open()

    def whole(self) -> BinaryIO:
        """The same from memory; raises DataError: the file holds more bytes than are allowed."""
        if isinstance(self.file, FileBytes):
            return self.file.open()
        return read_bytes(self.path, self.limits).open()

    def utf8(self, size: int) -> Iterator[bytes]:
        """The text in UTF-8 without a byte-order mark, in blocks of about so many bytes.

        Raises UnicodeError: it is of another encoding.
        """
        decoder = codecs.getincrementaldecoder(self.codec)()
        with self.open() as stream:
            while block := stream.read(size):
                if text := decoder.decode(block):
                    yield text.encode()
            if text := decoder.decode(b"", final=True):
                yield text.encode()

    def lines(self) -> Iterator[str]:
        """Line by line, with their ends.

        Raises DataError: a line is longer than is allowed; UnicodeError: of another encoding.
        """
        stream = io.TextIOWrapper(self.open(), self.codec, newline="")
        number = 0
        while line := stream.readline(self.limits.line + 1):
            number += 1
            if len(line) > self.limits.line:
                where = f"{self.path}, line {count(number)}"
                raise self.limits.exceeded("line", len(line), where, at_least=True)
            yield line


@dataclass(frozen=True)
class TextTable:
    """A text and the separator of its columns; `notes` say what was recognised."""

    text: Decoded
    separator: str
    notes: tuple[Message, ...]


# --- encoding -------------------------------------------------------------------------------------


def decode(file: FileBytes | FileStream, form: FileForm) -> Decoded:
    """By the declared encoding, else by the one that is recognised.

    Raises DataError: the text is not of the declared encoding, or none is recognised.
    """
    if isinstance(file, FileStream):  # it has been decoded before
        return Decoded(file, _codec(form.encoding or "utf-8"), form.limits)
    if form.encoding is not None:
        return _declared(file, form.encoding, form.limits)
    encoding = recognise(file.content)
    if isinstance(encoding, Unclear):
        before, zero, _ = file.content.partition(b"\0")
        if zero and recognise(file.content.replace(zero, b"")) == "utf-8":
            line = before.count(b"\n") + 1
            raise zero_character(f"{file.path}, line {count(line)}")
        raise DataError(_unclear(file.path, encoding))
    if encoding in {"utf-8", "utf-8-sig"}:
        return Decoded(file, "utf-8-sig", form.limits)
    word = first_word(file.content[: 1 << 22].decode(encoding, errors="ignore"))
    note = message(
        "preparation.encoding",
        encoding=message(f"preparation.encodings.{encoding}"),
        word=word or "",
    )
    return Decoded(file, encoding, form.limits, (note,))


def _declared(file: FileBytes, encoding: str, limits: ReadLimits) -> Decoded:
    if not is_known(encoding):
        raise data_error(
            str(file.path),
            f"`{encoding}` is not the name of an encoding of files",
            "utf-8, cp1252, gb18030, utf-16, …",
            "correct `dataset.encoding`, or leave it out",
        )
    codec = _codec(encoding)
    try:
        file.content.decode(codec)
    except UnicodeError as error:
        raise DataError(_other_encoding(file, encoding, error)) from None
    return Decoded(file, codec, limits)


def zero_character(where: str) -> DataError:
    """The error on a character of zero, which programs write into what is damaged or no text."""
    return data_error(
        where,
        "it holds the character NUL (U+0000), which no text has",
        "a table as text",
        "export it again, or remove the character; a file of another kind gets its own ending",
    )


def _codec(encoding: str) -> str:
    """The codec that reads the encoding, without the byte-order mark of UTF-8."""
    return "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding


def _other_encoding(file: FileBytes, encoding: str, error: UnicodeError) -> str:
    recognised = recognise(file.content)
    advice = "leave `dataset.encoding` out, and the encoding is recognised where it is clear"
    if isinstance(recognised, str):
        advice = f"try `{override('dataset.encoding', recognised)}`"
    place = getattr(error, "start", 0) + 1
    reason = getattr(error, "reason", str(error))
    return error_text(
        str(file.path),
        f"the file is not written in {encoding}, first at byte {count(place)} ({reason})",
        "the encoding that `dataset.encoding` names",
        f"{advice}, or save the file as UTF-8",
    )


def _unclear(path: Path, unclear: Unclear) -> str:
    problem = f"the file is not written in UTF-8, first at byte {count(unclear.byte)}"
    if unclear.readings:
        ways = "; ".join(f"{name} reads “{word}”" for name, word in unclear.readings.items())
        problem += f", and more than one encoding is possible ({ways})"
        name = next(iter(unclear.readings))
    else:
        problem += ", and no encoding was recognised"
        name = "cp1251"
    return error_text(
        str(path),
        problem,
        "UTF-8, UTF-16, GB18030, Big5 or Windows-1252, or another encoding that is declared",
        f"declare it, such as `{override('dataset.encoding', name)}`, or save the file as UTF-8",
    )


# --- separator and header -------------------------------------------------------------------------


def open_table(file: FileBytes | FileStream, form: FileForm) -> TextTable:
    """The text with the separator that is declared or recognised.

    Raises DataError: the encoding or the separator is not clear.
    """
    text = decode(file, form)
    if form.separator in _NO_SEPARATORS:
        raise data_error(
            "dataset",
            f"`dataset.separator` is {form.separator!r}",
            "a sign between cells",
            "leave it out, and it is recognised",
        )
    if form.separator:
        return TextTable(text, form.separator, text.notes)
    if inner_suffix(file.path) == ".tsv":
        return TextTable(text, "\t", text.notes)
    separator = _recognise_separator(text)
    notes = text.notes
    if separator != ",":
        notes = (*notes, message(f"preparation.separator.{_SEPARATORS[separator]}"))
    return TextTable(text, separator, notes)


def _recognise_separator(text: Decoded) -> str:
    """The one that cuts the header and the first rows into equally many cells, at least two.

    Raises DataError: two separators do so.
    """
    csv.field_size_limit(text.limits.line)
    lines = list(islice(text.lines(), _LOOKED_AT))
    widths = {separator: _widths(lines, separator) for separator in _SEPARATORS}
    even = [
        separator for separator, counts in widths.items() if len(set(counts)) == 1 and counts[0] > 1
    ]
    if len(even) > 1:
        ways = " and ".join(
            f"{widths[separator][0]} columns by {_SEPARATORS[separator]}" for separator in even
        )
        raise data_error(
            str(text.path),
            f"it reads as {ways}",
            "one separator",
            f"declare it: `{override('dataset.separator', even[-1])}`",
        )
    if even:
        return even[0]
    return max(_SEPARATORS, key=lambda separator: widths[separator][0] if widths[separator] else 0)


def _widths(lines: list[str], separator: str) -> list[int]:
    """Cells of the header and of each record, the last one aside, which may be cut off."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        rows = [lines[0].split(separator)]
    whole = rows[:-1] if len(lines) == _LOOKED_AT else rows
    return [len(row) for row in whole]


def header_of(table: TextTable) -> list[str]:
    """The column names; raises DataError: there is none, or there are more than is allowed."""
    path, limits = table.text.path, table.text.limits
    csv.field_size_limit(limits.line)
    try:
        first = next(csv.reader(table.text.lines(), delimiter=table.separator), [])
    except csv.Error as error:
        raise data_error(
            str(path),
            f"the first line cannot be read ({error})",
            "a header",
            "correct the quotes there, or declare `dataset.separator`",
        ) from None
    limits.check("columns", len(first), str(path))
    if not any(cell.strip() for cell in first):
        raise data_error(
            str(path),
            "the first line is blank",
            "a header",
            "export the table with its column names",
        )
    return [name.strip() or f"unnamed {i + 1}" for i, name in enumerate(first)]
