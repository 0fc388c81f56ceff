"""Numbers as people write them: rounded to what the interval supports, with their unit."""

from __future__ import annotations

import math

#: Narrow no-break space between groups of three digits (ISO 80000-1).
THIN = "\u202f"
MINUS = "\u2212"
DASH = "\u2013"


def count(value: float) -> str:
    """A whole number with grouped digits: `30 000`."""
    return f"{round(value):,}".replace(",", THIN).replace("-", MINUS)


def plural(value: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def decimals_supported(low: float, high: float, most: int = 4) -> int:
    """How many decimals an interval supports: two significant digits of its half-width."""
    half = abs(high - low) / 2
    if not math.isfinite(half) or half == 0:
        return min(3, most)
    return min(max(1 - math.floor(math.log10(half)), 0), most)


def number(value: float, low: float | None = None, high: float | None = None) -> str:
    """A value rounded to what its interval supports, or to three significant digits without one."""
    if value is None or not math.isfinite(value):
        return "not defined"
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        digits = decimals_supported(low, high)
    else:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:,.{digits}f}".replace(",", THIN)
    return text.replace("-", MINUS) if float(f"{value:.{digits}f}") else text.replace("-", "")


def percent(value: float, low: float | None = None, high: float | None = None) -> str:
    """A share of one as a percentage: `0.221 -> "22.1 %"`."""
    if value is None or not math.isfinite(value):
        return "not defined"
    digits = 1
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        digits = min(decimals_supported(100 * low, 100 * high), 1)
    return f"{100 * value:.{digits}f}".replace("-", MINUS) + "\u00a0%"


def points(value: float) -> str:
    """A difference of two shares in percentage points, signed: `+17.0 points`."""
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    return f"{sign}{abs(100 * value):.1f}\u00a0points"


def interval(low: float, high: float, *, as_percent: bool = False) -> str:
    """The two ends of an interval: `0.76–0.79`, `87.4–89.5 %`."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    if as_percent:
        digits = min(decimals_supported(100 * low, 100 * high), 1)
        ends = [f"{100 * end:.{digits}f}".replace("-", MINUS) for end in (low, high)]
        return _range(*ends) + "\u00a0%"
    return _range(number(low, low, high), number(high, low, high))


def _range(low: str, high: str) -> str:
    between = " to " if MINUS in low + high else DASH
    return f"{low}{between}{high}"


def quantity(value: float, unit: str | None) -> str:
    """A value with its unit: `NT$ 50 000`, `34 years`; whole numbers lose their decimals."""
    whole = float(value).is_integer() or abs(value) >= 1000
    text = count(value) if whole else number(value)
    if not unit:
        return text
    if unit.endswith("$") or unit in {"€", "£", "¥"}:
        return f"{unit}\u00a0{text}"
    return f"{text}\u00a0{unit}"
