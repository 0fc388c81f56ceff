"""Numbers, intervals, lists and plurals as each language writes them; the rules are Babel's (CLDR).

Values are rounded to what their interval supports (`artifacts.numbers`). What a language writes in
another way than its locale does stands under `formats` in its catalog.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Any, Literal

from babel import Locale
from babel.lists import format_list
from babel.numbers import (
    format_decimal,
    get_decimal_symbol,
    get_group_symbol,
    get_minus_sign_symbol,
)

from deepseek_report.artifacts import rounding
from deepseek_report.artifacts.estimate import Estimate

_SLOT = re.compile(r"\{\w+\}")
#: Below it, and with at most so many decimals, a number has no more digits than its float.
_EXACT, _EXACT_DIGITS = 1e9, 6

#: What stands at both ends of a filled slot until the text around it is closed up: a private mark.
_EDGE = "\ue000"
_HAN = "\u3400-\u9fff"
#: Han characters and Latin ones or figures stand apart; a stop behind a stop, a blank between Han
#: characters, and at last the edges and each blank behind a full-width mark go.
_CLOSING = (
    (f"(?<=[{_HAN}]){_EDGE}+(?=[A-Za-z0-9+\u2212])", " "),
    (f"(?<=[A-Za-z0-9%]){_EDGE}+(?=[{_HAN}])", " "),
    (f"(?<=[{_HAN}，。；：、]) {_EDGE}+(?=[{_HAN}“（])", ""),
    (f"(?<=[{_HAN}”）]){_EDGE}+ (?=[{_HAN}“（])", ""),
    (f"。{_EDGE}+(?=[。；，])|(?<=[。；，]){_EDGE}+。", ""),
    (f"(?<=[，。；：、]) (?={_EDGE}*[A-Za-z0-9])", ""),
    (_EDGE, ""),
    (f"(?<=[。，、；：？！）”]) (?=[{_HAN}“（])|(?<=[{_HAN}]) (?=[（“])", ""),
)


def edged(value: object) -> str:
    """What fills a slot, marked at both ends for `closed_up`."""
    text = str(value)
    return f"{_EDGE}{text}{_EDGE}" if text else text


def closed_up(text: str) -> str:
    """A text whose slots are `edged`, as languages write it that put no blanks between words.

    Blanks behind full-width marks go, and at the edges of what fills a slot Han characters stand
    apart from Latin ones and figures; what fills a slot stays as it is.

    >>> closed_up("按" + edged("SHAP") + "， AUC")
    '按 SHAP，AUC'
    """
    for pattern, put in _closing():
        text = pattern.sub(put, text)
    return text


@cache
def _closing() -> list[tuple[re.Pattern[str], str]]:
    """`_CLOSING`, compiled where a language closes up: that takes longer than loading Babel."""
    return [(re.compile(pattern), put) for pattern, put in _CLOSING]


@dataclass(frozen=True)
class NumberFormat:
    """Writes numbers by the rules of one locale.

    locale : CLDR name, such as `en_GB` or `zh_Hans`.
    symbols : what is written otherwise than CLDR says: `group`, `decimal`, `minus`.
    texts : the words and patterns around numbers, the group `numbers` of a catalog.
    closes_up : whether sentences and words follow one another without blanks.

    >>> french = NumberFormat("fr", texts={"not_defined": "non défini"})
    >>> french.number(0.775), french.number(None)
    ('0,775', 'non défini')
    """

    locale: str
    symbols: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    closes_up: bool = False

    def count(self, value: float) -> str:
        """A whole number with grouped digits: `30 000`."""
        return self._decimal(round(value), 0)

    def number(
        self, value: float | None, low: float | None = None, high: float | None = None
    ) -> str:
        """A value rounded to what its interval supports, or to three significant digits."""
        if value is None or not math.isfinite(value):
            return self._fill("not_defined")
        if ends := _finite(low, high):
            return self._decimal(value, rounding.decimals_supported(*ends))
        return self._decimal(*rounding.digits_without_interval(value))

    def percent(
        self, value: float | None, low: float | None = None, high: float | None = None
    ) -> str:
        """A share of one as a percentage: `0.221 -> "22.1 %"`."""
        if value is None or not math.isfinite(value):
            return self._fill("not_defined")
        if low is None and 0 < value < 5e-4:
            return self._fill("below", number=self._percentage(0.1, 1))
        ends = _finite(low, high)
        return self._percentage(100 * value, _percent_digits(*ends) if ends else 1)

    def points(self, value: float | None) -> str:
        """A difference of two shares in percentage points, signed: `+17.0 points`.

        What would round to nothing keeps its first digit, down to the fourth decimal.
        """
        if value is None or not math.isfinite(value):
            return self._fill("not_defined")
        return self._in_points(self._signed_points(value))

    def signed_gap(self, estimate: Estimate) -> str:
        """A difference in a sentence, in points: `−1.2 points (−2.0 to −0.4)`."""
        return self._difference(estimate, in_points=True)

    def plain_points(self, estimate: Estimate) -> str:
        """A difference in points, signed and with its interval, where a head names the unit."""
        return self._difference(estimate, in_points=False)

    def _difference(self, estimate: Estimate, *, in_points: bool) -> str:
        if not estimate.is_defined:
            return self._fill("not_defined")
        interval = ""
        if (ends := _ends(estimate)) is None:
            text = self._signed_points(estimate.value)
        else:
            most = 4 if 0 < abs(100 * estimate.value) < 0.05 else 1
            digits = _percent_digits(*ends, most=most)
            text = self._signed_points(estimate.value, digits)
            interval = self._percentages(*ends, digits)
        text = self._in_points(text) if in_points else text
        return self._fill("estimate", value=text, interval=interval) if interval else text

    def interval(self, low: float | None, high: float | None, *, as_percent: bool = False) -> str:
        """The two ends of an interval: `0.76–0.79`, `87.4–89.5 %`."""
        if (ends := _finite(low, high)) is None:
            return self._fill("no_interval")
        if as_percent:
            return self._fill("percent", number=self._percentages(*ends, _percent_digits(*ends)))
        return self._range(*(self.number(end, *ends) for end in ends))

    def rough_share(self, estimate: Estimate) -> str:
        """A share in a sentence, by one digit of its interval: `40 % (38–42 %)`."""
        ends, text = _ends(estimate), self.rough_percent(estimate)
        if ends is None:
            return text
        interval = self._percentages(*ends, _percent_digits(*ends, significant=1))
        return self._fill("estimate", value=text, interval=self._fill("percent", number=interval))

    def rough_percent(self, estimate: Estimate) -> str:
        """The share alone, rounded likewise: `40 %`."""
        if (ends := _ends(estimate)) is None:
            return self.percent(estimate.value)
        return self._percentage(100 * estimate.value, _percent_digits(*ends, significant=1))

    def rough_value(self, estimate: Estimate) -> str:
        """A number in a sentence, by one digit of its interval: `0.82 (0.79–0.85)`."""
        if (ends := _ends(estimate)) is None:
            return self.value(estimate)
        digits = rounding.decimals_supported(*ends, significant=1)
        value, *interval = (self._decimal(number, digits) for number in (estimate.value, *ends))
        return self._fill("estimate", value=value, interval=self._range(*interval))

    def rough_gap(self, estimate: Estimate) -> str:
        """A distance between shares in points, likewise: `12 points (9–14)`."""
        return self._gap(estimate, significant=1)

    def share(self, estimate: Estimate) -> str:
        """A share as a percentage with its interval: `22.1 % (21.0–23.2 %)`."""
        text = self.percent(estimate.value, *(_ends(estimate) or ()))
        return self._with_interval(text, estimate, as_percent=True)

    def value(self, estimate: Estimate) -> str:
        """A number with its interval: `0.78 (0.76–0.79)`."""
        known, high = estimate.value, estimate.high
        if 0 < known < 5e-4 and (high is None or high < 5e-4):
            return self._fill("below", number=self._decimal(0.001, 3))
        text = self.number(known, *(_ends(estimate) or ()))
        return self._with_interval(text, estimate, as_percent=False)

    def gap(self, estimate: Estimate) -> str:
        """A distance between shares in points, with its interval: `3.0 points (0.7–5.3)`."""
        return self._gap(estimate, significant=2)

    def _gap(self, estimate: Estimate, significant: int) -> str:
        if not estimate.is_defined:
            return self._fill("not_defined")
        ends = _ends(estimate)
        digits = _percent_digits(*ends, significant) if ends else 1
        text = self._in_points(self._decimal(100 * estimate.value, digits))
        if ends is None:
            return text
        return self._fill("estimate", value=text, interval=self._percentages(*ends, digits))

    def digits(self, value: float, digits: int) -> str:
        """A number with this many decimals: `0.527`."""
        return self._decimal(value, digits)

    def declared(self, value: float, *, as_percent: bool = False) -> str:
        """A number as somebody declared it: `0.8`, `90 %`."""
        if abs(value) >= rounding.HUGE:
            return self._decimal(value, 0)
        text = f"{100 * value if as_percent else value:g}"
        if "e" in text:
            return text.replace("-", self._minus)
        written = self._decimal(float(text), len(text.partition(".")[2]))
        return self._fill("percent", number=written) if as_percent else written

    def setting(self, value: float) -> str:
        """A number that somebody set, such as a threshold, without trailing zeros: `0.31`."""
        return self.declared(float(f"{value:.3g}"))

    def attribution(self, attribution: Mapping[str, Any], *, unit: bool = True) -> str:
        """An attribution as a person reads it: `+3.1 points`, `−0.42`; or without its unit.

        attribution : `{value, space}`; in the space "probability" the value is a share of one.
        """
        value = attribution["value"]
        if attribution["space"] != "probability" or value is None:
            return f"{'+' if (value or 0) > 0 else ''}{self.number(value)}"
        return self.points(value) if unit else self._signed_points(value)

    def library_text(self, text: str) -> str:
        """A number that a library wrote with point and minus, in the signs of this language."""
        return (
            text.replace("-", self._minus)
            .replace("−", self._minus)
            .translate({ord("."): self.separators[0]})
        )

    def without_words(self, text: str) -> str:
        """What is written, without the words that this language puts around numbers."""
        return self._number_words.sub(" ", text)

    @cached_property
    def _number_words(self) -> re.Pattern[str]:
        patterns = " ".join(_SLOT.sub(" ", text) for text in self.texts.values() if "{" in text)
        words = {word for word in patterns.split() if re.search(r"[^\W\d_]", word)}
        return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words) or "(?!)")

    def respelled(self, number: str) -> str:
        """A number written by the rules of `artifacts.rounding`, as this language writes it.

        >>> NumberFormat("de").respelled("\u221250\u202f000.5")
        '-50.000,5'
        """
        decimal, group = tuple(self.separators)
        return number.translate(
            {ord("."): decimal, ord(rounding.THIN): group, ord(rounding.MINUS): self._minus}
        )

    @property
    def separators(self) -> str:
        """The sign of decimals and that of groups of digits, as Plotly wants them."""
        decimal, group = get_decimal_symbol(self._locale), get_group_symbol(self._locale)
        return self.symbols.get("decimal", decimal) + self.symbols.get("group", group)

    def quantity(
        self,
        value: float | None,
        unit: str | None,
        low: float | None = None,
        high: float | None = None,
    ) -> str:
        """A value with its unit: `NT$ 50 000`, `34 years`; whole numbers lose their decimals."""
        if value is None:
            return self._fill("not_defined")
        whole = low is None and (float(value).is_integer() or abs(value) >= 1000)
        text = self.count(value) if whole else self.number(value, low, high)
        if not unit:
            return text
        return f"{unit}\u00a0{text}" if rounding.is_currency(unit) else f"{text}\u00a0{unit}"

    def p_value(self, value: float | None) -> str:
        """A p-value as it is printed in a table: `0.03`, `< 0.001`."""
        if value is None or not math.isfinite(value):
            return self._fill("not_tested")
        if value < 0.001:
            return f"< {self._decimal(0.001, 3)}"
        return self._decimal(value, 3 if value < 0.1 else 2)

    def p_sentence(self, value: float | None) -> str:
        """A p-value as it is printed in a sentence: `p = 0.03`, `p < 0.001`."""
        text = self.p_value(value)
        if value is None or not math.isfinite(value):
            return text
        return f"p {text}" if value < 0.001 else f"p = {text}"

    def seconds(self, value: float | None) -> str:
        """A duration: `0.4 s`, `12 s`, `3 min 20 s`."""
        if value is None or not math.isfinite(value):
            return self._fill("not_measured")
        if value < 0.05:
            return self._fill("under", number=self._fill("seconds", number=self._decimal(0.1, 1)))
        if value < 60:
            return self._fill("seconds", number=self._decimal(value, 1 if value < 10 else 0))
        minutes, rest = divmod(round(value), 60)
        parts = [self._fill("minutes", number=self.count(minutes))]
        if rest:
            parts.append(self._fill("seconds", number=self.count(rest)))
        return " ".join(parts)

    def plural(self, value: float, singular: str, many: str | None = None, **forms: str) -> str:
        """`1 row`, `2 rows`; languages with further forms give these by their CLDR names.

        many : by default the regular plural of the catalog, `numbers.regular_plural`; the singular
        where it has none.
        forms : texts for `zero`, `two`, `few` or `many_` (the CLDR category "many").
        """
        return f"{self.count(value)} {self.form(value, singular, many, **forms)}"

    def form(self, value: float, singular: str, many: str | None = None, **forms: str) -> str:
        """The form of a word that goes with this number, without the number.

        >>> polish = NumberFormat("pl")
        >>> [polish.form(n, "wiersz", few="wiersze", many_="wierszy") for n in (1, 2, 5)]
        ['wiersz', 'wiersze', 'wierszy']
        """
        category = self._locale.plural_form(value)
        if category == "one":
            return singular
        known = {name.rstrip("_"): text for name, text in forms.items()}
        return known.get(category) or many or self._regular_plural.format(word=singular)

    def listing(self, items: Sequence[object]) -> str:
        """Items as a person lists them: `a`, `a and b`, `a, b and c`.

        >>> NumberFormat("en_GB").listing(["a", "b", "c"])
        'a, b and c'
        """
        return self._listed(items, "standard")

    def either(self, items: Sequence[object]) -> str:
        """Items of which one is enough: `a`, `a or b`, `a, b or c`."""
        return self._listed(items, "or")

    def _listed(self, items: Sequence[object], style: Literal["standard", "or"]) -> str:
        if not self.closes_up:
            return format_list([str(item) for item in items], style=style, locale=self._locale)
        return closed_up(format_list(list(map(edged, items)), style=style, locale=self._locale))

    def quoted(self, items: Sequence[object]) -> list[str]:
        """Each item in the quotation marks of the language: `“a”`."""
        return [self._fill("quoted", text=str(item)) for item in items]

    # --- how it is written ---
    @cached_property
    def _locale(self) -> Locale:
        return Locale.parse(self.locale)

    @cached_property
    def _regular_plural(self) -> str:
        return self.texts.get("regular_plural", "{word}")

    @cached_property
    def _minus(self) -> str:
        return self.symbols.get("minus", get_minus_sign_symbol(self._locale))

    @cached_property
    def _written(self) -> dict[int, str]:
        """What CLDR writes, and what is written in its place."""
        usual = {
            "group": get_group_symbol(self._locale),
            "decimal": get_decimal_symbol(self._locale),
            "minus": get_minus_sign_symbol(self._locale),
        }
        return str.maketrans({sign: self.symbols.get(name, sign) for name, sign in usual.items()})

    def _decimal(self, value: float, digits: int) -> str:
        """A number with so many decimals; a huge one, such as -3.4e38, with a power of ten."""
        if abs(value) >= rounding.HUGE:
            factor, power = rounding.power_of_ten(value)
            return self._fill("power", number=self._decimal(factor, 2), power=power)
        rounded = float(f"{value:.{digits}f}") or 0.0  # no sign before a zero
        if self._signs and abs(rounded) < _EXACT and digits <= _EXACT_DIGITS:
            written = f"{rounded:,.{digits}f}".translate(self._signs)
        else:
            written = _written_decimal(rounded, digits, self.locale)
        return written.translate(self._written)

    @cached_property
    def _signs(self) -> dict[int, str]:
        """The signs of groups and of decimals in a number of Babel's, which needs 20 µs for each.

        Empty for the few locales that it writes in another way.
        """
        sample = _written_decimal(-1234567.5, 1, self.locale)
        signs = re.fullmatch(r"-1(\D)234(?:\1)567(\D)5", sample)
        return str.maketrans({",": signs[1], ".": signs[2]}) if signs else {}

    def _signed_points(self, value: float, digits: int | None = None) -> str:
        sign, size = "+" if value > 0 else self._minus if value < 0 else "", abs(100 * value)
        if digits is None:
            small = 5e-5 <= size < 0.05
            digits = -math.floor(math.log10(float(f"{size:.0e}"))) if small else 1
        return sign + self._decimal(size, digits)

    def _percentage(self, value: float, digits: int) -> str:
        return self._fill("percent", number=self._decimal(value, digits))

    def _percentages(self, low: float, high: float, digits: int) -> str:
        """The ends of an interval of shares in per cent, without the sign."""
        return self._range(*(self._decimal(100 * end, digits) for end in (low, high)))

    def _range(self, low: str, high: str) -> str:
        signed = self._minus in low + high
        return self._fill("signed_range" if signed else "range", low=low, high=high)

    def _with_interval(self, text: str, estimate: Estimate, *, as_percent: bool) -> str:
        if (ends := _ends(estimate)) is None:
            return text
        return self._fill(
            "estimate", value=text, interval=self.interval(*ends, as_percent=as_percent)
        )

    def _in_points(self, number: str) -> str:
        """A written number of points; of one alone: `+1 point`."""
        return self._fill("point" if number.lstrip("+−") == "1" else "points", number=number)

    def _fill(self, pattern: str, **parts: str) -> str:
        return self.texts[pattern].format(**parts)


@lru_cache(maxsize=4096)
def _written_decimal(value: float, digits: int, locale: str) -> str:
    """As CLDR writes it."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, format=pattern, locale=Locale.parse(locale))


def _percent_digits(low: float, high: float, significant: int = 2, most: int = 1) -> int:
    """How many decimals an interval of shares supports in per cent."""
    return min(rounding.decimals_supported(100 * low, 100 * high, significant=significant), most)


def _finite(low: float | None, high: float | None) -> tuple[float, float] | None:
    """Both ends; None where one is missing or not finite."""
    if low is None or high is None or not math.isfinite(low) or not math.isfinite(high):
        return None
    return float(low), float(high)


def _ends(estimate: Estimate) -> tuple[float, float] | None:
    """The interval; None without one, where it has no width, and where nothing is defined."""
    ends = estimate.ends if estimate.is_defined else None
    return None if ends is None or ends[1] - ends[0] < 1e-9 else ends
