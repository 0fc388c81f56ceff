"""Rows of a measured table as instances of a small frozen dataclass, so that a typo is no key."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate, end_names, finite
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R")
#: All cells of a row by their column: for columns whose names depend on the task.
Cells = Mapping[str, Any]
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "yes or no"}


@dataclass(frozen=True)
class From:
    """Where a field is read from, where that is not the column of its name alone.

    Stands beside the type, as in `gap: Annotated[Estimate, From("surest_gap", "surest")]`.

    column : empty for that of the field's name. prefix : of an `Estimate`, whose ends are then in
    `<prefix>_low` and `<prefix>_high` and else in `low` and `high`. n : the column that counts what
    the estimate rests on.
    """

    column: str = ""
    prefix: str = ""
    n: str = "n"


@dataclass(frozen=True)
class WholeRow:
    """A row of any table that is passed on as it is."""

    cells: Cells


def records_of(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    """What `frame.to_dict("records")` gives, in half of its time where the cells are texts."""
    columns = {name: _python_values(column) for name, column in frame.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _python_values(column: pd.Series[Any]) -> list[Any]:
    """The values of a column as Python has them."""
    import pandas as pd

    if isinstance(column.dtype, pd.StringDtype):
        return list(column.to_numpy(dtype=object).tolist())
    if isinstance(column.dtype, np.dtype) and column.dtype != np.dtype(object):
        return list(column.tolist())
    return [row["value"] for row in column.to_frame("value").to_dict("records")]


def read_rows(frame: pd.DataFrame, of: type[R], name: str = "") -> list[R]:
    """One instance of a frozen dataclass for each row of a table.

    A field is read from the column of its name (or see `From`). Its type says what a cell must be:
    `str`, `int`, `float`, `bool` or a `Literal`; with `| None` where it may be empty, as a number
    that is not finite is. An `Estimate` takes the column, its ends and its n; `Cells` is the whole
    row. An empty cell is NaN as `float`. A field with a default has it where the table lacks the
    column and where the cell is empty.

    name : of the table, for the message.
    Raises ArtifactError: the table lacks a column, or a cell does not fit.
    """
    row_class: type = of
    try:
        columns = [known.read(frame) for known in fields_of(row_class)]
        return [of(*cells) for cells in zip(*columns, strict=True)]
    except ArtifactError as error:
        raise ArtifactError(f"the table {name!r} {error}") from None


@dataclass(frozen=True)
class RowField:
    """How a field of a row class is read from a frame, worked out once.

    kind : the type without `| None`, or None of a `Literal`, whose values are `allowed`.
    """

    column: str
    kind: Any
    allowed: tuple[object, ...]
    may_be_empty: bool
    default: Any
    source: From

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the table must declare."""
        if self.kind == Cells:
            return ()
        return (self.column, *self.ends) if self.kind is Estimate else (self.column,)

    @property
    def ends(self) -> tuple[str, str]:
        """The columns of the ends of an estimate's interval."""
        return end_names(self.source.prefix)

    def read(self, frame: pd.DataFrame) -> list[Any]:
        """The values of all rows."""
        if self.kind == Cells:
            return records_of(frame)
        if self.column not in frame:
            if self.default is MISSING:
                raise ArtifactError(f"has no column `{self.column}`")
            return [self.default] * len(frame)
        if self.kind is Estimate:
            return self._estimates(frame)
        return [self._value(cell, row) for row, cell in enumerate(_cells(frame, self.column))]

    def _estimates(self, frame: pd.DataFrame) -> list[Any]:
        empty = [None] * len(frame)
        names = (self.column, *self.ends, self.source.n)
        cells = (_cells(frame, name) if name in frame else empty for name in names)
        read = [Estimate.of(*each) for each in zip(*cells, strict=True)]
        if self.default is MISSING and not self.may_be_empty:
            return read
        other = None if self.default is MISSING else self.default
        return [estimate if estimate.is_defined else other for estimate in read]

    def _value(self, cell: Any, row: int) -> Any:
        if cell is None or (self.may_be_empty and self.kind is float and finite(cell) is None):
            if self.default is not MISSING:
                return self.default
            if self.may_be_empty or self.kind is float:
                return None if self.may_be_empty else math.nan
        elif self.kind is None:
            if cell in self.allowed:
                return cell
        elif _FITS[self.kind](cell):
            return self.kind(cell)
        allowed = _NAMES.get(self.kind) or " or ".join(repr(value) for value in self.allowed)
        problem = "is empty" if cell is None else f"holds {cell!r}"
        raise ArtifactError(
            f"{problem} in column `{self.column}`, row {row + 1}, where {allowed} should be"
        )


@cache
def fields_of(row_class: type) -> tuple[RowField, ...]:
    """How each field of a row class is read, in order.

    Raises TypeError: a field is of a type that no cell has.
    """
    hints = get_type_hints(row_class, include_extras=True)
    return tuple(_row_field(entry, hints[entry.name]) for entry in fields(row_class))


def cells_of(row: object) -> dict[str, object]:
    """{column: value} of an instance of a row class, whose `Cells` are left out; see `read_rows`.

    An estimate that is not known is undefined.
    """
    row_class: type = type(row)
    known = zip(fields_of(row_class), vars(row).values(), strict=True)
    return {
        field.column: UNDEFINED if value is None and field.kind is Estimate else value
        for field, value in known
        if field.kind != Cells
    }


def _row_field(entry: Field[Any], hint: Any) -> RowField:
    source = From()
    if get_origin(hint) is Annotated:
        hint, source = get_args(hint)
    may_be_empty = get_origin(hint) in (Union, types.UnionType)
    if may_be_empty:
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    allowed = get_args(hint) if get_origin(hint) is Literal else ()
    if not allowed and hint not in (*_FITS, Estimate, Cells):
        raise TypeError(f"the field {entry.name} of a row is a {hint}, which no cell is")
    return RowField(
        column=source.column or entry.name,
        kind=None if allowed else hint,
        allowed=allowed,
        may_be_empty=may_be_empty,
        default=entry.default,
        source=source,
    )


def problems_of(
    row_class: type | None, keys: Collection[str], optional: Collection[str]
) -> list[str]:
    """What a row class expects of a table that does not declare it; nothing without a row class.

    keys : the declared columns. optional : those of them that a table may lack.
    """
    known = () if row_class is None else fields_of(row_class)
    return [
        *(f"has no column `{key}`" for f in known for key in f.columns if key not in keys),
        *(
            f"may lack the column `{f.column}`, for which the field has no default"
            for f in known
            if f.column in optional and f.default is MISSING and f.kind != Cells
        ),
    ]


def _cells(frame: pd.DataFrame, column: str) -> list[Any]:
    cells = frame[column]
    pairs = zip(cells.tolist(), cells.isna().tolist(), strict=True)
    return [None if empty else cell for cell, empty in pairs]


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float)


#: Whether a cell is of a type, so that its constructor gives the same value.
_FITS: dict[type, Callable[[Any], bool]] = {
    str: lambda cell: isinstance(cell, str),
    int: lambda cell: _is_number(cell) and float(cell).is_integer(),
    float: _is_number,
    bool: lambda cell: _is_number(cell) and cell in (0, 1),
}
