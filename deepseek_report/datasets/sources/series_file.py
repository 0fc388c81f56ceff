"""Series of the user's own: one row a moment, from a CSV, TSV, Parquet or Excel file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.rounding import number, plural
from deepseek_report.artifacts.schema import readable_name
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.column_declarations import (
    data_error,
    error_text,
    not_columns,
)
from deepseek_report.datasets.assembly.data_declarations import DescribedArrays, attribute_of
from deepseek_report.datasets.assembly.layouts import (
    Arrays,
    Origin,
    as_dataset,
    moments,
    series_layout,
)
from deepseek_report.datasets.assembly.own_file import OwnFile
from deepseek_report.datasets.readers.cells import is_date, read_cells
from deepseek_report.datasets.readers.file_form import Decimal
from deepseek_report.datasets.readers.table_file import ReadTable, read_table
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


#: Distances that differ by less than this share of a step are even.
_TOLERANCE = 0.01
#: A series that would become this much longer by resampling has a step that is too short.
_MOST_GROWTH = 100


@dataclass(frozen=True)
class OnGrid:
    """(instance, step, channel); shorter series end in NaN. `notes` say what was done."""

    values: Floats
    notes: tuple[Text, ...]


def times_of(column: pd.Series, where: str, decimal: str) -> Floats:
    """(row,) moments as numbers; dates in seconds.

    Raises DataError: a moment is missing, or is neither a number nor a date.
    """
    import pandas as pd

    cells = read_cells(column, str(column.name), decimal)
    bad = cells.missing
    if is_date(cells) or cells.not_numbers.any():
        dates = pd.to_datetime(column, errors="coerce", format="mixed", utc=True)
        bad = dates.isna().to_numpy()
        times = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(dtype=np.float64)
    else:
        times = cells.numbers
    if bad.any():
        problem = (
            f"{plural(int(bad.sum()), 'moment is', 'moments are')} missing or neither a number "
        )
        problem += f"nor a date, first in row {int(np.argmax(bad)) + 1}"
        raise data_error(where, problem, "numbers or dates", "correct these rows")
    return np.asarray(times)


def to_grid(
    pieces: Sequence[Floats], names: Sequence[str], step: float | None, resample: bool, file: str
) -> OnGrid:
    """Series at even steps, each from its own first moment on.

    pieces : of each series (moment, 1 + channel): its moments, ascending, and its values.
    names : of the series, for messages.
    step : distance of two moments; None takes the median over all series.
    resample : bring uneven moments to the grid by straight lines between neighbours; else they
        are an error.

    Raises DataError: two rows of one moment, one moment only, or uneven moments.
    """
    for piece, name in zip(pieces, names, strict=True):
        if (np.diff(piece[:, 0]) <= 0).any():
            raise data_error(
                file,
                f"series {name!r} has two rows of one moment",
                "one row a moment",
                "remove or merge them",
            )
    gaps = np.concatenate([np.diff(piece[:, 0]) for piece in pieces])
    if not len(gaps):
        raise data_error(
            file,
            "every series has one moment only",
            "several",
            "check `dataset.id` and `dataset.time`",
        )
    usual = float(np.median(gaps)) if step is None else step
    uneven = [
        i
        for i, series in enumerate(pieces)
        if (np.abs(np.diff(series[:, 0]) / usual - 1) > _TOLERANCE).any()
    ]
    if uneven and not resample:
        raise DataError(_uneven(pieces[uneven[0]], names[uneven[0]], len(uneven), usual, file))
    _check_growth(pieces, usual, file)
    whole = [_resampled(series, usual) if resample else series[:, 1:] for series in pieces]
    return OnGrid(_padded(whole), tuple(_notes(whole, uneven, usual)))


def _uneven(piece: Floats, name: str, n: int, usual: float, file: str) -> str:
    gaps = np.diff(piece[:, 0])
    first = int(np.argmax(np.abs(gaps / usual - 1) > _TOLERANCE))
    return error_text(
        file,
        f"{plural(n, 'series is', 'series are')} not evenly spaced: in {name!r} moments "
        f"{first + 1} and {first + 2} are {number(gaps[first])} apart, and the usual distance is "
        f"{number(usual)}",
        "even steps",
        "set `dataset.irregular=resampled`, or fill the gaps in the file",
    )


def _check_growth(pieces: Sequence[Floats], usual: float, file: str) -> None:
    longest = max(float(np.ptp(piece[:, 0])) / usual + 1 for piece in pieces)
    if longest > _MOST_GROWTH * max(len(piece) for piece in pieces):
        raise data_error(
            file,
            f"with a step of {number(usual)} the longest series would have {number(longest)} steps",
            "a step that fits the moments",
            "set a longer `dataset.step`",
        )


def _resampled(piece: Floats, step: float) -> Floats:
    """(step, channel) at first + k · step, by straight lines between the known neighbours.

    Before the first and after the last known value of a channel it is missing.
    """
    times = piece[:, 0] - piece[0, 0]
    grid = step * np.arange(int(np.floor(times[-1] / step + _TOLERANCE)) + 1)
    columns = []
    for values in piece[:, 1:].T:
        known = ~np.isnan(values)
        if not known.any():
            columns.append(np.full(len(grid), np.nan))
            continue
        edges = times[known][[0, -1]] + step * _TOLERANCE * np.array([-1, 1])
        line = np.interp(grid, times[known], values[known])
        columns.append(np.where((grid >= edges[0]) & (grid <= edges[1]), line, np.nan))
    return np.column_stack(columns)


def _padded(pieces: Sequence[Floats]) -> Floats:
    longest = max(map(len, pieces))
    whole = np.full((len(pieces), longest, pieces[0].shape[1]), np.nan)
    for position, piece in enumerate(pieces):
        whole[position, : len(piece)] = piece
    return whole


def _notes(whole: Sequence[Floats], uneven: Sequence[int], step: float) -> list[Message]:
    lengths = [len(series) for series in whole]
    notes = [message("preparation.step", step=float(step))]
    if uneven:
        notes.append(message("preparation.uneven", n=len(uneven)))
    if min(lengths) < max(lengths):
        notes.append(
            message("preparation.unequal_lengths", shortest=min(lengths), longest=max(lengths))
        )
    return notes


@dataclass(frozen=True)
class SeriesFile(DescribedArrays, OwnFile):
    """Series of your own from a long table: one row for each series and moment.

    id, time : columns that name the series and the moment, a number or a date. values : columns
    that were recorded, None for all that have no other role. units : {column: unit}. target :
    column to predict, the same in all rows of a series; several are several labels.
    groups, compare_by : see `DescribedArrays`; the same in all rows of a series.
    entity : column that names what several series are of (a machine, a patient), which never falls
    in several parts and counts as one observation.
    irregular : moments that are not evenly spaced are an error, or are "resampled" to the usual
    distance by straight lines. step : that distance in the time's own unit (seconds for dates);
    None takes the median.
    most_steps : longer series lose their end. window : steps of a channel explained as one.
    separator, encoding, decimal, missing_values, sheet : see `file_form.FileForm`.
    bounds : how much the file may hold, see `limits.ReadLimits`.

    All other fields are those of `DescribedArrays`.
    """

    id: str = "id"
    time: str = "time"
    values: tuple[str, ...] | None = None
    units: dict[str, str] | None = None
    target: str | tuple[str, ...] = "target"
    irregular: Literal["error", "resampled"] = "error"
    step: Annotated[float, Field(gt=0)] | None = None
    most_steps: Annotated[int, Field(ge=2, le=100_000)] = 1000
    window: Annotated[int, Field(ge=1, le=100_000)] = 10

    # --- before loading ---------------------------------------------------------------------------

    @property
    def nature(self) -> DataTraits:
        return DataTraits("series", self.task, groups=frozenset(self.compared.values()))

    def _rules(self) -> list[str]:
        return [*self.rule.problems(), *self.task_problems(self.targets)]

    def _roles(self) -> list[tuple[str, str]]:
        """(field of the config, column)."""
        return [
            ("id", self.id),
            ("time", self.time),
            *(("target", name) for name in self.targets),
            *(("groups", name) for name in self.groups),
            *(("compare_by", name) for name in self.compare_by),
            *(("values", name) for name in self.values or ()),
            *(("entity", name) for name in self.entities),
        ]

    def _unknown_columns(self, names: Sequence[str]) -> list[str]:
        problems = not_columns(str(self.path), self._roles(), names)
        if not problems and not self._channels(names):
            problems.append(
                error_text(
                    str(self.path),
                    "no column holds values",
                    "at least one",
                    "name the recorded columns: `dataset.values=[…]`",
                )
            )
        return [*problems, *self._two_roles()]

    def _two_roles(self) -> list[str]:
        used = [
            name for field, name in self._roles() if field not in {"groups", "compare_by", "entity"}
        ]
        twice = sorted({name for name in used if used.count(name) > 1})
        return [
            error_text(
                "dataset",
                f"`{name}` has two roles",
                "one of id, time, values and target",
                "name each column once",
            )
            for name in twice
        ]

    def _channels(self, names: Sequence[str]) -> list[str]:
        if self.values is not None:
            return list(self.values)
        taken = {name for _, name in self._roles()}
        return [name for name in names if name not in taken]

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, bring to even steps, split, describe and check the series.

        Raises DataError: the file, its moments or what is declared about it cannot be used.
        """
        if problems := self.problems():
            raise DataError("\n".join(problems))
        progress.start("Load the data", 3)
        path = Path(str(self.path))
        read = read_table(path, self.form)
        channels = self._channels([str(name) for name in read.frame.columns])
        progress.advance()
        frame, numbers = self._numbers(read, channels, path.name)
        once = self._once(frame, path.name)
        series = self._series(frame, numbers, path.name)
        progress.advance()
        arrays = self._arrays(series, once, channels, path.name, read.decimal)
        arrays = replace(arrays, notes=(*read.notes, *arrays.notes))
        origin = Origin(path.name, read.sha256, self.described(path.stem))
        dataset = as_dataset(arrays, origin, self.rule, seed)
        progress.advance()
        return dataset

    def _numbers(
        self, read: ReadTable, channels: list[str], file: str
    ) -> tuple[pd.DataFrame, Floats]:
        """Rows in the order of series and time, with times and values as numbers."""
        frame = read.frame[read.frame[self.id].notna()].reset_index(drop=True)
        times = times_of(frame[self.time], f"{file}, column `{self.time}`", read.decimal)
        values = []
        for name in channels:
            cells = read_cells(frame[name], name, read.decimal)
            if cells.not_numbers.any():
                example = cells.codes[cells.positions[int(np.argmax(cells.not_numbers))]]
                raise data_error(
                    f"{file}, column `{name}`",
                    f"{plural(int(cells.not_numbers.sum()), 'cell')} that are not numbers",
                    "numbers",
                    f"leave the column out of `dataset.values`, or correct {example!r}",
                )
            values.append(cells.numbers)
        numbers = np.column_stack([times, *values])
        first = frame[self.id].astype(str).factorize()[0]
        order = np.lexsort((times, first))
        return frame.iloc[order].reset_index(drop=True), numbers[order]

    def _once(self, frame: pd.DataFrame, file: str) -> pd.DataFrame:
        """One row a series: what must be the same in all its rows."""
        names = list(dict.fromkeys([*self.targets, *self.compared, *self.entities]))
        grouped = frame.groupby(frame[self.id].astype(str), sort=False)[names]
        different = grouped.nunique(dropna=False).gt(1)
        for name in names:
            if different[name].any():
                which = different.index[different[name]].tolist()
                problem = f"`{name}` changes within {plural(len(which), 'series', 'series')}, "
                problem += f"first in {which[0]!r}"
                raise data_error(
                    file,
                    problem,
                    "the same value in all rows of a series",
                    "give each series one value, or cut it into several ids",
                )
        return grouped.first().reset_index(drop=True)

    def _series(self, frame: pd.DataFrame, numbers: Floats, file: str) -> OnGrid:
        names = frame[self.id].astype(str).to_numpy()
        starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
        pieces = np.split(numbers, starts[1:])
        resample = self.irregular == "resampled"
        return to_grid(pieces, names[starts].tolist(), self.step, resample, file)

    def _arrays(
        self, series: OnGrid, once: pd.DataFrame, channels: list[str], file: str, decimal: Decimal
    ) -> Arrays:
        values = series.values[:, : self.most_steps]
        answer = self.answer(once, self.targets, file, decimal)
        grouped = [
            attribute_of(once[name], kind, file, decimal) for name, kind in self.compared.items()
        ]
        units = self.units or {}
        labels = [readable_name(name) for name in channels]
        return Arrays(
            values=values,
            labels=answer.labels,
            all_labels=answer.all_labels,
            target=answer.target,
            features=moments(values.shape[1], labels, [units.get(name) for name in channels]),
            layout=series_layout(values.shape[1], labels, self.window),
            attributes=tuple(attribute for attribute, _ in grouped),
            groups={attribute.name: codes for attribute, codes in grouped},
            together=self.together(once, "series"),
            notes=(*self._notes(series, values.shape[1]), *answer.notes),
        )

    def _notes(self, series: OnGrid, kept: int) -> list[Text]:
        notes = [*series.notes]
        longest = series.values.shape[1]
        if longest > kept:
            notes.append(message("preparation.cut_series", kept=kept, longest=longest))
        return notes
