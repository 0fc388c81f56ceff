"""What is known of rows that no model reads: whose they are, and when they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.rounding import DASH, plural
from deepseek_report.artifacts.schema import Attribute, Schema, readable_name
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.assembly.column_declarations import band_labels, data_error
from deepseek_report.datasets.readers.cells import date_forms, is_date, looks_like_date, read_cells
from deepseek_report.datasets.splitting import GroupConstraint, PossibleEntity, SplitRule

if TYPE_CHECKING:
    import pandas as pd

SplitBy = Literal["random", "time"]
#: Periods hold about so many rows at least, of which the test part gets a fifth; at most so many.
_ROWS_OF_PERIOD, MOST_PERIODS = 500, 6
#: Fewer entities cannot be shared out among three parts.
FEWEST_ENTITIES = 10


@dataclass(frozen=True)
class RowMoments:
    """When each row comes from.

    column : that says it. values : (row,) dates in seconds since 1970, or numbers; NaN is missing.
    forms : one date in each form that they are written in.
    """

    column: str
    values: Floats
    are_dates: bool
    forms: tuple[str, ...] = ()

    def periods(self) -> tuple[Attribute, Ints] | None:
        """Two to six periods with about equally many rows, and the period of each row.

        None where all moments are one.
        """
        known = self.values[~np.isnan(self.values)]
        n = int(np.clip(len(known) // _ROWS_OF_PERIOD, 2, MOST_PERIODS))
        if not len(known):
            return None
        edges = np.unique(np.quantile(known, np.arange(1, n) / n, method="higher"))
        edges = edges[edges > known.min()]
        if not len(edges):
            return None
        codes = np.searchsorted(edges, self.values, side="right").astype(np.int64)
        codes[np.isnan(self.values)] = -1
        levels = self._levels(edges, codes)
        label = readable_name(self.column)
        return Attribute(self.column, label, levels, kind="other", in_time=True), codes

    def _levels(self, edges: Floats, codes: Ints) -> tuple[str, ...]:
        if not self.are_dates:
            whole = bool(np.all(self.values[codes >= 0] % 1 == 0))
            return tuple(band_labels(edges, whole, None))
        ends = [
            (self.values[codes == k].min(), self.values[codes == k].max())
            for k in range(len(edges) + 1)
        ]
        firsts = [_day(first) for first, _ in ends]
        show = _day if len(set(firsts)) == len(firsts) else _minute
        return tuple(f"{show(first)} {DASH} {show(last)}" for first, last in ends)

    def parts(self, rule: SplitRule) -> Ints:
        """(row,) position in `PARTS`: the earliest rows train, the latest are tested.

        Rows of one moment are in one part.
        """
        train, validation, _ = rule.shares
        ends = np.quantile(self.values, [train, train + validation], method="higher")
        return np.searchsorted(ends, self.values, side="right").astype(np.int64)


def _day(seconds: float) -> str:
    return str(np.datetime64(round(seconds), "s").astype("datetime64[D]"))


def _minute(seconds: float) -> str:
    return str(np.datetime64(round(seconds), "s").astype("datetime64[m]")).replace("T", " ")


def moments_of(column: pd.Series, decimal: str) -> RowMoments:
    """The moments of a column of dates or numbers; what is neither is missing."""
    import pandas as pd

    cells = read_cells(column, str(column.name), decimal)
    if not (is_date(cells) or cells.not_numbers.any()):
        finite = np.where(np.isfinite(cells.numbers), cells.numbers, np.nan)
        return RowMoments(cells.name, finite, are_dates=False)
    dates = pd.to_datetime(column, errors="coerce", format="mixed", utc=True)
    seconds = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(dtype=np.float64)
    return RowMoments(cells.name, seconds, are_dates=True, forms=date_forms(cells))


@dataclass(frozen=True)
class RowMetadata:
    """Whose the rows of a source are, and when they come from, as far as it is known.

    entity : the column that names what several rows are of. units : (row,) the same number for
    rows of one entity. moments : None where no column says it. split_by : see `TableDeclarations`.
    possible : a column that may name entities, where none is declared.
    """

    entity: str | None = None
    units: Ints | None = None
    moments: RowMoments | None = None
    split_by: SplitBy = "random"
    possible: PossibleEntity | None = None

    def constraint(self, rule: SplitRule) -> GroupConstraint:
        """What the split must respect."""
        if self.split_by == "time" and self.moments is not None:
            method = message("preparation.split.by_time", column=self.moments.column)
            parts = self.moments.parts(rule)
            return GroupConstraint(parts=parts, method=method, possible=self.possible)
        return self.named(GroupConstraint(units=self.units))

    def named(self, constraint: GroupConstraint) -> GroupConstraint:
        """The constraint with what is known of the entities."""
        if constraint.units is None or self.entity is None:
            return replace(constraint, possible=self.possible)
        method = message("preparation.split.rows_together", entity=self.entity)
        return replace(constraint, method=constraint.method or method, entity=self.entity)

    def with_periods(self, schema: Schema, rows: Split) -> tuple[Schema, Split]:
        """The schema and the rows with moments and periods, where a column says the moments.

        rows : their `instance_ids` are positions in the source.
        """
        if self.moments is None:
            return schema, rows
        rows = replace(rows, moments=self.moments.values[rows.instance_ids])
        periods = self.moments.periods()
        if periods is None or periods[0].name in rows.groups:
            return schema, rows
        attribute, codes = periods
        if attribute.name in schema.names:  # the model reads it as well
            attribute = replace(attribute, source=attribute.name)
        groups = {**rows.groups, attribute.name: codes[rows.instance_ids]}
        attributes = (*schema.attributes, attribute)
        return replace(schema, attributes=attributes), replace(rows, groups=groups)


def read_metadata(
    frame: pd.DataFrame,
    entity: str | None,
    time: str | None,
    split_by: SplitBy,
    where: tuple[str, str],
    rows: Ints | None = None,
) -> RowMetadata:
    """Entities and moments of the rows of a table.

    where : name of the file, and its decimal sign. rows : (row,) positions in the file, where only
    some of its rows were read.

    Raises DataError: fewer than ten entities, or a split by time with moments missing.
    """
    file, decimal = where
    units = None if entity is None else units_of(frame[entity], file)
    possible = possible_entity(frame, time) if entity is None else None
    moments = None if time is None else moments_of(frame[time], decimal)
    if moments is not None and split_by == "time":
        _check_moments(moments, file, rows)
    return RowMetadata(entity, units, moments, split_by, possible)


#: What a column is called that names whose rows they are, in whole or as its last word.
_WORDS = (
    *("id", "uuid", "guid", "nr", "no", "number", "key"),
    *("person", "patient", "client", "customer", "user", "subject", "participant", "member"),
    *("student", "employee", "applicant", "borrower", "driver", "household", "account", "author"),
    *("machine", "device", "sensor", "vehicle", "engine", "specimen", "slide", "document"),
)
#: Share of the rows that must share their value with another row.
_LEAST_SHARED = 0.1
#: Rows whose cells are looked at to tell a date.
_LOOKED_AT = 50


def possible_entity(frame: pd.DataFrame, time: str | None) -> PossibleEntity | None:
    """The column that seems to name whose rows they are: called so, and with most values repeated.

    Without one, rows that are alike in all but their time may be of one entity as well.

    frame : the whole source. time : the column of the moment of a row, where it is declared.
    """
    named = [name for name in frame if _names_entities(str(name)) and _repeats(frame[name])]
    if named:
        most = max(named, key=lambda name: frame[name].nunique())
        return PossibleEntity(str(most), int(frame[most].nunique()), len(frame))
    times = [name for name in frame if name == time or _is_time(frame[name])]
    if not times or len(times) == frame.shape[1]:
        return None
    try:
        alike = int(frame.drop(columns=times).duplicated().sum())
    except TypeError:  # cells that hold lists
        return None
    return PossibleEntity("", alike, len(frame)) if alike >= _LEAST_SHARED * len(frame) else None


def _names_entities(name: str) -> bool:
    """Whether the last word of the name, in any spelling, is one of `_WORDS`."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", name)
    return bool(words) and words[-1].lower() in _WORDS


def _repeats(column: pd.Series) -> bool:
    """Whether there are entities enough, many of them with several rows."""
    try:
        sizes = column.value_counts()
    except TypeError:
        return False
    n, shared = len(sizes), int(sizes[sizes > 1].sum())
    few = n < FEWEST_ENTITIES or n < len(column) / 200
    return not few and shared >= _LEAST_SHARED * len(column)


def _is_time(column: pd.Series) -> bool:
    """Whether a column holds dates, by its type or by its first cells."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    seen = column.dropna().astype(str).head(_LOOKED_AT)
    return bool(len(seen)) and all(map(looks_like_date, seen))


def units_of(column: pd.Series, file: str) -> Ints:
    """(row,) the same number for rows of one entity; a row without one is on its own.

    Raises DataError: fewer than ten entities.
    """
    known = column.notna().to_numpy()
    names = column.astype(str).to_numpy()
    names = np.where(known, names, [f"\0{i}" for i in range(len(names))])
    units = np.unique(names, return_inverse=True)[1].astype(np.int64)
    if (n := int(units.max(initial=-1)) + 1) < FEWEST_ENTITIES:
        raise data_error(
            f"{file}, column `{column.name}`",
            f"it names {plural(n, 'entity', 'entities')}, too few for three parts",
            f"at least {FEWEST_ENTITIES}",
            "name the column of what several rows are of by `dataset.entity`, or leave it out",
        )
    return units


def _check_moments(moments: RowMoments, file: str, rows: Ints | None) -> None:
    where = f"{file}, column `{moments.column}`"
    missing = np.isnan(moments.values)
    if missing.any():
        first = int(np.argmax(missing))
        number = first if rows is None else int(rows[first])
        raise data_error(
            where,
            f"{plural(int(missing.sum()), 'moment is', 'moments are')} missing or neither a number "
            f"nor a date, first in row {number + 1}",
            "a number or a date in every row",
            "correct these rows, or set `dataset.split_by=random`",
        )
    if len(np.unique(moments.values)) < FEWEST_ENTITIES:
        raise data_error(
            where,
            "it holds too few different moments for three parts",
            f"at least {FEWEST_ENTITIES}",
            "name a finer column by `dataset.time`, or set `dataset.split_by=random`",
        )
