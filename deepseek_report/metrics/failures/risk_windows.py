"""Ranges of parameters in which a class is most frequent, found in one half of the rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import HIDDEN
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Quantity
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.conditions import (
    Condition,
    Facts,
    FoundPart,
    HalfSearch,
    Halves,
    Part,
    part_of,
)
from deepseek_report.metrics.plugin import ClassMetric, EntityMetric
from deepseek_report.statistics.excess import larger_share_p_value, scan_statistic
from deepseek_report.statistics.ranking import thin
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Rows that are looked at; of more, so many at even distances.
_MOST_ROWS = 20_000
#: Bins of a parameter whose runs are tried, parameters that are joined, parts that are extended.
_BINS, _MOST_AXES, _BEAM = 24, 64, 16
#: Ends of a range that are tried when it is made exact, and how often each range is.
_MOST_ENDS, _ROUNDS = 100, 3
#: Rows of the class in a searched half without which nothing is looked for.
_FEWEST = 5
#: Cells along each side of the table of cells, at most about.
_SIDE = 6


@dataclass(frozen=True)
class Window:
    """A range of one parameter, open at infinite ends, or one of its categories.

    axis : position of the parameter. low, high : ends that no looked-at value equals; of a category
    half a step below and above its code.
    """

    axis: int
    low: float
    high: float

    @property
    def ends(self) -> int:
        """How many ends are finite."""
        return int(np.isfinite(self.low)) + int(np.isfinite(self.high))

    def holds(self, values: Floats) -> Bools:
        """(row,) whether a value lies within; a missing one does not."""
        return np.asarray((values > self.low) & (values < self.high))


@dataclass(frozen=True)
class ParameterTable:
    """Quantities of every row in which ranges are looked for, and which rows are of the class."""

    quantities: Sequence[Quantity]
    truths: Bools

    def has_numbers(self, axis: int) -> bool:
        """Whether a parameter has numbers, and no categories."""
        return self.quantities[axis].feature.is_numeric

    def inside(self, windows: Sequence[Window]) -> Bools:
        """(row,) whether a row lies in all of the windows."""
        held = [window.holds(self.quantities[window.axis].values) for window in windows]
        return np.asarray(np.all(held, axis=0)) if held else np.ones(len(self.truths), bool)

    def condition(self, window: Window) -> Condition:
        """A window in words."""
        quantity = self.quantities[window.axis]
        label, feature = str(quantity.label), quantity.feature
        if not feature.is_numeric:
            text = f"{label} is “{feature.categories[round(window.low + 0.5)].label}”"
        elif window.ends == 2:
            low, high = (feature.display(end) for end in (window.low, window.high))
            text = f"{label} is between {low} and {high}"
        elif np.isfinite(window.low):
            text = f"{label} is above {feature.display(window.low)}"
        else:
            text = f"{label} is below {feature.display(window.high)}"
        return Condition(quantity.key, text, window.holds(quantity.values))


@dataclass(frozen=True)
class WindowSearch:
    """Looks for the windows that part the rows of a class best from the others.

    A part is worth its scan statistic, less log(ranges that were tried) for each condition beyond
    the first and less half of log(rows) for each end: what chance would gain by as many trials.
    Whether there is anything at all is for the other half to say.

    least : rows that a part needs. most_conditions : that are joined.
    """

    parameters: ParameterTable
    least: int
    most_conditions: int

    def next_number(self, windows: Sequence[Window], searched: Ints) -> int | None:
        """The further parameter with numbers whose best range parts these rows best."""
        every = range(len(self.parameters.quantities))
        further = _Rows(self, searched)._extended(tuple(windows), every)
        axes = (larger[-1].axis for _, larger in further)
        return next((axis for axis in axes if self.parameters.has_numbers(axis)), None)

    def parts(self, searched: Ints, most: int) -> Iterator[tuple[Window, ...]]:
        """At most so many parts of these rows, each among the rows that those before it leave."""
        left = searched
        for _ in range(most):
            windows = _Rows(self, left).best()
            if not windows:
                return
            yield windows
            left = left[~self.parameters.inside(windows)[left]]


@dataclass(frozen=True)
class _Rows:
    """The rows that are searched for one part."""

    search: WindowSearch
    rows: Ints

    @cached_property
    def truths(self) -> Bools:
        return self.search.parameters.truths[self.rows]

    @cached_property
    def price(self) -> float:
        """What a further condition must be worth: the logarithm of the ranges tried for it."""
        axes = min(len(self.search.parameters.quantities), _MOST_AXES)
        return math.log(max(axes * _BINS * (_BINS + 1) / 2, 2))

    def values(self, axis: int) -> Floats:
        return self.search.parameters.quantities[axis].values[self.rows]

    def inside(self, windows: Sequence[Window]) -> Bools:
        return self.search.parameters.inside(windows)[self.rows]

    def worth(self, windows: Sequence[Window]) -> float:
        """The scan statistic of a part less the price of further conditions and of ends."""
        inside = self.inside(windows)
        if not windows or inside.sum() < self.search.least:
            return 0.0
        gain = self._gain((inside & self.truths).sum(), inside.sum())
        ends = sum(window.ends for window in windows)
        return float(gain) - self.price * (len(windows) - 1) - self._end * ends

    @property
    def _end(self) -> float:
        return 0.5 * math.log(len(self.rows))

    def _gain(self, hits: Any, sizes: Any) -> Floats:
        return scan_statistic(hits, sizes, int(self.truths.sum()), len(self.rows))

    def best(self) -> tuple[Window, ...]:
        """The part that is worth most; empty where none is worth its price."""
        if self.truths.sum() < _FEWEST or len(self.rows) < 2 * self.search.least:
            return ()
        every = range(len(self.search.parameters.quantities))
        first = self._extended((), every)
        beam, parts = first[:_BEAM], [*first[:_BEAM]]
        axes = [windows[0].axis for _, windows in first[:_MOST_AXES]]
        for _ in range(self.search.most_conditions - 1):
            larger = {
                frozenset(windows): (worth, windows)
                for _, part in beam
                for worth, windows in self._extended(part, axes)
            }
            beam = sorted(larger.values(), key=lambda entry: -entry[0])[:_BEAM]
            parts += beam
        parts.sort(key=lambda entry: -entry[0])
        exact = [self._exact(windows) for _, windows in parts[:3]]
        chosen = max(exact, key=self.worth, default=())
        return chosen if self.worth(chosen) > 0 else ()

    def _extended(
        self, part: tuple[Window, ...], axes: Sequence[int]
    ) -> list[tuple[float, tuple[Window, ...]]]:
        """The part with the best window of each further parameter, by falling worth."""
        inside, taken = self.inside(part), {window.axis for window in part}
        paid = self.price * len(part) + self._end * sum(window.ends for window in part)
        entries = []
        for axis in axes:
            if axis in taken:
                continue
            low, high, gain = self._run(axis, inside)
            if np.isfinite(gain):
                entries.append((gain - paid, (*part, Window(axis, low, high))))
        return sorted(entries, key=lambda entry: -entry[0])

    def _run(self, axis: int, inside: Bools) -> tuple[float, float, float]:
        """The ends of the best run of bins, and its gain less the price of its ends."""
        borders, codes = self._binned(axis)
        n = len(borders) - 1
        known = inside & (codes >= 0)
        sizes, hits = (
            np.append(0, np.cumsum(np.bincount(codes[rows], minlength=n)))
            for rows in (known, known & self.truths)
        )
        ends = np.isfinite(borders).astype(np.float64)
        spans = np.subtract.outer(sizes, sizes).T, np.subtract.outer(hits, hits).T
        gain = self._gain(spans[1], spans[0]) - self._end * (ends[:, None] + ends[None, :])
        gain[(spans[0] < self.search.least) | np.tri(n + 1, dtype=bool)] = -np.inf
        if not self.search.parameters.has_numbers(axis):
            single = np.eye(n + 1, k=1, dtype=bool)
            gain[~single] = -np.inf
        whole = np.isneginf(borders)[:, None] & np.isposinf(borders)[None, :]
        gain[whole] = -np.inf
        start, stop = divmod(int(np.argmax(gain)), n + 1)
        return float(borders[start]), float(borders[stop]), float(gain[start, stop])

    @cached_property
    def _bins(self) -> dict[int, tuple[Floats, Ints]]:
        return {}

    def _binned(self, axis: int) -> tuple[Floats, Ints]:
        """(bin + 1,) borders, and (row,) the bin of each value; -1 where it is missing."""
        if axis not in self._bins:
            values = self.values(axis)
            known = values[~np.isnan(values)]
            if self.search.parameters.has_numbers(axis):
                shares = np.arange(1, _BINS)[: len(known)] / _BINS
                inner = np.unique(np.quantile(known, shares, method="lower"))
                middle = inner[inner < known.max(initial=-np.inf)]
                borders = np.array([-np.inf, *np.nextafter(middle, np.inf), np.inf])
                codes = np.searchsorted(middle, values, side="left")
            else:
                levels = len(self.search.parameters.quantities[axis].feature.categories)
                borders = np.arange(levels + 1) - 0.5
                codes = np.nan_to_num(values, nan=-1.0)
            codes = np.where(np.isnan(values), -1, codes).astype(np.int64)
            self._bins[axis] = borders, codes
        return self._bins[axis]

    def _exact(self, part: tuple[Window, ...]) -> tuple[Window, ...]:
        """The part with ends between values of rows, and without conditions that cost too much."""
        windows = list(part)
        for _ in range(_ROUNDS if part else 0):
            for place, window in enumerate(windows):
                if self.search.parameters.has_numbers(window.axis):
                    others = self.inside([*windows[:place], *windows[place + 1 :]])
                    windows[place] = self._narrowed(window, others)
            fewer = [windows[:k] + windows[k + 1 :] for k in range(len(windows))]
            best = max(fewer, key=self.worth)
            if best and self.worth(best) > self.worth(windows):
                windows = best
        return tuple(windows)

    def _narrowed(self, window: Window, others: Bools) -> Window:
        """The best range of a parameter among rows that meet the other conditions.

        A best range begins and ends at rows of the class, or is open.
        """
        values = self.values(window.axis)
        among = others & ~np.isnan(values)
        order = np.argsort(values[among], kind="stable")
        ordered, truths = values[among][order], self.truths[among][order]
        hits = np.append(0, np.cumsum(truths))
        cases = np.unique(ordered[truths])
        if not len(cases):
            return window
        cases = cases[thin(len(cases), _MOST_ENDS)]
        starts = np.append(0, np.searchsorted(ordered, cases, side="left"))
        stops = np.append(len(ordered), np.searchsorted(ordered, cases, side="right"))
        sizes = stops[None, :] - starts[:, None]
        gain = self._gain(hits[stops][None, :] - hits[starts][:, None], np.maximum(sizes, 1))
        gain = gain - self._end * ((starts > 0)[:, None] * 1.0 + (stops < len(ordered))[None, :])
        gain[sizes < self.search.least] = -np.inf
        start, stop = np.unravel_index(int(np.argmax(gain)), gain.shape)
        if not np.isfinite(gain[start, stop]):
            return window
        first, last = int(starts[start]), int(stops[stop])
        return Window(
            window.axis,
            -np.inf if first == 0 else shortest_between(ordered[first - 1], ordered[first]),
            np.inf if last == len(ordered) else shortest_between(ordered[last - 1], ordered[last]),
        )


def shortest_between(low: float, high: float) -> float:
    """A number with as few digits as there is one between two others, low < high.

    >>> shortest_between(70.83, 71.4), shortest_between(-0.0312, 0.02), shortest_between(3.1, 3.12)
    (71.0, 0.0, 3.11)
    """
    if low < 0 < high:
        return 0.0
    power = math.floor(math.log10(max(abs(low), abs(high), 1e-300))) + 1
    for digits in range(-power, 18 - power):
        step = 10.0**-digits
        candidate = round((math.floor(low / step) + 1) * step, max(digits, 0))
        if low < candidate < high:
            return float(candidate)
    return float((low + high) / 2)


@dataclass(frozen=True)
class RiskWindow:
    """A range of parameters in which the class is more frequent: a row of `risk_windows.windows`.

    rest_rate : how frequent it is in all other rows. rows : those that were looked at, of which a
    share `overall` is of that class.
    """

    slice: str
    features: Annotated[str, HIDDEN]
    share: Annotated[float, "share"]
    n: int
    rate: Annotated[Estimate, "share"]
    rest_rate: Annotated[float, "share"]
    p_value: Annotated[float, "p_value", HIDDEN]
    p_adjusted: Annotated[float, "p_value"]
    rows: Annotated[int, HIDDEN]
    overall: Annotated[float, "share", HIDDEN]


@dataclass(frozen=True)
class RiskCell:
    """A cell of two parameters of the surest range: a row of `risk_windows.cells`.

    across, down : the parameters; an open end is NaN. rate : NaN where too few rows are. inside :
    whether it lies in the range.
    """

    slice: str
    row: Annotated[int, "place"]
    column: Annotated[int, "place"]
    across: str
    across_unit: str
    down: str
    down_unit: str
    across_from: float
    across_to: float
    down_from: float
    down_to: float
    inside: bool
    n: int
    rate: Annotated[float, "share"]


@dataclass(frozen=True)
class RiskWindows(EntityMetric, ClassMetric):
    """Ranges of up to three parameters in which the explained class is most frequent, in all rows.

    Parameters are the features of a table; of series the mean, spread, extremes, largest step and
    missing readings of each channel; of images brightness, contrast, extremes and sharpness of each
    channel. One half of all rows (training, validation and test part: no model is asked) is
    searched by the scan statistic of two rates for the ranges that part the class best from the
    others; the other half gives the rate, its interval and Fisher's test against all other rows,
    corrected for the number of parts tested; then the other way round. What is not confirmed is
    not listed. Protected attributes are left out. Of the surest one the rate is also given cell by
    cell of two of its parameters, in the rows that were not searched for it.

    max_conditions : that are joined. min_size, min_share : least rows of a part, and its least
    share of all rows. alpha : level of the test. most : parts that each half is searched for.
    cell_size : rows below which a cell is left empty.

    Reference: Kulldorff 1997, A spatial scan statistic, doi:10.1080/03610929708831995.
    """

    reveals = "aggregate"
    tables = {
        "windows": TableType.of(
            RiskWindow,
            "explanations",
            folded=True,
            release=TableRelease(counts=("n",), shares=(("rate", "n"),), overlapping=True),
        ),
        "cells": TableType.of(
            RiskCell,
            release=TableRelease(
                counts=("n",), shares=(("rate", "n"),), lines=((), ("row",), ("column",))
            ),
        ),
    }
    bounds = {}
    category = "slices"
    reads = frozenset({"dataset", "seed"})

    max_conditions: Literal[1, 2, 3] = 3
    min_size: Annotated[int, Field(ge=10)] = 20
    min_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    most: Annotated[int, Field(ge=1, le=20)] = 5
    cell_size: Annotated[int, Field(ge=2)] = 10

    def measure(self, context: MeasureContext) -> Measurement:
        """Search each half, and test what it finds in the other.

        Raises NotApplicableError: the data have no parameters, or too few rows.
        """
        data, target = context.dataset, context.dataset.schema.target
        rows = all_rows(data)
        parameters = ParameterTable(
            parameters_of(data, rows), np.asarray(rows.labels) == target.explained
        )
        least = max(self.min_size, math.ceil(self.min_share * len(rows)))
        if len(rows) < 4 * least:
            raise NotApplicableError(message("refusals.no_split", rows=len(rows), least=least))
        drawn = Resampling.of(rows)
        order = task_of(target).order(rows.labels, np.random.default_rng(context.seed))
        halves = Halves.of(order, least, drawn)
        search = WindowSearch(parameters, halves.least, self.max_conditions)
        conditions, windows_of = list[Condition](), dict[str, tuple[Window, ...]]()

        def find(searched: Ints) -> list[Part]:
            parts = list[Part]()
            for windows in search.parts(searched, self.most):
                start = len(conditions)
                conditions.extend(map(parameters.condition, windows))
                parts.append(tuple(range(start, len(conditions))))
                windows_of[part_of(conditions[start:]).text] = windows
            return parts

        def tell(inside: Bools, reported: Ints) -> Facts:
            return _told(parameters.truths, inside, reported, drawn)

        tested = HalfSearch(conditions, halves, apart=False).parts(find, tell, 2 * self.most)
        listed = [part for part in tested if part.p_adjusted < self.alpha]
        sure = [(part, windows_of[part.text]) for part in listed]
        cells = _cells(search, sure, len(rows), self.cell_size)
        return Measurement(
            tables=self.frames(windows=(part.row() for part in listed), cells=cells),
            notes=(
                message(
                    "notes.risk_windows.method",
                    explained=target.explained_class,
                    parameters=len(parameters.quantities),
                    joined=self.max_conditions,
                    rows=len(rows),
                    least=least,
                    tested=len(tested),
                    listed=len(listed),
                ),
            ),
        )


def all_rows(data: Dataset) -> Split:
    """The rows of all parts of the data, at most so many, in the order of their places."""
    rows = data.every_part
    return rows.take(thin(len(rows), _MOST_ROWS)) if len(rows) > _MOST_ROWS else rows


def parameters_of(data: Dataset, rows: Split) -> list[Quantity]:
    """What ranges are looked for in, but for protected attributes and what never varies.

    Raises NotApplicableError: there is nothing, as in texts, whose words have no ranges.
    """
    quantities = [
        quantity
        for quantity in kind_of(data.schema).parameters(rows.inputs)
        if not quantity.feature.sensitive and len(np.unique(quantity.known)) > 1
    ]
    if not quantities:
        raise NotApplicableError(message("refusals.no_parameters"))
    return quantities


def _told(truths: Bools, inside: Bools, reported: Ints, resampling: Resampling) -> Facts:
    """The rate of a part among the rows of the half that was not searched, and how sure it is."""
    among, own = inside[reported], truths[reported]
    drawn = resampling.take(reported)
    observed = drawn.rate(own, among)
    return larger_share_p_value(own, among, drawn), {
        "share": float(inside.mean()),
        "n": observed.n,
        "rate": observed,
        "rest_rate": float(own[~among].mean()) if (~among).any() else math.nan,
        "rows": len(truths),
        "overall": float(truths.mean()),
    }


def _cells(
    search: WindowSearch,
    listed: Sequence[tuple[FoundPart, tuple[Window, ...]]],
    n: int,
    cell_size: int,
) -> list[RiskCell]:
    """Rows and rate of each cell of two parameters, of the surest part that is about a number.

    Where it is about one number alone, the other is the one that would part its rows best. The ends
    of its ranges are borders of cells; the other borders share the rows out.
    """
    parameters = search.parameters
    for part, windows in listed:
        numbers = [window for window in windows if parameters.has_numbers(window.axis)][:2]
        if not numbers:
            continue
        reported = part.reported
        if len(numbers) == 1:
            searched = np.setdiff1d(np.arange(n), reported)
            axis = search.next_number(windows, searched)
            if axis is None:
                return []
            numbers.append(Window(axis, -np.inf, np.inf))
        count = int(np.clip(math.sqrt(len(reported) / cell_size / 2), 2, _SIDE))
        sides = [_Side(parameters.quantities[w.axis], w, reported, count) for w in numbers]
        return list(_counted(part.text, sides, parameters.truths[reported], cell_size))
    return []


@dataclass(frozen=True)
class _Side:
    """One side of the table of cells: a parameter, its range, the rows that are counted, and in how
    many cells about.
    """

    quantity: Quantity
    window: Window
    rows: Ints
    count: int

    @cached_property
    def borders(self) -> Floats:
        return _borders(self.quantity.values[self.rows], self.window, self.count)

    @cached_property
    def places(self) -> Ints:
        """(row,) which cell a value is in along this side; -1 where it is missing."""
        values = self.quantity.values[self.rows]
        places = np.searchsorted(self.borders, values) - 1
        return np.where(np.isnan(values), -1, places).astype(np.int64)

    @property
    def named(self) -> tuple[str, str]:
        """The name of the parameter, and its unit."""
        return str(self.quantity.label), self.quantity.feature.unit or ""

    def ends(self, place: int) -> tuple[float, float]:
        """From where to where a cell goes; NaN where it is open."""
        low, high = (float(x) if np.isfinite(x) else math.nan for x in self._ends(place))
        return low, high

    def is_inside(self, place: int) -> bool:
        """Whether a cell lies in the range."""
        low, high = self._ends(place)
        return bool(self.window.low <= low and high <= self.window.high)

    def _ends(self, place: int) -> Floats:
        return self.borders[place : place + 2]


def _counted(
    name: str, sides: Sequence[_Side], truths: Bools, cell_size: int
) -> Iterator[RiskCell]:
    across, down = sides
    for row, column in product(range(len(down.borders) - 1), range(len(across.borders) - 1)):
        inside = (across.places == column) & (down.places == row)
        few = inside.sum() < cell_size
        yield RiskCell(
            name,
            row,
            column,
            *across.named,
            *down.named,
            *across.ends(column),
            *down.ends(row),
            across.is_inside(column) and down.is_inside(row),
            0 if few else int(inside.sum()),
            math.nan if few else float(truths[inside].mean()),
        )


def _borders(values: Floats, window: Window, count: int) -> Floats:
    """The ends of a range, and quantiles that are not too near to them; the outer ones infinite."""
    known = np.sort(values[~np.isnan(values)])
    fixed = [end for end in (window.low, window.high) if np.isfinite(end)]
    ranks = np.searchsorted(known, fixed) / len(known)
    shares = np.arange(1, count) / count
    far = [share for share in shares if np.all(np.abs(ranks - share) > 0.5 / count)]
    inner = np.unique([*fixed, *np.quantile(known, far)]) if far else np.array(sorted(fixed))
    return np.array([-np.inf, *inner, np.inf])
