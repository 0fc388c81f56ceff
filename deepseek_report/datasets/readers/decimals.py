"""Decimal commas in the columns of a text file: recognised where nothing contradicts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepseek_report.artifacts.message import Message, message
from deepseek_report.datasets.readers.file_form import Decimal

if TYPE_CHECKING:
    import pandas as pd

_EXPONENT = r"([eE][+-]?\d+)?"
#: 12,5 and 12; 1.234,5 and 1.234.567; 12.5.
_COMMA = rf"[+-]?\d+(,\d+)?{_EXPONENT}"
_GROUPED = r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?"
_POINT = rf"[+-]?\d+\.\d+{_EXPONENT}|[+-]?\d+{_EXPONENT}"
#: One comma and three digits: a number of thousands in English, of thousandths elsewhere.
_THOUSANDS = r"[+-]?\d{1,3},\d{3}"
_SURELY_GROUPED = r"[+-]?\d{1,3}((\.\d{3})+,\d+|(\.\d{3}){2,})"
_SHOWN = 3


@dataclass(frozen=True)
class Decimals:
    """The sign before decimals, and what is said of it."""

    sign: Decimal
    notes: tuple[Message, ...] = ()


def recognise_decimals(frame: pd.DataFrame, names: list[str]) -> Decimals:
    """Decimal commas, if columns of numbers have them and none has a decimal point.

    frame : cells as text, missing ones as NaN, its columns in the order of `names`.
    """
    with_comma: list[str] = []
    unclear: list[str] = []
    for place, name in enumerate(names):
        column = frame.iloc[:, place]
        if has_sign(column, ",") and _all(column, f"{_COMMA}|{_GROUPED}"):
            commas = column[column.str.contains(",", regex=False, na=False)]
            (unclear if _all(commas, _THOUSANDS) else with_comma).append(name)
    if not with_comma:
        return Decimals(".", _unclear(unclear))
    with_point = [
        name
        for place, name in enumerate(names)
        if has_sign(column := frame.iloc[:, place], ".") and _is_pointed(column)
    ]
    if with_point:
        return Decimals(".", (_both(with_comma, with_point),))
    return Decimals(",", (_about("decimal_comma", with_comma),))


def without_groups(
    frame: pd.DataFrame, names: list[str]
) -> tuple[pd.DataFrame, tuple[Message, ...]]:
    """The frame without points that group thousands before a decimal comma, and what is said.

    Only a column that is numbers throughout, of which one shows the grouping beyond doubt.
    """
    grouped = []
    for place, name in enumerate(names):
        column = frame.iloc[:, place]
        sure = has_sign(column, ".") and _all(column, f"{_COMMA}|{_GROUPED}")
        if sure and column.str.fullmatch(_SURELY_GROUPED).fillna(value=False).any():
            frame.isetitem(place, column.str.replace(".", "", regex=False))
            grouped.append(name)
    if not grouped:
        return frame, ()
    return frame, (_about("grouped", grouped),)


def has_sign(column: pd.Series, sign: str) -> bool:
    """Whether a cell holds the sign."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pa.array(column, pa.large_string(), from_pandas=True)
    return bool(pc.any(pc.match_substring(cells, sign)).as_py())


def _all(column: pd.Series, pattern: str) -> bool:
    known = column.dropna().str.strip()
    known = known[known != ""]
    return len(known) > 0 and bool(known.str.fullmatch(pattern).all())


def _is_pointed(column: pd.Series) -> bool:
    """Numbers with a decimal point, which is not a point that groups thousands."""
    known = column.dropna().str.strip()
    with_point = known[known.str.contains(".", regex=False)]
    return _all(column, _POINT) and not _all(with_point, _GROUPED)


def _unclear(names: list[str]) -> tuple[Message, ...]:
    return (_about("unclear_commas", names),) if names else ()


def _both(with_comma: list[str], with_point: list[str]) -> Message:
    return message(
        "preparation.both_decimals",
        commas=message("preparation.columns", **_first(with_comma)),
        points=message("preparation.columns", **_first(with_point)),
        n_commas=len(with_comma),
        n_points=len(with_point),
    )


def _about(key: str, names: list[str]) -> Message:
    columns = message("preparation.columns", **_first(names))
    return message(f"preparation.commas.{key}", columns=columns, n=len(names))


def _first(names: list[str]) -> dict[str, Any]:
    return {"names": names[:_SHOWN], "more": max(len(names) - _SHOWN, 0)}
