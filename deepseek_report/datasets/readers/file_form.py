"""How a data file is written, as far as the config declares it; what it does not is recognised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.protocols.datasets import DatasetPart
from deepseek_report.artifacts.rounding import count
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.errors import DataError

Bound = Annotated[int, Field(ge=1)]
Bounded = Literal["cells", "columns", "bytes", "line", "pixels", "files", "depth"]

_WORDS: dict[Bounded, str] = {
    "cells": "cells (rows times columns)",
    "columns": "columns",
    "bytes": "bytes once unpacked",
    "line": "characters in one line or cell",
    "pixels": "pixels in one image",
    "files": "files in a folder or an archive",
    "depth": "levels of nesting",
}


@dataclass(frozen=True)
class ReadLimits:
    """Bounds that every source keeps; what holds more is refused before it fills the memory.

    cells : values of a table, rows times columns; of images, images times pixels times channels.
    columns : of a table. bytes : of a file once it is unpacked, and of its texts in memory.
    line : characters of one line, and of one cell. pixels : width times height of an image file.
    files : images in a folder, members of an archive. depth : levels of lists in JSON.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    cells: Bound = 100_000_000
    columns: Bound = 10_000
    bytes: Bound = 1_000_000_000
    line: Bound = 16_000_000
    pixels: Bound = 100_000_000
    files: Bound = 1_000_000
    depth: Bound = 8

    def check(self, what: Bounded, n: int, where: str, *, at_least: bool = False) -> None:
        """Refuse what holds more than is allowed.

        n : how many there are; `at_least` says that reading stopped there.

        Raises DataError: there are more than the bound.
        """
        if n > getattr(self, what):
            raise self.exceeded(what, n, where, at_least=at_least)

    def exceeded(self, what: Bounded, n: int, where: str, *, at_least: bool = False) -> DataError:
        """What was found, the bound, and how to raise it."""
        bound = getattr(self, what)
        name = f"dataset.bounds.{what}"
        raised = override(name, 2 * bound if at_least else n)
        return data_error(
            where,
            f"it holds {'at least ' if at_least else ''}{count(n)} {_WORDS[what]}",
            f"at most {count(bound)} (`{name}`)",
            "use a smaller file, or, where this one is what you expect and the machine has the "
            f"memory, raise the bound: `{raised}`",
        )


Decimal = Literal[".", ","]


@dataclass(frozen=True)
class FileForm:
    """How a file is written; what is None is recognised from the file, and said.

    missing_values : texts that mean missing, besides `text_table.MISSING`.
    sheet : of a workbook, by name or counted from 1; None is the first.
    drawn : only some of the rows are kept, so that a text file is read piece by piece.
    """

    separator: str | None = None
    encoding: str | None = None
    decimal: Decimal | None = None
    missing_values: tuple[str, ...] = ()
    sheet: str | int | None = None
    limits: ReadLimits = field(default_factory=ReadLimits)
    drawn: bool = False


@dataclass(frozen=True)
class Bounds(DatasetPart):
    """The part of a data set's YAML that says how much its source may hold."""

    bounds: ReadLimits = field(default_factory=ReadLimits)


@dataclass(frozen=True)
class WrittenFile(Bounds):
    """The part of a data set's YAML that says how its file is written, see `FileForm`."""

    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str | None = None
    decimal: Decimal | None = None
    missing_values: tuple[str, ...] = ()
    sheet: str | Annotated[int, Field(ge=1)] | None = None

    @property
    def form(self) -> FileForm:
        return FileForm(
            self.separator,
            self.encoding,
            self.decimal,
            self.missing_values,
            self.sheet,
            self.bounds,
        )
