"""What a table of a report holds: its columns, what each means, and which section shows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np

from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate, end_names
from deepseek_report.artifacts.table_rows import Cells, RowField, cells_of, fields_of
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

#: What a cell means, which decides how it is written.
Kind = Literal[
    "text",
    "attribute",  # name of an attribute, or of a crossing: written as its label
    "explainer",  # key of an explainer: written as its label
    "metric",  # key of a score: written as its label
    "impact_verdict",  # on which side of a declared ratio a group is: written in words
    "outcome",  # of a promise
    "side",  # of a bound: at least, or at most
    "policy",  # key of a policy of thresholds: written as its label
    "code",  # a key, a path, a version, a hash
    "slice_kind",  # what a slice is listed for
    "layer",  # path of a layer
    "layer_kind",  # class of a layer
    "yes_no",
    "count",
    "number",
    "share",  # of one, written in per cent
    "points",  # difference of two shares, with its sign, in points that the head names
    "gap",  # distance of two shares, written in points
    "declared",  # a number that somebody chose: written as it was declared
    "declared_share",  # a share that somebody chose
    "p_value",
    "seconds",
    "quantity",  # with the unit of the column
    "half_width",  # with the unit of the column, after ±
    "of_five",  # a share of five things: `4.2 of 5`
    "place",  # counted from 0, written from 1
    "row",  # row of the source
]
_TEXTS = frozenset(
    {
        *("text", "attribute", "explainer", "metric", "impact_verdict", "policy", "code"),
        *("outcome", "side", "slice_kind", "layer", "layer_kind"),
    }
)
#: The unit of a column that holds values of what is predicted.
OF_TARGET = "target"
#: Fields of a type that no file holds.
_IN_CODE_ALONE = ("release",)
#: Between several names in one cell.
SEPARATOR = "; "


@dataclass(frozen=True)
class Column:
    """One column of a table.

    key : its name in the frame. kind : what its cells mean.
    low, high : the columns that hold the ends of its 95 % interval; empty without one.
    unit : of a quantity; "target" for that of what is predicted.
    shown : False where readers get it in the files alone.
    optional : whether a table may lack it. required : rows without a value here are not shown.
    mark : a yes-or-no column that adds words to the cell, such as "(reported)".
    unless : a yes-or-no column; where it is true the first such cell of a row says that there are
        too few to judge, and the others are empty.
    label : the head in the words of a plug-in of one's own; what ships with the package has its
        words in `templates/locale`.
    """

    key: str
    kind: Kind = "text"
    low: str = ""
    high: str = ""
    unit: str = ""
    shown: bool = True
    optional: bool = False
    required: bool = False
    mark: str = ""
    unless: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"the column {self.key} has the unknown kind {self.kind!r}")

    @property
    def with_ends(self) -> tuple[str, ...]:
        """The columns of the frame that belong to it: its own, and the ends of its interval."""
        return tuple(key for key in (self.key, self.low, self.high) if key)


def columns_of(named: str, **settings: Any) -> tuple[Column, ...]:
    """Several columns, named in one string; each may say its kind behind a colon.

    settings : further fields that all of them have.

    >>> [(column.key, column.kind) for column in columns_of("label n:count")]
    [('label', 'text'), ('n', 'count')]
    """
    made = []
    for name in named.split():
        key, _, kind = name.partition(":")
        made.append(Column(key, cast(Kind, kind or "text"), **settings))
    return tuple(made)


def estimate(key: str, kind: Kind = "number", prefix: str = "", **settings: Any) -> Column:
    """A column with an interval in `<prefix>_low` and `<prefix>_high`; `low`, `high` without."""
    low, high = end_names(prefix)
    return Column(key, kind, low=low, high=high, **settings)


def estimates_of(named: str, **settings: Any) -> tuple[Column, ...]:
    """Several columns as `columns_of` names them, each with an interval of its own name.

    One is a number where the string says no kind.

    >>> [column.with_ends for column in estimates_of("gain:points lost")]
    [('gain', 'gain_low', 'gain_high'), ('lost', 'lost_low', 'lost_high')]
    """
    named = " ".join(name if ":" in name else f"{name}:number" for name in named.split())
    return tuple(estimate(each.key, each.kind, each.key, **settings) for each in columns_of(named))


@dataclass(frozen=True)
class TableType:
    """What a metric promises of one of its tables.

    columns : all columns of the frame, in order. section : the section that shows it, or empty
    where a section places it by itself or nobody shows it.
    folded : whether it is shown one click deep. most : rows that are shown; the file has all.
    release : how it is passed on below `report.privacy: full`; None where it is left out.
    caption, heading : in the words of a plug-in of one's own, as `Column.label`.
    """

    columns: tuple[Column, ...]
    section: str = ""
    folded: bool = False
    most: int | None = None
    release: TableRelease | None = field(default=None, compare=False)
    caption: str = ""
    heading: str = ""

    @classmethod
    def of(
        cls,
        row: type,
        section: str = "",
        *,
        folded: bool = False,
        most: int | None = None,
        release: TableRelease | None = None,
        caption: str = "",
        heading: str = "",
    ) -> TableType:
        """The table whose rows are instances of a frozen dataclass; see `table_rows`.

        >>> @dataclass(frozen=True)
        ... class BatchSize:
        ...     size: int
        ...     time: Estimate
        >>> kind = TableType.of(BatchSize, section="performance")
        >>> [(column.key, column.kind) for column in kind.columns]
        [('size', 'count'), ('time', 'number')]
        >>> kind.frame([BatchSize(64, Estimate(2.0, 1.5, 2.5))]).to_dict("list")
        {'size': [64], 'time': [2.0], 'time_low': [1.5], 'time_high': [2.5]}
        """
        columns = tuple(column for each in fields_of(row) for column in _columns_of(each))
        return cls(columns, section, folded, most, release, caption, heading)

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> TableType:
        """What can be told of a table that nobody declared, as a plug-in may leave it."""
        return cls(tuple(Column(str(key), _kind_of(cells)) for key, cells in frame.items()))

    @property
    def keys(self) -> list[str]:
        """The columns of the frame, in order."""
        return list(dict.fromkeys(key for column in self.columns for key in column.with_ends))

    @property
    def optional(self) -> set[str]:
        """The columns that a frame may lack."""
        return {key for column in self.columns if column.optional for key in column.with_ends}

    def frame(self, rows: Iterable[object]) -> pd.DataFrame:
        """A frame of rows: instances of a row class, mappings, or cells in order of the columns.

        An `Estimate` fills its column and those of the ends of its interval. Columns of numbers
        hold numbers also where none is known. Optional columns that no row names, or where all
        instances have None, are left out, as are those behind the last cell of rows in order.
        """
        import pandas as pd

        optional, ends = self.optional, {column.key: column.with_ends for column in self.columns}
        plain = [_plain(row, ends, optional) for row in rows]
        named = {key for row in plain if isinstance(row, Mapping) for key in row}
        filled = len(self.keys) if named or not plain else len(plain[0])
        frame = pd.DataFrame(plain, columns=self.keys[:filled])
        frame = frame.drop(columns=list(optional - named) if named else [])
        numbers = {
            key
            for column in self.columns
            if column.kind not in _TEXTS | {"yes_no"}
            for key in column.with_ends
        }
        unsure = [key for key in frame if key in numbers and frame[key].dtype == object]
        return frame.astype(dict.fromkeys(unsure, np.float64))

    def restricted_to(self, keys: Iterable[str]) -> TableType:
        """The type of a copy that lacks some columns, as one passed on for privacy does."""
        known = {*keys, ""}
        columns = tuple(
            replace(
                column,
                low=column.low if column.low in known else "",
                high=column.high if column.high in known else "",
            )
            for column in self.columns
            if column.key in known
        )
        return replace(self, columns=columns)

    def held_by(self, frame: pd.DataFrame) -> TableType:
        """The type without the optional columns that a frame lacks."""
        held = (column for column in self.columns if not column.optional or column.key in frame)
        return replace(self, columns=tuple(replace(column, optional=False) for column in held))

    def validate(self, name: str, frame: pd.DataFrame) -> None:
        """Raise ArtifactError unless the frame has these columns, each with cells of its kind.

        name : of the table, for the message.
        """
        known = {*frame, *self.optional}
        problems = [
            *(f"has no column `{key}`" for key in self.keys if key not in known),
            *(
                f"has a column `{key}` that is not declared"
                for key in frame
                if key not in self.keys
            ),
            *(
                f"has cells in `{column.key}` that are no {column.kind}"
                for column in self.columns
                if column.key in frame and not _fits(frame[column.key], column.kind)
            ),
        ]
        if problems:
            raise ArtifactError(f"the table {name!r} {'; '.join(problems)}")

    def without_intervals(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with nothing in its columns of ends of intervals and of p-values."""
        ends = [end for column in self.columns for end in (column.low, column.high) if end]
        tests = [column.key for column in self.columns if column.kind == "p_value"]
        known = [key for key in (*ends, *tests) if key in frame]
        return frame.assign(**dict.fromkeys(known, np.nan))

    def to_json(self) -> dict[str, object]:
        """All fields that are not at their default; how it is released is no part of it."""
        columns = [_non_default(column) for column in self.columns]
        return {**_non_default(self, without=_IN_CODE_ALONE), "columns": columns}

    @classmethod
    def from_json(cls, data: object) -> TableType:
        """Raise ArtifactError unless it is what `to_json` wrote."""
        known = _checked(cls, data, without=_IN_CODE_ALONE)
        columns = known.pop("columns")
        if not isinstance(columns, list):
            raise ArtifactError("the columns of a table are no list")
        return cls(tuple(Column(**_checked(Column, column)) for column in columns), **known)


@dataclass(frozen=True)
class Table:
    """A frame, and what its columns mean."""

    frame: pd.DataFrame
    type: TableType


TableTypes = Mapping[str, TableType]


#: What a field of this type is, where it says no other kind.
_KINDS: Mapping[object, Kind] = {int: "count", float: "number", bool: "yes_no", Estimate: "number"}


def _columns_of(field: RowField) -> tuple[Column, ...]:
    """The columns that a field of a row class stands for: one, or those of `Cells`."""
    if field.type == Cells:
        return tuple(column for column in field.columns if isinstance(column, Column))
    low, high = field.ends if field.type is Estimate else ("", "")
    settings = {"kind": _KINDS.get(field.type, "text"), **field.settings}
    return (Column(field.column, low=low, high=high, **settings),)


def _kind_of(cells: pd.Series[Any]) -> Kind:
    import pandas as pd

    if pd.api.types.is_bool_dtype(cells):
        return "yes_no"
    if pd.api.types.is_integer_dtype(cells):
        return "count"
    return "number" if pd.api.types.is_numeric_dtype(cells) else "text"


def _plain(
    row: object, ends: Mapping[str, tuple[str, ...]], optional: Collection[str]
) -> Mapping[str, object] | Sequence[object]:
    """A row in which no cell is an estimate, and of an instance no optional one is empty.

    ends : {column: itself, and the columns of the ends of its interval}.
    """
    if isinstance(row, Sequence):
        return [part for cell in row for part in _parts(cell)]
    if not isinstance(row, Mapping):
        known = cells_of(row).items()
        row = {key: cell for key, cell in known if cell is not None or key not in optional}
    return {
        key: part
        for name, cell in row.items()
        for key, part in zip(ends.get(name, (name,)), _parts(cell), strict=False)
    }


def _parts(cell: object) -> tuple[object, ...]:
    """A cell; of an estimate its value and the ends of its interval, NaN where there is none."""
    return tuple(cell.cells("").values()) if isinstance(cell, Estimate) else (cell,)


def _fits(cells: pd.Series[Any], kind: Kind) -> bool:
    """Whether all cells that are not missing are of a kind; the type of a column may say it."""
    import pandas as pd

    dtype = cells.dtype
    if kind == "yes_no":
        if dtype == np.dtype(bool):
            return True
        return all(isinstance(cell, bool) or cell in (0, 1) for cell in cells.dropna())
    if kind in _TEXTS:
        is_text = isinstance(dtype, pd.StringDtype)
        return is_text or all(isinstance(cell, str) for cell in cells.dropna())
    is_number = isinstance(dtype, np.dtype) and dtype.kind in "biuf"
    return is_number or all(isinstance(cell, Real) for cell in cells.dropna())


def _non_default(record: Any, without: tuple[str, ...] = ()) -> dict[str, object]:
    return {
        entry.name: getattr(record, entry.name)
        for entry in fields(record)
        if entry.name not in without and getattr(record, entry.name) != entry.default
    }


#: What the fields of columns and tables may hold in a file.
_ALLOWED = {"bool": (bool,), "int | None": (int, type(None)), "str": (str,), "Kind": (str,)}


def _checked(record: type[Any], data: object, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a record in a file; whatever is unknown, missing or of another type ends it."""
    if not isinstance(data, dict):
        raise ArtifactError(f"a {record.__name__} of a table is no mapping")
    known = {entry.name: entry for entry in fields(record) if entry.name not in without}
    if unknown := [name for name in data if name not in known]:
        raise ArtifactError(f"a {record.__name__} of a table has the unknown field {unknown[0]!r}")
    for name, entry in known.items():
        if name not in data and entry.default is MISSING:
            raise ArtifactError(f"a {record.__name__} of a table has no `{name}`")
        allowed = _ALLOWED.get(str(entry.type))
        if name in data and allowed and not isinstance(data[name], allowed):
            raise ArtifactError(f"`{name}` of a table is {data[name]!r}")
    if data.get("kind", "text") not in get_args(Kind):
        raise ArtifactError(f"a column of a table has the unknown kind {data['kind']!r}")
    return dict(data)
