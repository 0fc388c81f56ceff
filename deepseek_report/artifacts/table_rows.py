"""The rows of a table as instances of a small frozen dataclass, from which its columns are made.

A field is the column of its name. Its type says what a cell is: `str`, `int`, `float`, `bool` or a
`Literal`; with `| None` where it may be empty, as a number that is not finite is. An `Estimate` is
a column and those of the ends of its interval; `Cells` are all cells of the row, for columns whose
names depend on the task. `Annotated` says what else `Column` has: a string is its kind, a `Cell`
the rest, a tuple the columns of `Cells`. An empty cell is NaN as `float`. A field with a default
has it where the table lacks the column and where the cell is empty.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypedDict,
    TypeVar,
    Union,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from deepseek_report.artifacts.estimate import Estimate, end_names, finite
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R")
#: All cells of a row by their column: for columns whose names depend on the task.
Cells = Mapping[str, Any]
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "yes or no"}


class CellSettings(TypedDict, total=False):
    """What a `Cell` may say: fields of a `Column`, and where the cells of a field stand.

    column : the name of the column where that is not the field's. prefix : of an `Estimate`, whose
    ends are in `<prefix>_low` and `<prefix>_high`; the column where it is not said. n : the column
    that counts what the estimate rests on, "n" where it is not said.
    """

    column: str
    prefix: str
    n: str
    unit: str
    shown: bool
    optional: bool
    required: bool
    mark: str
    unless: str
    label: str


class Cell:
    """What the column of a field says beside its type: `Annotated[float, Cell(unless="few")]`."""

    def __init__(self, **settings: Unpack[CellSettings]) -> None:
        self.settings = settings


#: A column that readers get in the files alone, one that a table may lack, and an estimate whose
#: ends are in `low` and `high`.
HIDDEN, OPTIONAL, BARE_ENDS = Cell(shown=False), Cell(optional=True), Cell(prefix="")


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
    """One instance of a row class for each row of a table.

    name : of the table, for the message.
    Raises ArtifactError: the table lacks a column, or a cell does not fit its field.
    """
    row_class: type = of
    try:
        columns = {known.name: known.read(frame) for known in fields_of(row_class)}
        cells_of_rows = zip(*columns.values(), strict=True)
        return [of(**dict(zip(columns, cells, strict=True))) for cells in cells_of_rows]
    except ArtifactError as error:
        raise ArtifactError(f"the table {name!r} {error}") from None


@dataclass(frozen=True)
class RowField:
    """A field of a row class as a column of its table, worked out once.

    type : without `| None`, or None of a `Literal`, whose values are `allowed`. ends : the columns
    of the ends of an estimate's interval. n : the column of what it rests on. columns : of `Cells`,
    each a `Column`.
    settings : of the column, beside its name and its ends.
    """

    name: str
    column: str
    type: Any
    allowed: tuple[object, ...]
    may_be_empty: bool
    default: Any
    ends: tuple[str, str]
    n: str
    columns: tuple[object, ...]
    settings: Mapping[str, Any]

    @property
    def may_lack(self) -> bool:
        """Whether it is empty where the table lacks the column."""
        return self.may_be_empty and bool(self.settings.get("optional"))

    def read(self, frame: pd.DataFrame) -> list[Any]:
        """The values of all rows."""
        if self.type == Cells:
            return records_of(frame)
        if self.column not in frame:
            if self.default is MISSING and not self.may_lack:
                raise ArtifactError(f"has no column `{self.column}`")
            return [None if self.default is MISSING else self.default] * len(frame)
        if self.type is Estimate:
            return self._estimates(frame)
        return [self._value(cell, row) for row, cell in enumerate(_cells(frame, self.column))]

    def _estimates(self, frame: pd.DataFrame) -> list[Any]:
        empty = [None] * len(frame)
        names = (self.column, *self.ends, self.n)
        cells = (_cells(frame, name) if name in frame else empty for name in names)
        read = [Estimate.of(*each) for each in zip(*cells, strict=True)]
        if self.default is MISSING and not self.may_be_empty:
            return read
        other = None if self.default is MISSING else self.default
        return [estimate if estimate.is_defined else other for estimate in read]

    def _value(self, cell: Any, row: int) -> Any:
        if cell is None or (self.may_be_empty and self.type is float and finite(cell) is None):
            if self.default is not MISSING:
                return self.default
            if self.may_be_empty or self.type is float:
                return None if self.may_be_empty else math.nan
        elif self.type is None:
            if cell in self.allowed:
                return cell
        elif _FITS[self.type](cell):
            return self.type(cell)
        allowed = _NAMES.get(self.type) or " or ".join(repr(value) for value in self.allowed)
        problem = "is empty" if cell is None else f"holds {cell!r}"
        raise ArtifactError(
            f"{problem} in column `{self.column}`, row {row + 1}, where {allowed} should be"
        )


@cache
def fields_of(row_class: type) -> tuple[RowField, ...]:
    """How each field of a row class is written and read, in order.

    >>> @dataclass(frozen=True)
    ... class Part:
    ...     right: Annotated[Estimate, "share", Cell(unless="few")]
    >>> [known] = fields_of(Part)
    >>> known.ends, known.settings
    (('right_low', 'right_high'), {'unless': 'few', 'kind': 'share'})

    Raises TypeError: a field is of a type that no cell has, or has nothing to be where the table
    lacks its optional column.
    """
    hints = get_type_hints(row_class, include_extras=True)
    return tuple(_row_field(entry, hints[entry.name]) for entry in fields(row_class))


def cells_of(row: object) -> dict[str, Any]:
    """{column: cell} of an instance of a row class; the estimate of a field is in three of them."""
    cells: dict[str, Any] = {}
    row_class: type = type(row)
    for known in fields_of(row_class):
        value = getattr(row, known.name)
        if known.type == Cells:
            cells = {**value, **cells}
        elif known.type is Estimate:
            cells |= dict(zip((known.column, *known.ends), parts_of(value), strict=True))
        else:
            cells[known.column] = value
    return cells


def parts_of(estimate: Estimate | None) -> tuple[float | None, ...]:
    """The value and the ends of its interval, NaN where there is none; None where it is none."""
    return (None,) * 3 if estimate is None else tuple(estimate.cells("").values())


def _row_field(entry: Field[Any], hint: Any) -> RowField:
    annotations: tuple[Any, ...] = ()
    may_be_empty = False
    while get_origin(hint) in (Annotated, Union, types.UnionType):
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            annotations = (*more, *annotations)
        else:
            hint = next(kind for kind in get_args(hint) if kind is not type(None))
            may_be_empty = True
    allowed = get_args(hint) if get_origin(hint) is Literal else ()
    if not allowed and hint not in (*_FITS, Estimate, Cells):
        raise TypeError(f"the field {entry.name} of a row is a {hint}, which no cell is")
    settings: dict[str, Any] = {}
    for each in annotations:
        settings |= each.settings if isinstance(each, Cell) else {}
        settings |= {"kind": each} if isinstance(each, str) else {}
    column = settings.pop("column", entry.name)
    made = RowField(
        name=entry.name,
        column=column,
        type=None if allowed else hint,
        allowed=allowed,
        may_be_empty=may_be_empty,
        default=entry.default,
        ends=end_names(settings.pop("prefix", column)),
        n=settings.pop("n", "n"),
        columns=next((each for each in annotations if isinstance(each, tuple)), ()),
        settings=settings,
    )
    if settings.get("optional") and made.default is MISSING and not may_be_empty:
        raise TypeError(f"the field {entry.name} of a row has nothing to be where it is optional")
    return made


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
