"""Tables as readers get them: captions and heads in words, cells written by what they mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.message import Code, Verbatim
from deepseek_report.artifacts.protocols.modules import layer_kind, layer_name
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import DASH, TEXT, bounded
from deepseek_report.artifacts.table import OF_TARGET, SEPARATOR, Column, TableType
from deepseek_report.artifacts.table_rows import cells_of, records_of
from deepseek_report.findings.records import attribute_label, explainer_label
from deepseek_report.wording.numbers import NumberFormat
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- Numbers as a page stores them: few digits, and nothing that is no number ---------------------

#: Significant digits that are kept.
_DIGITS = 5


def compact(value: float) -> float | int | None:
    """The value with five significant digits, whole where it is; None where it is no number.

    >>> compact(0.2451503), compact(3.0), compact(float("nan"))
    (0.24515, 3, None)
    """
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def compact_list(values: object) -> Any:
    """An array of any shape as nested lists of such numbers."""
    array = np.asarray(values)
    return compact(float(array)) if array.ndim == 0 else [compact_list(part) for part in array]


#: What a template reads, by name.
Values = dict[str, Any]

# --- Cells of tables that people read: the text, and beside it what the column is sorted by -------


def share_cell(numbers: NumberFormat, key: str, estimate: Estimate) -> Values:
    """A share with its interval: `22.1 % (21.0–23.2 %)`."""
    return _cell(key, finite(estimate.value), numbers.share(estimate))


def value_cell(numbers: NumberFormat, key: str, estimate: Estimate) -> Values:
    """A number with its interval."""
    return _cell(key, finite(estimate.value), numbers.value(estimate))


def percent_cell(numbers: NumberFormat, key: str, value: object) -> Values:
    """A share without an interval."""
    return _cell(key, finite(value), numbers.percent(finite(value)))


def number_cell(numbers: NumberFormat, key: str, value: object) -> Values:
    """A number without an interval."""
    return _cell(key, finite(value), numbers.number(finite(value)))


def count_cell(numbers: NumberFormat, key: str, value: object) -> Values:
    """A whole number with grouped digits."""
    known = finite(value)
    return _cell(key, known, DASH if known is None else numbers.count(known))


def p_cell(numbers: NumberFormat, key: str, value: object) -> Values:
    """A p-value."""
    return _cell(key, finite(value), numbers.p_value(finite(value)))


def points_cell(numbers: NumberFormat, key: str, gap: Estimate | float) -> Values:
    """A difference of two shares in points with its sign and interval, without the unit."""
    measured = gap if isinstance(gap, Estimate) else Estimate.of(gap)
    return _cell(key, finite(measured.value), numbers.plain_points(measured))


def seconds_cell(numbers: NumberFormat, key: str, value: object) -> Values:
    """A duration in seconds."""
    return _cell(key, finite(value), numbers.seconds(finite(value)))


def _cell(key: str, order: float | None, text: str) -> Values:
    if order is None:
        return {key: DASH}
    return {key: text, f"{key}__sort": float(f"{order:.6g}")}


# --- Tables as readers get them: captions and heads in words, cells written by what they mean -----

#: More rows than this are left to the files.
MOST_ROWS = 300
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ShownTable:
    """A table ready to be written: texts, and beside them `<key>__sort`, what a column sorts by.

    id : of the table in the document. columns : {key: head}. heading : of the fold, if it has one.
    before : a sentence that stands above it. aside : keys of columns that the files alone hold.
    """

    id: str
    caption: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[Values, ...] = ()
    heading: str = ""
    folded: bool = False
    before: str = ""
    aside: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.rows and self.columns)


@dataclass(frozen=True)
class View:
    """What a section shows of a table of a metric, where that is not the table as it is.

    id : of the table in the document. words : where its words stand below `tables` of the locale.
    columns : those that are shown, in order, by key; a column that the section adds as a whole.
    aside : keys of those that the files alone hold, since the page has no room for them.
    """

    id: str
    words: str
    columns: tuple[str | Column, ...]
    folded: bool = False
    aside: frozenset[str] = frozenset()

    @property
    def keys(self) -> list[str]:
        """The keys of the columns, in order."""
        return [column if isinstance(column, str) else column.key for column in self.columns]

    def of(self, kind: TableType) -> TableType:
        """The type of what is shown; columns that the table does not have are left out."""
        known = {column.key: column for column in kind.columns}
        columns = (
            known.get(column) if isinstance(column, str) else column for column in self.columns
        )
        return TableType(tuple(column for column in columns if column), folded=self.folded)


def measured_table(
    results: Results,
    section: str,
    metric: str,
    name: str,
    rows: Iterable[object] | None = None,
    view: View | None = None,
    **slots: Any,
) -> ShownTable:
    """A table of a metric as a section shows it; empty where it was not measured.

    rows : in the place of all rows of the table. slots : of its words, beside those of all tables.
    """
    identity = view.id if view else "-".join(dict.fromkeys((section, metric, name)))
    table = results.typed_table(metric, name)
    if table is None:
        return ShownTable(identity)
    records = records_of(table.frame) if rows is None else rows
    kind, words = table.type.held_by(table.frame), f"{metric}.{name}"
    if view:
        kind, words = view.of(kind), view.words
    shown = own_table(results, identity, words, kind, records, **slots)
    return replace(shown, aside=view.aside) if view else shown


def own_table(
    results: Results,
    identity: str,
    words: str,
    kind: TableType,
    rows: Iterable[object],
    /,
    before: str = "",
    **slots: object,
) -> ShownTable:
    """A table of any rows, mappings or instances of a row class, with a sentence before it.

    words : where its words stand below `tables` of the locale. slots : what they may name, beside
    what those of all tables may.
    """
    writer = _TableWriter(results, words_of(results), words, kind, slots)
    table = writer.table(identity, [_cells(row) for row in rows])
    return replace(table, before=before) if before else table


def _cells(row: object) -> Values:
    return dict(row) if isinstance(row, Mapping) else cells_of(row)


class _TableWriter:
    def __init__(
        self, results: Results, words: Wording, key: str, kind: TableType, slots: Mapping[str, Any]
    ) -> None:
        self.results = results
        self.words = words
        self.key = key
        self.kind = kind
        self.slots = {**_slots(results), **slots}

    def table(self, identity: str, rows: list[Values]) -> ShownTable:
        needed = [column.key for column in self.kind.columns if column.required]
        kept = [row for row in rows if all(_is_known(row.get(key)) for key in needed)]
        kept = kept[: self.kind.most]
        shown = [column for column in self.kind.columns if self._is_shown(column, kept)]
        caption = self._text("caption", self.kind.caption)
        return ShownTable(
            identity,
            caption,
            {column.key: self._head(column) for column in shown},
            tuple(self.words.named(self._row(row, shown)) for row in kept[:MOST_ROWS]),
            (self._text("heading", self.kind.heading) or caption) if self.kind.folded else "",
            self.kind.folded,
            self._cut(len(kept)),
        )

    def _cut(self, rows: int) -> str:
        """That not all rows are shown; empty where they are."""
        return self.words.text("cells.cut", shown=MOST_ROWS, rows=rows) if rows > MOST_ROWS else ""

    def _is_shown(self, column: Column, rows: list[Values]) -> bool:
        return column.shown and (not column.optional or any(column.key in row for row in rows))

    def _text(self, part: str, own: str) -> str:
        """The words of the locale, or those of a plug-in of one's own."""
        key = f"tables.{self.key}.{part}"
        return self.words.text(key, **self.slots) if self.words.has(key) else bounded(own, TEXT)

    def _head(self, column: Column) -> str:
        for key in (f"tables.{self.key}.columns.{column.key}", f"columns.{column.key}"):
            if self.words.has(key) and not column.label:
                return self.words.text(key, **self.slots)
        plain = column.key.replace("_", " ")
        return bounded(column.label or plain[:1].upper() + plain[1:], TEXT)

    def _row(self, row: Row, columns: Iterable[Column]) -> Values:
        cells: Values = {}
        too_few = self.words.text("cells.too_few")
        for column in columns:
            if column.unless and _is_true(row.get(column.unless)):
                cells[column.key] = DASH if too_few in cells.values() else too_few
            else:
                cells |= self._cell(row, column)
        return cells

    def _cell(self, row: Row, column: Column) -> Values:
        value = row.get(column.key)
        if not _is_known(value):
            return {column.key: DASH}
        cells = self._written(column, value, _estimate(row, column))
        if f"{column.key}__sort" in row:
            cells[f"{column.key}__sort"] = row[f"{column.key}__sort"]
        if column.mark and _is_true(row.get(column.mark)):
            cells[column.key] += f" ({self.words.inline(self.words.label('marks', column.mark))})"
        return cells

    def _written(self, column: Column, value: object, measured: Estimate | None) -> Values:
        key, numbers = column.key, self.words.numbers
        if measured is not None and column.kind in _MEASURED:
            with_interval, alone = _MEASURED[column.kind]
            is_interval = isinstance(value, Estimate) or bool(column.low)
            write = with_interval if is_interval else alone
            return write(numbers, key, measured if is_interval else value)
        if column.kind in _NUMBERS:
            return _NUMBERS[column.kind](numbers, key, value)
        if measured is None or column.kind in {"text", "yes_no"}:
            return {key: self._name(column, value)}
        return {key: self._number(column, measured.value), f"{key}__sort": _order(measured.value)}

    def _name(self, column: Column, value: Any) -> str:
        if column.kind == "yes_no":
            return self.words.text("cells.yes" if value else "cells.no")
        if column.kind in _LABELS:
            return _LABELS[column.kind](self.results, value)
        if column.kind in _WORDED:
            return self.words.label(_WORDED[column.kind], value)
        if column.kind == "code":
            return Code(bounded(value))
        if isinstance(value, Verbatim):
            return value
        return SEPARATOR.join(map(self.words.name, str(value).split(SEPARATOR)))

    def _number(self, column: Column, value: float) -> str:
        numbers = self.words.numbers
        if column.kind in {"quantity", "half_width"}:
            unit = self.slots["unit"] if column.unit == OF_TARGET else column.unit
            written = numbers.quantity(value, self.words.name(unit or ""))
            return ("±\u00a0" if column.kind == "half_width" else "") + written
        if column.kind in {"declared", "declared_share"}:
            return numbers.declared(value, as_percent=column.kind == "declared_share")
        if column.kind == "place":
            return numbers.count(value + 1)
        if column.kind == "gap":
            return numbers.gap(Estimate.of(value))
        return self.words.text(f"cells.{column.kind}", value=value)


#: {kind: the part of the locale that has its words}.
_WORDED: Mapping[str, str] = {
    "metric": "metrics",
    "impact_verdict": "impact_verdicts",
    "policy": "policies",
    "outcome": "outcomes",
    "side": "sides",
    "slice_kind": "slice_kinds",
}
#: {kind: how a name in a frame becomes the one that people read}.
_LABELS: Mapping[str, Callable[[Results, str], str]] = {
    "attribute": attribute_label,
    "explainer": explainer_label,
    "layer": lambda _, path: layer_name(path),
    "layer_kind": lambda _, name: layer_kind(name),
}
_Writer = Callable[[NumberFormat, str, Any], Values]
#: {kind: how it is written with an interval, and without}.
_MEASURED: Mapping[str, tuple[_Writer, _Writer]] = {
    "number": (value_cell, number_cell),
    "share": (share_cell, percent_cell),
    "points": (points_cell, points_cell),
}
_NUMBERS: Mapping[str, _Writer] = {"count": count_cell, "p_value": p_cell, "seconds": seconds_cell}


def _estimate(row: Row, column: Column) -> Estimate | None:
    """The number in a cell with its interval; None where a text stands there."""
    value = row[column.key]
    if isinstance(value, str):
        return None
    low, high = (row.get(end) if end else None for end in (column.low, column.high))
    return value if isinstance(value, Estimate) else Estimate.of(value, low, high)


def _is_true(value: object) -> bool:
    return value in (True, 1)


def _is_known(value: object) -> bool:
    if isinstance(value, Estimate):
        return value.is_defined
    return value is not None and (isinstance(value, str) or finite(value) is not None)


def _order(value: float) -> float:
    return value if value.is_integer() else float(f"{value:.6g}")


def _slots(results: Results) -> Values:
    """What the words of every table may name: the explained class, the counted one, the unit.

    several : whether there are more than two classes.
    """
    if not results.has("data"):
        return {"explained": "", "counted": "", "several": False, "unit": None}
    target = results.schema.target
    counted = target.classes[target.counted_class] if target.classes else ""
    return {
        "explained": target.explained_class,
        "counted": counted,
        "several": len(target.classes) > 2,
        "unit": target.unit,
    }
