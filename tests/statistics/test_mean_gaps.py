"""Means of groups whose spreads differ, by a slow rewrite and in a few worlds of the benchmark."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from worlds import group_means

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.statistics.gaps import GroupMoments, StudentisedNull, largest_mean_gap
from deepseek_report.statistics.intervals import skewed_distance, unskewed_distance


def sample(seed: int, n_groups: int) -> tuple[Floats, Ints]:
    rng = np.random.default_rng(seed)
    codes = np.sort(rng.integers(0, n_groups, 40 * n_groups))
    return (rng.gamma(2.0, 1.0, len(codes)) - 2) * (1 + codes) + 0.8 * (seed % 3) * codes, codes


def moments_of(values: Floats, codes: Ints, draws: int = 1) -> GroupMoments:
    """Of all values, as often as asked."""
    starts = np.searchsorted(codes, np.unique(codes))
    return GroupMoments.of(values - values.mean(), starts, np.ones((draws, len(values))))


def test_the_distance_of_two_groups_is_welchs() -> None:
    values, codes = sample(1, 2)
    moments = moments_of(values, codes)
    welch = stats.ttest_ind(values[codes == 0], values[codes == 1], equal_var=False)
    assert moments.widest()[0][0] == pytest.approx(abs(welch.statistic))


def test_the_skewness_of_a_difference_is_that_of_its_third_cumulant() -> None:
    values, codes = sample(2, 3)
    moments = moments_of(values, codes)
    parts = [values[codes == k] for k in range(3)]
    _, errors, skew = moments.pairs(0)
    for place, other in enumerate(parts[1:]):
        third = stats.kstat(parts[0], 3) / len(parts[0]) ** 2
        third -= stats.kstat(other, 3) / len(other) ** 2
        assert skew[0, place] == pytest.approx(third / errors[0, place] ** 3)


def test_the_largest_distance_is_that_of_a_loop_over_all_pairs() -> None:
    values, codes = sample(3, 4)
    drawn = moments_of(values, codes, 5)
    plain, unskewed = drawn.widest()
    slow: list[list[float]] = [[], []]
    for first in range(3):
        for apart, error, skew in zip(*(each[0] for each in drawn.pairs(first)), strict=True):
            slow[0].append(abs(apart / error))
            bent = ((1 + skew * apart / error / 3) ** 3 - 1) / skew + skew / 6
            slow[1].append(abs(bent))
    assert plain[0] == pytest.approx(max(slow[0]))
    assert unskewed[0] == pytest.approx(max(slow[1]))


def test_a_distance_corrected_for_skewness_is_inverted() -> None:
    skew = np.linspace(-0.8, 0.8, 17)
    for corrected in (-2.5, -0.4, 0.0, 1.7):
        back = unskewed_distance(skewed_distance(corrected, skew), skew)
        np.testing.assert_allclose(back, corrected, atol=1e-9)


def test_redrawn_groups_keep_their_sizes_and_have_equal_means() -> None:
    values, codes = sample(4, 3)
    null = StudentisedNull.of(values - values.mean(), codes, 2000, np.random.default_rng(0))
    assert len(null.plain) == len(null.unskewed) == len(null.gaps) == 2000
    assert null.p_value(0.0, 0.0) == 1.0
    smallest = np.bincount(codes).min()
    assert null.p_value(1e9, 1e9) == pytest.approx((1 + 5 / smallest) / 2001)


@pytest.mark.parametrize("n_groups", [2, 5])
def test_the_interval_of_a_gap_leaves_0_out_just_where_the_test_does(n_groups: int) -> None:
    beyond_chance = []
    for seed in range(30):
        values, codes = sample(seed, n_groups)
        gap = largest_mean_gap(values, codes, 200, np.random.default_rng(seed))
        assert gap.estimate.ends is not None
        assert gap.surest_gap.ends is not None
        beyond_chance.append(gap.p_value < 0.05)
        assert beyond_chance[-1] == (gap.estimate.ends[0] > 0) == (gap.surest_gap.ends[0] > 0)
        low, high = gap.estimate.ends
        assert low <= gap.estimate.value <= high
    assert {*beyond_chance} == {True, False}


def test_groups_that_do_not_vary_differ_where_their_values_do() -> None:
    codes = np.repeat([0, 1, 2], 30)
    gap = largest_mean_gap(codes.astype(float), codes, 200, np.random.default_rng(0))
    assert (gap.estimate.value, gap.estimate.ends) == (2.0, (2.0, 2.0))
    assert gap.p_value < 0.05


def test_equal_means_are_seldom_called_unequal_however_spreads_differ() -> None:
    for name in ("spread 1 against 3, 100", "absolute errors, Student's t, 3, in 30"):
        outcomes = [group_means.trial(group_means.EQUAL[name], seed) for seed in range(40)]
        assert sum(outcome.told for outcome in outcomes) <= 6
        assert all(outcome.agrees for outcome in outcomes)


def test_a_bias_in_a_small_quiet_group_is_found() -> None:
    quiet = next(iter(group_means.APART.values()))
    assert all(group_means.trial(quiet, seed).told for seed in range(5))
