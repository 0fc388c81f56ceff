"""Numbers as people write them: rounded to what the interval supports, with their unit."""

from __future__ import annotations

import math

#: The most characters of a label that are drawn, told or measured: some three printed lines.
LABEL = 400
#: The most characters of a text in a sentence or a cell of a table: about a printed page.
TEXT = 2000


def bounded(text: str, most: int = LABEL) -> str:
    """The text, cut with an ellipsis after `most` characters; what comes after is never read."""
    return text if len(text) <= most else text[: most - 1] + "…"


#: Narrow no-break space between groups of three digits (ISO 80000-1).
THIN = "\u202f"
MINUS = "\u2212"
DASH = "\u2013"


#: From here on a number is written with a power of ten.
HUGE = 1e15
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def power_of_ten(value: float) -> tuple[float, str]:
    """A huge number as a factor below ten, with two decimals, and the power of ten in small digits.

    >>> power_of_ten(-3.4028e38)
    (-3.4, '³⁸')
    """
    factor, _, power = f"{value:.2e}".partition("e")
    return float(factor), str(int(power)).translate(_RAISED)


def _huge(value: float) -> str:
    factor, power = power_of_ten(value)
    return f"{_signed(f'{factor:.2f}')}\u00a0×\u00a010{power}"


def count(value: float) -> str:
    """A whole number with grouped digits: `30 000`."""
    if abs(value) >= HUGE:
        return _huge(value)
    return f"{round(value):,}".replace(",", THIN).replace("-", MINUS)


def plural(value: int, singular: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`.

    >>> plural(1, "row"), plural(2, "row"), plural(0, "class", "classes")
    ('1 row', '2 rows', '0 classes')
    """
    return f"{count(value)} {singular if value == 1 else many or singular + 's'}"


def span(noun: str, start: int, end: int) -> str:
    """The places from `start`, counted from 0, to before `end`, as people count them.

    >>> span("row", 0, 4), span("step", 6, 7)
    ('rows 1–4', 'step 7')
    """
    return f"{noun} {end}" if end - start == 1 else f"{noun}s {start + 1}{DASH}{end}"


def decimals_supported(low: float, high: float, most: int = 4, significant: int = 2) -> int:
    """How many decimals an interval supports: so many significant digits of its half-width.

    significant : two in tables and beside bounds; one in a sentence, where more hides the point.

    >>> decimals_supported(0.76, 0.79), decimals_supported(12, 90)
    (3, 0)
    >>> decimals_supported(0.76, 0.79, significant=1)
    2
    """
    half = abs(high - low) / 2
    if not math.isfinite(half) or half == 0:
        return min(3, most)
    return min(max(significant - 1 - math.floor(math.log10(half)), 0), most)


def number(value: float, low: float | None = None, high: float | None = None) -> str:
    """A value rounded to what its interval supports, or to three significant digits without one.

    Without one, numbers below 0.001 keep two digits, down to the sixth decimal.

    >>> number(0.77512, 0.6, 0.9), number(0.77512), number(float("nan"))
    ('0.78', '0.775', 'not defined')
    """
    if value is None or not math.isfinite(value):
        return "not defined"
    if abs(value) >= HUGE:
        return _huge(value)
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        digits = decimals_supported(low, high)
    else:
        value, digits = digits_without_interval(value)
    return _signed(f"{value:,.{digits}f}").replace(",", THIN)


def _signed(text: str) -> str:
    """The number with the sign of minus; 0 has none."""
    return text.replace("-", MINUS if text.strip("-0.") else "")


def digits_without_interval(value: float) -> tuple[float, int]:
    """The value, rounded where it is small, and how many decimals it is written with."""
    size = abs(value)
    if 5e-7 <= size < 1e-3:
        value = float(f"{value:.2g}")
        text = f"{value:.6f}".rstrip("0")
        return value, len(text.partition(".")[2])
    return value, 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3


def percent(value: float) -> str:
    """A share of one as a percentage: `0.221 -> "22.1 %"`."""
    return f"{_signed(f'{100 * value:.1f}')}\u00a0%" if math.isfinite(value) else "not defined"


def interval(low: float, high: float) -> str:
    """The two ends of an interval: `0.76–0.79`.

    >>> interval(0.6, 0.9)
    '0.60–0.90'
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    ends = number(low, low, high), number(high, low, high)
    return (" to " if MINUS in "".join(ends) else DASH).join(ends)


def quantity(value: float, unit: str | None) -> str:
    r"""A value with its unit: `NT$ 50 000`, `34 years`; whole numbers lose their decimals.

    >>> quantity(34, "years").replace("\u00a0", " ")
    '34 years'
    """
    whole = float(value).is_integer() or abs(value) >= 1000
    text = count(value) if whole else number(value)
    if not unit:
        return text
    return f"{unit}\u00a0{text}" if is_currency(unit) else f"{text}\u00a0{unit}"


def from_to(low: str, high: str) -> str:
    r"""The range between two quantities, with their unit once.

    >>> from_to("25\u00a0points", "99\u00a0points").replace("\u00a0", " ")
    '25–99 points'
    >>> from_to("€\u00a05", "€\u00a09").replace("\u00a0", " ")
    '€ 5–9'
    """
    head, space, tail = low.partition("\u00a0")
    if space and high.endswith(space + tail):
        return f"{head}–{high}"
    if space and high.startswith(head + space):
        return f"{low}–{high.removeprefix(head + space)}"
    return f"{low} – {high}"


def is_currency(unit: str) -> bool:
    """Whether a unit stands before its number."""
    return unit.endswith("$") or unit in {"€", "£", "¥"}
