"""How a data file is written, as far as the config declares it; what it does not is recognised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from deepseek_report.datasets.readers.limits import ReadLimits

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
class Bounds:
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
