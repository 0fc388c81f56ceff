"""Rounding stays within the bound by which tests compare floats, and comes near it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tolerances import rounding


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [4, 40])
def test_sums_in_two_orders_lie_within_the_bound(dtype: type, n: int) -> None:
    terms = np.random.default_rng(n).normal(size=(500, n)).astype(dtype)
    forth, back = (np.add.accumulate(part, axis=1)[:, -1] for part in (terms, terms[:, ::-1]))
    apart = np.abs(forth - back) / np.abs(terms).astype(float).sum(axis=1)
    assert rounding(n, dtype) / 50 < apart.max() < rounding(n, dtype)


def test_where_terms_cancel_a_share_of_the_result_is_no_bound() -> None:
    one, little = np.float32(1), np.float32(1e-7)
    first, other = (one + little) - one, (one - one) + little
    assert abs(first - other) > 0.1 * other
    assert abs(first - other) < rounding(3) * (one + little + one)
