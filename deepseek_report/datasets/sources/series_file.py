"""Series of the user's own: one row a moment, from a CSV, TSV, Parquet or Excel file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.rounding import number, plural
from deepseek_report.artifacts.schema import readable_name
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import Origin, assemble
from deepseek_report.datasets.assembly.column_declarations import (
    data_error,
    error_text,
    not_columns,
)
from deepseek_report.datasets.assembly.data_declarations import DescribedArrays, OwnFile
from deepseek_report.datasets.assembly.layouts import Arrays, moments, series_layout
from deepseek_report.datasets.assembly.row_metadata import moments_of
from deepseek_report.datasets.readers.cells import read_cells
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
    times = moments_of(column, decimal).values
    if (bad := np.isnan(times)).any():
        many = plural(int(bad.sum()), "moment is", "moments are")
        raise data_error(
            where,
            f"{many} missing or neither a number nor a date, first in row {np.argmax(bad) + 1}",
            "numbers or dates",
            "correct these rows",
        )
    return times


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
    is_off = [np.abs(np.diff(series[:, 0]) / usual - 1) > _TOLERANCE for series in pieces]
    uneven = [i for i, off in enumerate(is_off) if off.any()]
    if uneven and not resample:
        odd, first = uneven[0], int(np.argmax(is_off[uneven[0]]))
        gap = pieces[odd][first + 1, 0] - pieces[odd][first, 0]
        raise data_error(
            file,
            f"{plural(len(uneven), 'series is', 'series are')} not evenly spaced: in "
            f"{names[odd]!r} moments {first + 1} and {first + 2} are {number(gap)} apart, and "
            f"the usual distance is {number(usual)}",
            "even steps",
            "set `dataset.irregular=resampled`, or fill the gaps in the file",
        )
    steps = max(float(np.ptp(piece[:, 0])) / usual + 1 for piece in pieces)
    if steps > _MOST_GROWTH * max(map(len, pieces)):
        raise data_error(
            file,
            f"with a step of {number(usual)} the longest series would have {number(steps)} steps",
            "a step that fits the moments",
            "set a longer `dataset.step`",
        )
    whole = [_resampled(series, usual) if resample else series[:, 1:] for series in pieces]
    lengths = [len(series) for series in whole]
    values = np.full((len(whole), max(lengths), whole[0].shape[1]), np.nan)
    for row, series in zip(values, whole, strict=True):
        row[: len(series)] = series
    notes = [message("preparation.step", step=float(usual))]
    if uneven:
        notes.append(message("preparation.uneven", n=len(uneven)))
    if (shortest := min(lengths)) < (longest := max(lengths)):
        notes.append(message("preparation.unequal_lengths", shortest=shortest, longest=longest))
    return OnGrid(values, tuple(notes))


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
    bounds : how much the file may hold, see `file_form.ReadLimits`.

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
        shared = {"groups", "compare_by", "entity"}
        used = [name for field, name in self._roles() if field not in shared]
        allowed, do = "one of id, time, values and target", "name each column once"
        return [
            *problems,
            *(
                error_text("dataset", f"`{name}` has two roles", allowed, do)
                for name in sorted(set(used))
                if used.count(name) > 1
            ),
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
        arrays = self._arrays(series, once, channels, path.name, read)
        origin = Origin(path.name, read.sha256, self.described(path.stem))
        dataset = assemble(arrays.table(self.rule), origin, self.rule, seed)
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
                many = plural(len(which), "series", "series")
                raise data_error(
                    file,
                    f"`{name}` changes within {many}, first in {which[0]!r}",
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
        self, series: OnGrid, once: pd.DataFrame, channels: list[str], file: str, read: ReadTable
    ) -> Arrays:
        values, longest = series.values[:, : self.most_steps], series.values.shape[1]
        kept, units = values.shape[1], self.units or {}
        answer = self.answer(once, self.targets, file, read.decimal)
        attributes, groups = self.groups_of(once, file, read.decimal)
        labels = [readable_name(name) for name in channels]
        notes = [*read.notes, *series.notes]
        if longest > kept:
            notes.append(message("preparation.cut_series", kept=kept, longest=longest))
        return Arrays(
            values=values,
            labels=answer.labels,
            all_labels=answer.all_labels,
            target=answer.target,
            features=moments(kept, labels, [units.get(name) for name in channels]),
            layout=series_layout(kept, labels, self.window),
            attributes=attributes,
            groups=groups,
            together=self.together(once, "series"),
            notes=(*notes, *answer.notes),
        )
