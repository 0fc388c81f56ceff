"""Numbers are written by the locale, and as `artifacts.numbers` writes them in English."""

from __future__ import annotations

import math

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.artifacts import rounding as plain_numbers
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.wording.numbers import NumberFormat
from deepseek_report.wording.words import wording

ENGLISH = wording("en").numbers
TEXTS = dict(ENGLISH.texts)
VALUES = st.floats(-1e6, 1e6) | st.floats(-1, 1) | st.just(0.0)


@given(VALUES, st.none() | st.floats(1e-4, 1e3))
def test_english_numbers_are_rounded_as_their_interval_supports(value: float, width: float | None):
    ends = (None, None) if width is None else (value - width, value + width)
    assert ENGLISH.number(value, *ends) == plain_numbers.number(value, *ends)
    assert ENGLISH.quantity(value, "years") == plain_numbers.quantity(value, "years")
    if width is not None:
        assert ENGLISH.interval(*ends) == plain_numbers.interval(*ends)


@given(st.floats(1e-6, 0.05))
def test_a_small_difference_of_shares_is_not_told_as_nothing(value: float) -> None:
    digits = ENGLISH.points(value).removeprefix("+").removesuffix("\u00a0points")
    assert float(digits) == pytest.approx(100 * value, rel=1.01)
    assert float(digits) > 0


def test_a_difference_that_rounds_to_a_tenth_has_one_decimal() -> None:
    assert ENGLISH.points(0.00096) == "+0.1\u00a0points"
    assert ENGLISH.points(-0.170) == "−17.0\u00a0points"


def test_one_point_alone_is_no_plural() -> None:
    assert ENGLISH.rough_gap(Estimate(0.011, 0.0, 0.103)) == "1\u00a0point (0–10)"
    assert ENGLISH.signed_gap(Estimate(-0.01, -0.11, 0.09)) == "−1\u00a0point (−11 to 9)"
    assert ENGLISH.gap(Estimate(0.01, 0.008, 0.012)) == "1.0\u00a0points (0.8–1.2)"


def test_the_plural_is_regular_by_the_rule_of_the_catalog_alone():
    assert ENGLISH.plural(2, "row") == "2 rows"
    assert NumberFormat("de").form(2, "Zeile") == "Zeile"
    assert NumberFormat("de", texts={"regular_plural": "{word}n"}).form(2, "Zeile") == "Zeilen"


def test_a_share_keeps_no_more_digits_than_its_interval_supports():
    assert ENGLISH.share(Estimate.of(0.5423, 0.42, 0.66)) == "54\u00a0% (42–66\u00a0%)"
    assert ENGLISH.share(Estimate.of(0.2212, 0.210, 0.232)).startswith("22.1\u00a0%")


def test_an_interval_without_width_is_not_printed():
    assert ENGLISH.value(Estimate.of(0.5, 0.5, 0.5)) == "0.500"


def test_what_is_not_defined_is_said_in_words():
    nothing = Estimate.of(math.nan, math.nan, math.nan, math.nan)
    assert (nothing.is_defined, nothing.ends, nothing.n) == (False, None, 0)
    assert ENGLISH.value(nothing) == ENGLISH.share(nothing) == "not defined"


def test_a_value_too_small_for_digits_is_not_printed_as_a_row_of_zeros():
    assert ENGLISH.value(Estimate.of(6e-10, 4e-10, 9e-10)) == "below 0.001"


@pytest.mark.parametrize(
    ("spent", "text"),
    [(0.01, "under 0.1\u00a0s"), (4.21, "4.2\u00a0s"), (41.7, "42\u00a0s"), (60, "1\u00a0min"),
     (200.2, "3\u00a0min 20\u00a0s"), (None, "not measured")],
)  # fmt: skip
def test_durations_are_rounded_to_what_matters(spent, text):
    assert ENGLISH.seconds(spent) == text


def test_a_bound_is_printed_as_it_was_declared():
    assert ENGLISH.declared(0.8) == "0.8"
    for share, text in ((0.05, "5"), (0.9, "90"), (0.975, "97.5")):
        assert ENGLISH.declared(share, as_percent=True) == f"{text}\u00a0%"


@pytest.mark.parametrize(
    ("locale", "value", "text"),
    [("de", 12345.0, "12.345"), ("zh_Hans", 12345.0, "12,345"), ("fr", -0.25, "-0,250")],
)
def test_other_locales_write_their_own_signs(locale: str, value: float, text: str):
    assert NumberFormat(locale, {}, TEXTS).quantity(value, None) == text


def test_a_quantity_has_the_digits_of_its_interval() -> None:
    assert ENGLISH.quantity(47.2134, "points", 30.0, 65.0) == "47\u00a0points"
    assert ENGLISH.quantity(47.2134, "points") == "47.2\u00a0points"


def test_plurals_have_the_forms_of_the_locale():
    russian = NumberFormat("ru", {}, TEXTS)
    forms = {"few": "строки", "many_": "строк"}
    forms_used = [russian.form(n, "строка", "строки", **forms) for n in (1, 3, 5, 21)]
    assert forms_used == ["строка", "строки", "строк", "строка"]


def test_lists_are_joined_as_the_locale_joins_them():
    for n, text in enumerate(("", "a", "a and b", "a, b and c")):
        assert ENGLISH.listing(list("abc")[:n]) == text
    assert NumberFormat("zh_Hans", {}, TEXTS).listing(["a", "b", "c"]) == "a、b和c"


def test_what_is_not_a_number_is_said_in_words():
    assert ENGLISH.number(math.nan) == ENGLISH.percent(None) == "not defined"
    assert ENGLISH.interval(None, 1.0) == "no interval"


def test_a_setting_has_no_trailing_zeros() -> None:
    assert [ENGLISH.setting(value) for value in (0.31, 0.5, -1.0)] == ["0.31", "0.5", "−1"]
    assert NumberFormat("de").setting(0.31) == "0,31"


@pytest.mark.parametrize(
    ("value", "space", "with_unit", "alone"),
    [
        (0.031, "probability", "+3.1\u00a0points", "+3.1"),
        (-0.42, "logit", "−0.420", "−0.420"),
        (0.42, "none", "+0.420", "+0.420"),
    ],
)
def test_an_attribution_is_signed_and_in_points_where_it_is_a_probability(
    value: float, space: str, with_unit: str, alone: str
) -> None:
    attribution = {"value": value, "space": space}
    assert ENGLISH.attribution(attribution) == with_unit
    assert ENGLISH.attribution(attribution, unit=False) == alone


@pytest.mark.parametrize(
    ("value", "low", "high", "signed", "gap"),
    [
        (0.131, 0.107, 0.156, "+13.1 (10.7–15.6)", "13.1\u00a0points (10.7–15.6)"),
        (0.19, 0.06, 0.32, "+19 (6–32)", "19\u00a0points (6–32)"),
        (0.0183, 0.0083, 0.0278, "+1.8 (0.8–2.8)", "1.8\u00a0points (0.8–2.8)"),
        (0.0, 0.0, 0.0, "0.0", "0.0\u00a0points"),
        (0.0002, 0.0001, 0.0003, "+0.020 (0.010–0.030)", "0.0\u00a0points (0.0–0.0)"),
    ],
)
def test_points_and_their_interval_have_as_many_decimals_as_it_supports(
    value: float, low: float, high: float, signed: str, gap: str
) -> None:
    estimate = Estimate(value, low, high)
    assert ENGLISH.plain_points(estimate) == signed
    assert ENGLISH.gap(estimate) == gap


def test_what_a_library_wrote_gets_the_signs_of_the_language() -> None:
    assert NumberFormat("de").library_text("-0.50") == "-0,50"
    assert ENGLISH.library_text("-0.50") == "−0.50"
    assert NumberFormat("de").separators == ",."
    assert ENGLISH.separators == ".\u202f"


@pytest.mark.parametrize("value", [-3.4028234663852886e38, 1e27, 1.7976931348623157e308, 9.996e15])
def test_a_huge_number_is_written_with_a_power_of_ten_wherever_numbers_are(value: float) -> None:
    factor, power = f"{value:.2e}".split("e+")
    raised = str(int(power)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    expected = f"{factor.replace('-', '−')}\u00a0×\u00a010{raised}"
    for written in (
        ENGLISH.number(value),
        ENGLISH.count(value),
        ENGLISH.quantity(value, None),
        ENGLISH.digits(value, 3),
        ENGLISH.declared(value),
        plain_numbers.number(value),
        plain_numbers.count(value),
    ):
        assert written == expected
    assert NumberFormat("de", {}, {**TEXTS, "power": "{number} × 10{power}"}).number(1e27) == (
        "1,00 × 10²⁷"
    )


def test_the_largest_number_without_a_power_of_ten_has_fifteen_digits() -> None:
    assert ENGLISH.count(999_999_999_999_999).replace("\u202f", "") == "999999999999999"


@pytest.mark.parametrize("locale", ["en_GB", "de", "de_CH", "es", "fr", "hi", "pl", "sv"])
def test_a_number_is_written_as_babel_writes_it_where_babel_is_not_asked(locale: str) -> None:
    for value in (0.0, -0.04, 7.0, -999.5, 1000.0, 12345.678, -1234567.89, 999999999.0, 1e9, 1e14):
        for digits in (0, 1, 3, 6, 7):
            pattern = "#,##0." + "0" * digits if digits else "#,##0"
            rounded = float(f"{value:.{digits}f}") or 0.0
            assert NumberFormat(locale)._decimal(value, digits) == format_decimal(
                rounded, format=pattern, locale=locale
            )
