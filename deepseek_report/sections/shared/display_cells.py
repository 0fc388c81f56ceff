"""Cells of tables that people read: the text, and beside it what the column is sorted by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.rounding import count
from deepseek_report.wording import estimates

DASH = "–"


def share_cell(key: str, one: Estimate) -> dict[str, Any]:
    """A share with its interval: `22.1 % (21.0–23.2 %)`."""
    return _cell(key, finite(one.value), estimates.share(one))


def value_cell(key: str, one: Estimate) -> dict[str, Any]:
    """A number with its interval."""
    return _cell(key, finite(one.value), estimates.value(one))


def percent_cell(key: str, value: Any) -> dict[str, Any]:
    """A share without an interval."""
    return _cell(key, finite(value), estimates.percent(finite(value)))


def number_cell(key: str, value: Any) -> dict[str, Any]:
    """A number without an interval."""
    return _cell(key, finite(value), estimates.number(finite(value)))


def count_cell(key: str, value: Any) -> dict[str, Any]:
    """A whole number with grouped digits."""
    known = finite(value)
    return _cell(key, known, DASH if known is None else count(known))


def p_cell(key: str, value: Any) -> dict[str, Any]:
    """A p-value."""
    return _cell(key, finite(value), estimates.p_value(finite(value)))


def points_cell(key: str, gap: Estimate | float) -> dict[str, Any]:
    """A difference of two shares in points with its sign and interval, without the unit."""
    measured = gap if isinstance(gap, Estimate) else Estimate.of(gap)
    text = estimates.points(finite(measured.value)).removesuffix("\u00a0points")
    if measured.low is not None and measured.high is not None:
        text += f" ({estimates.interval(100 * measured.low, 100 * measured.high)})"
    return _cell(key, finite(measured.value), text)


def seconds_cell(key: str, value: Any) -> dict[str, Any]:
    """A duration in seconds."""
    return _cell(key, finite(value), estimates.seconds(finite(value)))


def _cell(key: str, order: float | None, text: str) -> dict[str, Any]:
    if order is None:
        return {key: DASH}
    return {key: text, f"{key}__sort": float(f"{order:.6g}")}


def flat(settings: Mapping[str, Any], prefix: str = "") -> list[dict[str, str]]:
    """Nested settings as rows `{setting, value}`, without the plug-in's class."""
    rows: list[dict[str, str]] = []
    for name, value in settings.items():
        if name == "_target_":
            continue
        if isinstance(value, Mapping):
            rows.extend(flat(value, f"{prefix}{name}."))
        else:
            rows.append({"setting": prefix + name, "value": _plain(value)})
    return rows


def _plain(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(one) for one in value) or "none"
    return str(value)
