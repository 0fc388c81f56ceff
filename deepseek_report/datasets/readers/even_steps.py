"""Series recorded at any moments, brought to even steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.rounding import number, plural
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.datasets.readers.cells import is_date, read_cells
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
