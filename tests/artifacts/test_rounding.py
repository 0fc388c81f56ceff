"""Numbers keep the digits that their interval supports, and small ones are not told as nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.artifacts.rounding import declared, number, points, quantity


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0003, "0.0003"), (0.00001, "0.00001"), (0.000456, "0.00046"), (0.00412, "0.004")],
)
def test_a_small_number_keeps_its_first_digits(value: float, expected: str) -> None:
    assert number(value) == expected


@given(st.floats(1e-6, 0.05))
def test_a_small_difference_of_shares_is_not_told_as_nothing(value: float) -> None:
    digits = points(value).removeprefix("+").removesuffix("\u00a0points")
    assert float(digits) == pytest.approx(100 * value, rel=1.01)
    assert float(digits) > 0


def test_a_difference_that_rounds_to_a_tenth_has_one_decimal() -> None:
    assert points(0.00096) == "+0.1\u00a0points"
    assert points(-0.170) == "−17.0\u00a0points"


def test_a_quantity_has_the_digits_of_its_interval() -> None:
    assert quantity(47.2134, "points", 30.0, 65.0) == "47\u00a0points"
    assert quantity(47.2134, "points") == "47.2\u00a0points"


def test_a_declared_share_is_written_as_it_was_declared() -> None:
    assert declared(0.9, as_percent=True) == "90\u00a0%"
    assert declared(0.975, as_percent=True) == "97.5\u00a0%"
