"""Estimates as findings and sections pass them on, and as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from deepseek_report.artifacts import rounding
from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.score import Score


def estimate(value: Any, low: Any = None, high: Any = None, n: Any = None) -> Estimate:
    """A value, its 95 % interval and how many cases it rests on; any may be missing."""
    return Estimate.of(value, low, high, n)


def of_score(score: Score) -> Estimate:
    """The estimate that a score holds."""
    return Estimate.of_score(score)


def of_row(row: Mapping[str, Any], value: str, prefix: str | None = None, n: str = "n") -> Estimate:
    """The estimate in a table's row: `value`, and `<prefix>_low` or `low`, likewise `high`."""
    low, high = ("low", "high") if prefix is None else (f"{prefix}_low", f"{prefix}_high")
    return estimate(row.get(value), row.get(low), row.get(high), row.get(n))


def share(rate: Estimate) -> str:
    """A share as a percentage with its interval: `22.1 % (21.0–23.2 %)`."""
    return percent(finite(rate.value), *_ends(rate)) + _brackets(rate, as_percent=True)


def value(measured: Estimate) -> str:
    """A number with its interval: `0.78 (0.76–0.79)`."""
    if _is_tiny(measured):
        return "below 0.001"
    text = number(finite(measured.value), *_ends(measured))
    return text + _brackets(measured, as_percent=False)


def gap(distance: Estimate) -> str:
    """A distance between shares in points, with its interval: `3.0 points (0.7–5.3)`."""
    if not distance.is_defined:
        return "not defined"
    low, high = _ends(distance)
    ends = "" if low is None or high is None else f" ({_points_apart(low, high)})"
    return f"{100 * distance.value:.1f}\u00a0points{ends}".replace("-", rounding.MINUS)


def _points_apart(low: float, high: float) -> str:
    """The ends of an interval of points, with the one decimal that the value has."""
    return rounding.interval(low, high, as_percent=True).removesuffix("\u00a0%")


def _is_tiny(measured: Estimate) -> bool:
    """Whether a value and its interval are positive and too small to be worth digits."""
    return 0 < measured.value < 5e-4 and (measured.high is None or measured.high < 5e-4)


def _ends(measured: Estimate) -> tuple[float | None, float | None]:
    """The interval's ends; none where the interval has no width."""
    ends = measured.ends
    return (None, None) if ends is None or ends[1] - ends[0] < 1e-9 else ends


def _brackets(measured: Estimate, *, as_percent: bool) -> str:
    low, high = _ends(measured)
    if not measured.is_defined or low is None or high is None:
        return ""
    return f" ({interval(low, high, as_percent=as_percent)})"


def number(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Like `artifacts.numbers.number`, and `not defined` for None."""
    return "not defined" if value is None else rounding.number(value, low, high)


def percent(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Like `artifacts.numbers.percent`; `not defined` for None, `below 0.1 %` for the tiny."""
    if value is not None and low is None and 0 < value < 5e-4:
        return "below 0.1\u00a0%"
    return "not defined" if value is None else rounding.percent(value, low, high)


def points(value: float | None) -> str:
    """Like `artifacts.numbers.points`, and `not defined` for None."""
    return "not defined" if value is None else rounding.points(value)


def interval(low: float | None, high: float | None, *, as_percent: bool = False) -> str:
    """Like `artifacts.numbers.interval`, and `no interval` for None."""
    if low is None or high is None:
        return "no interval"
    return rounding.interval(low, high, as_percent=as_percent)


def bound(value: float, *, as_percent: bool = False) -> str:
    """A declared number as it was declared: `0.8`, `5 %`."""
    return rounding.declared(value, as_percent=as_percent)


def in_sentence(label: str) -> str:
    """A label inside a sentence: `Age band -> age band`; `SHAP`, `ROC AUC`, `R²`, `F1` stay."""
    second = label[1:2]
    stays = second.isupper() or bool(second.strip() and not second.isalpha())
    return label if stays else label[:1].lower() + label[1:]


def p_value(value: float | None) -> str:
    """A p-value as it is printed in a table: `0.03`, `< 0.001`."""
    if value is None or not math.isfinite(value):
        return "not tested"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def p_sentence(value: float | None) -> str:
    """A p-value as it is printed in a sentence: `p = 0.03`, `p < 0.001`."""
    text = p_value(value)
    return text if text.startswith("not") else f"p {text}" if "<" in text else f"p = {text}"


def listing(items: list[str] | tuple[str, ...]) -> str:
    """Items as a person lists them: `a`, `a and b`, `a, b and c`."""
    parts = [str(item) for item in items]
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def seconds(value: float | None) -> str:
    """A duration: `0.4 s`, `12 s`, `3 min 20 s`."""
    if value is None or not math.isfinite(value):
        return "not measured"
    if value < 0.05:
        return "under 0.1\u00a0s"
    if value < 60:
        return f"{value:.1f}\u00a0s" if value < 10 else f"{value:.0f}\u00a0s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes}\u00a0min {rest}\u00a0s" if rest else f"{minutes}\u00a0min"


def ends(score: Score) -> tuple[float, float]:
    """The interval of a score, or its value twice where it has none."""
    low, high = finite(score.low), finite(score.high)
    return (score.value if low is None else low), (score.value if high is None else high)


def positive(loss: Estimate, *, turn: bool) -> Estimate:
    """A loss told as a positive number, with its interval turned."""
    return loss.negated() if turn and loss.ends is not None else loss
