"""Differences of two predictors on the same rows, and of two methods over their seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepseek_report.statistics.paired import (
    SeedRuns,
    influence_difference,
    mcnemar,
    method_gap,
    share_difference,
)


def influences(values: np.ndarray) -> tuple[float, np.ndarray]:
    n = len(values)
    return float(values.mean()), (values - values.mean()) / np.sqrt(n * (n - 1))


@pytest.mark.parametrize("n", [12, 400])
def test_a_difference_of_means_is_that_of_the_paired_t_test(n: int) -> None:
    rng = np.random.default_rng(0)
    first, other = rng.normal(0.3, 1, n), rng.normal(0, 1, n)
    gap, p = influence_difference(influences(first), influences(other))
    theirs = stats.ttest_rel(first, other)
    assert gap.value == pytest.approx((first - other).mean())
    assert gap.ends == pytest.approx(tuple(theirs.confidence_interval()))
    assert p == pytest.approx(theirs.pvalue)


def test_mcnemar_is_the_mid_p_of_the_binomial_test() -> None:
    exact = stats.binomtest(3, 14).pvalue
    assert mcnemar(3, 11) == pytest.approx(exact - stats.binom.pmf(3, 14, 0.5))
    assert mcnemar(11, 3) == mcnemar(3, 11)
    assert mcnemar(5, 5) <= 1


def test_the_interval_of_paired_shares_follows_from_the_exact_intervals_and_their_phi() -> None:
    both, first_only, other_only, neither = 20, 12, 2, 16
    first = np.repeat([True, True, False, False], [both, first_only, other_only, neither])
    other = np.repeat([True, False, True, False], [both, first_only, other_only, neither])
    gap, p = share_difference(first, other)
    assert (round(gap.value, 4), round(gap.low, 4), round(gap.high, 4)) == (0.2, 0.0528, 0.335)
    assert (gap.low, gap.high) == pytest.approx((0.0562, 0.3292), abs=0.01)  # with Wilson's ends
    swapped, _ = share_difference(other, first)
    assert (swapped.low, swapped.high) == pytest.approx((-gap.high, -gap.low))
    assert p < 0.05


def test_the_interval_of_paired_shares_covers_the_difference() -> None:
    rng = np.random.default_rng(4)
    common = rng.random((1000, 120))
    first = common + 0.3 * rng.random((1000, 120)) < 0.85
    other = common + 0.3 * rng.random((1000, 120)) < 0.75
    truth = first.mean() - other.mean()
    gaps = [share_difference(*pair)[0] for pair in zip(first, other, strict=True)]
    held = np.mean([gap.low <= truth <= gap.high for gap in gaps])
    assert 0.93 <= held <= 0.99


def test_equal_predictors_do_not_differ() -> None:
    right = np.array([True, False, True])
    gap, p = share_difference(right, right)
    assert (gap.value, p) == (0.0, 1.0)


def judged(rng: np.random.Generator, rows: np.ndarray, seeds: int, shift: float) -> SeedRuns:
    noise = rng.normal(0, 0.5, (seeds, len(rows))) + rng.normal(0, 0.02, (seeds, 1))
    return SeedRuns.of([influences(rows + shift + each) for each in noise])


def test_two_arms_of_one_method_differ_in_five_per_cent_of_studies() -> None:
    rng = np.random.default_rng(1)
    differs = [
        method_gap(judged(rng, rows, 6, 0), judged(rng, rows, 6, 0)).p_value < 0.05
        for rows in rng.normal(0, 1, (400, 100))
    ]
    assert 0.02 <= np.mean(differs) <= 0.08


def test_a_difference_beyond_seeds_and_rows_is_found_and_of_no_use_within_the_region() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(0, 1, 500)
    gap = method_gap(judged(rng, rows, 8, 0.3), judged(rng, rows, 8, 0))
    assert gap.p_value < 0.001
    assert gap.within(0.01) < 0.01
    assert gap.within(1.0) > 0.99
    assert gap.seeds_needed is not None
    assert gap.seeds_needed <= 8


def test_where_the_rows_alone_leave_it_open_no_number_of_seeds_is_named() -> None:
    rng = np.random.default_rng(3)
    first, other = rng.normal(0, 1, (2, 40))
    alike = [SeedRuns.of([influences(rows)] * 5) for rows in (first, other)]
    assert method_gap(*alike).seeds_needed is None


def test_one_seed_is_no_method() -> None:
    single = SeedRuns.of([influences(np.arange(5.0))])
    with pytest.raises(ValueError, match="at least two seeds"):
        method_gap(single, single)
