"""The cells of one column, whatever the file kept them as: codes, numbers, what is missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.codes import code_text, sorted_codes
from deepseek_report.artifacts.schema import Kind

if TYPE_CHECKING:
    import pandas as pd

_MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
#: The forms that dates are written in: 2020-01-31, 31/01/2020, 31 Jan 2020, Jan 31, 2020.
_DATE_FORMS = (
    r"\d{4}(?P<year_first>[-/.])\d{1,2}[-/.]\d{1,2}",
    r"\d{1,2}(?P<year_last>[./])\d{1,2}[./]\d{4}",
    rf"\d{{1,2}}\.?(?P<day_month>[ -]){_MONTH}[ -]\d{{4}}",
    rf"{_MONTH}(?P<month_day> )\d{{1,2}},? \d{{4}}",
)
_DATE = re.compile(rf"(?:{'|'.join(_DATE_FORMS)})(?:[T ]\d{{1,2}}:\d{{2}}.*)?")
_MOST_ORDINAL = 10
_LOOKED_AT = 200


class NumberCodes(Sequence[str]):
    """Numbers as the texts of their codes, made only when they are read."""

    def __init__(self, values: Floats) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...

    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return NumberCodes(self.values[place])
        return code_text(self.values[place])


@dataclass(frozen=True)
class Cells:
    """One column.

    codes : the different values as text; positions : (row,) index in `codes`, -1 where missing.
    numbers : (row,) the values as numbers, NaN where missing or not a number.
    ordered : the file itself gives the codes an order. is_date : the file's type is a date.
    rows : (row,) positions in the file, where only some of its rows were read.
    """

    name: str
    codes: Sequence[str]
    positions: Ints
    numbers: Floats
    ordered: bool = False
    is_date: bool = False
    rows: Ints | None = None

    @property
    def missing(self) -> Bools:
        return self.positions < 0

    @property
    def not_numbers(self) -> Bools:
        """Cells that hold something which is not a number."""
        return np.isnan(self.numbers) & ~self.missing

    def texts(self) -> NDArray[np.object_]:
        """(row,) the codes, "" where missing."""
        return np.array([*self.codes, ""], dtype=object)[self.positions]

    def among(self, levels: Sequence[str]) -> Ints:
        """(row,) the position of each cell among these codes, −1 where it is missing or another."""
        place = {code: at for at, code in enumerate(levels)}
        table = np.array([*(place.get(code, -1) for code in self.codes), -1], dtype=np.int64)
        return np.asarray(table[self.positions])


def read_cells(series: pd.Series, name: str, decimal: str = ".") -> Cells:
    """The cells of a column of any type that Parquet or CSV can hold.

    Raises TypeError: the column holds lists, records or bytes.
    """
    import pandas as pd

    types = pd.api.types
    if types.is_datetime64_any_dtype(series) or types.is_timedelta64_dtype(series):
        return _from_texts(series.astype(str).where(series.notna()), name, is_date=True)
    if types.is_bool_dtype(series):
        return _from_texts(series.map({True: "True", False: "False"}), name)
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes = [code_text(category) for category in series.cat.categories]
        positions = series.cat.codes.to_numpy(dtype=np.int64)
        numbers, ordered = _to_numbers(codes, positions), bool(series.cat.ordered)
        return Cells(name, tuple(codes), positions, numbers, ordered)
    if types.is_numeric_dtype(series):
        return _from_numbers(series.to_numpy(dtype=np.float64, na_value=np.nan), name)
    return _from_objects(series, name, decimal)


def _from_numbers(numbers: Floats, name: str) -> Cells:
    values, positions = np.unique(numbers, return_inverse=True)
    known = values[~np.isnan(values)]
    positions = np.where(np.isnan(numbers), -1, positions).astype(np.int64)
    return Cells(name, NumberCodes(known), positions, numbers)


def _from_objects(series: pd.Series, name: str, decimal: str) -> Cells:
    if series.dtype == object:
        kinds = {type(cell) for cell in series.dropna()}
        if kinds & {list, dict, bytes, tuple, np.ndarray}:
            raise TypeError(f"holds {', '.join(sorted(kind.__name__ for kind in kinds))}")
        series = series.map(code_text, na_action="ignore")
    numbers = _all_numbers(series, decimal)
    if numbers is None:
        series = series.str.strip()
        series = series.mask(series == "")
        numbers = _all_numbers(series, decimal)
    return _from_texts(series, name, decimal) if numbers is None else _from_numbers(numbers, name)


def _all_numbers(series: pd.Series, decimal: str) -> Floats | None:
    """(row,) numbers, NaN where missing; None where a cell is neither."""
    numbers = parse_numbers(series, decimal)
    return numbers if np.array_equal(np.isnan(numbers), series.isna()) else None


def parse_numbers(texts: pd.Series, decimal: str = ".") -> Floats:
    """(row,) the texts as numbers; NaN where missing or not a number."""
    import pandas as pd

    plain = texts if decimal == "." else texts.str.replace(decimal, ".", regex=False)
    numbers = _plain_numbers(plain)
    if numbers is not None:
        return numbers
    positions, different = pd.factorize(plain)  # looking at each text takes long
    coerced = pd.Series(pd.to_numeric(pd.Series(different), errors="coerce"))
    known = np.append(coerced.to_numpy(np.float64, na_value=np.nan), np.nan)
    return np.asarray(known[positions])


def _plain_numbers(texts: pd.Series) -> Floats | None:
    """(row,) the texts as numbers, NaN where missing; None where one is not written plainly.

    The usual case, in an eighth of the time that looking at each text takes.
    """
    import pyarrow as pa

    try:
        numbers = pa.array(texts, pa.large_string(), from_pandas=True).cast(pa.float64())
    except (pa.ArrowException, TypeError):
        return None
    return np.array(numbers.to_numpy(zero_copy_only=False))


def _from_texts(series: pd.Series, name: str, decimal: str = ".", is_date: bool = False) -> Cells:
    import pandas as pd

    positions, values = pd.factorize(series)
    codes = [str(value) for value in values]
    positions = positions.astype(np.int64)
    numbers = _to_numbers(codes, positions, decimal)
    return Cells(name, tuple(codes), positions, numbers, is_date=is_date)


def _to_numbers(codes: list[str], positions: Ints, decimal: str = ".") -> Floats:
    import pandas as pd

    known = parse_numbers(pd.Series(codes, dtype=object), decimal)
    return np.append(known, np.nan)[positions]


# --- what the values tell about the kind ----------------------------------------------------------


def infer_kind(cells: Cells) -> Kind:
    """Numbers are numeric, or ordinal where they are few and whole; the rest is categorical."""
    if cells.ordered:
        return "ordinal"
    if np.isnan(cells.numbers).all() or cells.not_numbers.any():
        return "categorical"
    values = np.unique(cells.numbers[~cells.missing])
    if len(values) <= 2:
        return "categorical"
    whole = bool(np.all(np.isfinite(values)) and np.all(values == np.round(values)))
    if whole and values[-1] - values[0] < _MOST_ORDINAL:
        return "ordinal"
    return "numeric"


def is_date(cells: Cells) -> bool:
    """Whether every cell that was looked at is a date."""
    seen = cells.codes[:_LOOKED_AT]
    return cells.is_date or bool(seen and all(map(looks_like_date, seen)))


def looks_like_date(text: str) -> bool:
    """Whether a text is written as a date, with or without a time.

    >>> looks_like_date("2026-11-28"), looks_like_date("28")
    (True, False)
    """
    return _DATE.fullmatch(text) is not None


def date_forms(cells: Cells) -> tuple[str, ...]:
    """One date in each form in which the dates of a column are written, as the column has them."""
    if cells.is_date:
        return ()
    examples: dict[object, str] = {}
    for code in cells.codes:
        match = _DATE.fullmatch(code)
        form = None if match is None else (match.lastgroup, match[str(match.lastgroup)])
        examples.setdefault(form, code)
    return tuple(examples.values())


def is_compact_date(cells: Cells) -> bool:
    """Whether every number is a day written as 20260131."""
    days = cells.numbers[~cells.missing]
    if len(cells.codes) < 3 or not ((days >= 19000101) & (days <= 21001231)).all():
        return False
    month, day = days // 100 % 100, days % 100
    whole = (days == np.rint(days)).all()
    return bool(whole and ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def is_broken_number(cells: Cells) -> bool:
    """Whether this looks like a numeric column with a few cells that are not numbers."""
    good = np.isfinite(cells.numbers)
    many = len(np.unique(cells.numbers[good])) > 2 * _MOST_ORDINAL
    return many and bool(cells.not_numbers.any()) and good.sum() >= 0.9 * (~cells.missing).sum()


def observed(cells: Cells) -> list[str]:
    """The codes that occur, in order."""
    codes = [cells.codes[i] for i in np.unique(cells.positions[~cells.missing])]
    return codes if cells.ordered else sorted_codes(codes)
