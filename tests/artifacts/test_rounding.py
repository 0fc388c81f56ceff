"""Numbers keep the digits that their interval supports, and small ones are not told as nothing."""

from __future__ import annotations

import pytest

from deepseek_report.artifacts.rounding import number


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0003, "0.0003"), (0.00001, "0.00001"), (0.000456, "0.00046"), (0.00412, "0.004")],
)
def test_a_small_number_keeps_its_first_digits(value: float, expected: str) -> None:
    assert number(value) == expected
