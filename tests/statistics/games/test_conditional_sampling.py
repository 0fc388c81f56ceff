"""Draws given what is known: of normal columns by closed form, of others within their values."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.statistics.games.conditional_sampling import GaussianCopula

CORRELATION = np.array([[1.0, 0.8, 0.3], [0.8, 1.0, 0.5], [0.3, 0.5, 1.0]])


def normal_rows(n: int = 20_000) -> np.ndarray:
    return np.random.default_rng(1).multivariate_normal(np.zeros(3), CORRELATION, n)


def mixed_rows(n: int = 4000) -> np.ndarray:
    """A skewed number with missing values, a rounded one, and 4 categories that go with both."""
    rng = np.random.default_rng(2)
    common = rng.normal(size=n)
    skewed = np.exp(common + 0.5 * rng.normal(size=n))
    skewed[rng.random(n) < 0.1] = np.nan
    codes = np.array([2, 0, 3, 1])[np.digitize(common + rng.normal(0, 0.5, n), [-0.7, 0, 0.7])]
    return np.stack([skewed, np.round(2 * common), codes], axis=1).astype(float)


MIXED = GaussianCopula.fitted(mixed_rows(), np.array([False, False, True]))


def drawn(copula: GaussianCopula, row: np.ndarray, kept: np.ndarray, count: int) -> np.ndarray:
    start = copula.draws(count, np.random.default_rng(3))
    matrix = copula.conditioning(kept[None])[0]
    scores = start + (copula.scores(row[None]) - start) @ matrix.T
    return np.where(kept, row, copula.values(scores))


@pytest.mark.parametrize("kept", [[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 0]])
def test_of_normal_columns_mean_and_covariance_are_those_of_the_closed_form(kept) -> None:
    known = np.array(kept, dtype=bool)
    row = np.array([1.2, -0.4, 0.7])
    rows = drawn(GaussianCopula.fitted(normal_rows(), np.zeros(3, bool)), row, known, 40_000)
    inner = np.linalg.inv(CORRELATION[np.ix_(known, known)]) if known.any() else np.zeros((0, 0))
    towards = CORRELATION[np.ix_(~known, known)] @ inner
    left = CORRELATION[np.ix_(~known, ~known)] - towards @ CORRELATION[np.ix_(known, ~known)]
    np.testing.assert_allclose(rows[:, ~known].mean(axis=0), towards @ row[known], atol=0.04)
    np.testing.assert_allclose(np.cov(rows[:, ~known].T).reshape(left.shape), left, atol=0.05)
    assert (rows[:, known] == row[known]).all()


def test_all_that_is_drawn_is_a_value_of_its_column() -> None:
    seen = mixed_rows()
    rows = drawn(MIXED, seen[0], np.zeros(3, bool), 2000)
    for column in range(3):
        assert np.isin(rows[:, column], seen[:, column]).all() or np.isnan(seen[:, column]).any()
    assert np.isnan(rows[:, 0]).mean() == pytest.approx(0.1, abs=0.03)
    assert np.bincount(rows[:, 2].astype(int)) / 2000 == pytest.approx(
        np.bincount(seen[:, 2].astype(int)) / len(seen), abs=0.04
    )


def test_categories_without_an_order_follow_what_is_known() -> None:
    high, low = (
        drawn(MIXED, np.array([value, rounded, 0.0]), np.array([True, True, False]), 4000)[:, 2]
        for value, rounded in ((8.0, 4.0), (0.1, -4.0))
    )
    assert (high == 1).mean() > 0.7
    assert (low == 2).mean() > 0.7


def test_a_category_that_no_row_had_is_taken_for_a_missing_value() -> None:
    scores = MIXED.scores(np.array([[np.nan, 0.0, 9.0], [np.nan, 0.0, np.nan]]))
    np.testing.assert_allclose(scores[0], scores[1])


def test_a_constant_column_goes_with_nothing() -> None:
    rows = np.column_stack([normal_rows(500), np.full(500, 3.0)])
    copula = GaussianCopula.fitted(rows, np.zeros(4, bool))
    assert np.isfinite(copula.correlation).all()
    assert (drawn(copula, rows[0], np.array([True, False, False, False]), 50)[:, 3] == 3).all()
