"""Intervals and tests of counts, against statsmodels, scipy and published values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    proportions_ztest,
)

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.statistics.intervals import (
    Z95,
    any_pair,
    blaker,
    compare_rates,
    holm,
    mean_interval,
    mean_p_value,
    rate,
    rate_difference,
    rate_ratio,
    wilson,
)

COUNTS = [(9, 40, 40, 100), (0, 12, 5, 20), (12, 12, 20, 20), (3150, 3564, 2120, 2436)]


def test_wilson_of_none_in_twelve_ends_at_0_24() -> None:
    low, high = wilson(0, 12)
    assert low == pytest.approx(0, abs=1e-12)
    assert high == pytest.approx(0.2425, abs=5e-5)


@given(st.integers(1, 500), st.data())
def test_wilson_ends_solve_the_score_equation(n: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, n))
    for end in wilson(x, n):
        if 0 < end < 1:
            z = (x / n - end) / math.sqrt(end * (1 - end) / n)
            assert abs(z) == pytest.approx(Z95, rel=1e-6)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.9999])
def test_wilson_agrees_with_statsmodels(level: float) -> None:
    count, total = np.array([1, 3, 7, 500]), np.array([5, 7, 8, 3000])
    theirs = proportion_confint(count, total, alpha=1 - level, method="wilson")
    np.testing.assert_allclose(wilson(count, total, level), theirs, atol=1e-12)


def test_wilson_without_trials_is_not_a_number() -> None:
    assert np.isnan(wilson([0, 1], [0, 2])[0]).tolist() == [True, False]
    assert math.isnan(rate(0, 0).value)


def _covered(n: int, rates: np.ndarray, level: float = 0.95) -> np.ndarray:
    """How often intervals of n trials hold each (rate,): exact, over all counts."""
    counts = np.arange(n + 1)
    low, high = blaker(counts, n, level)
    inside = (low <= rates[:, None]) & (rates[:, None] <= high)
    return np.sum(stats.binom.pmf(counts, n, rates[:, None]) * inside, axis=1)


@pytest.mark.parametrize("n", [1, 5, 10, 30, 100, 1000])
@pytest.mark.parametrize("level", [0.95, 0.999])
def test_an_exact_interval_holds_every_rate_as_often_as_it_says(n: int, level: float) -> None:
    ends = np.concatenate(blaker(np.arange(n + 1), n, level))
    ends = ends[(ends > 0) & (ends < 1)]
    tried = np.concatenate([ends - 1e-9, ends + 1e-9, np.geomspace(1e-6, 0.5, 100)])
    assert _covered(n, tried, level).min() >= level - 1e-5


def test_wilsons_interval_misses_a_rare_event_too_often() -> None:
    low, high = wilson(np.arange(101), 100)
    held = stats.binom.pmf(np.arange(101), 100, 0.0017)[(low <= 0.0017) & (high >= 0.0017)].sum()
    assert held < 0.85
    assert _covered(100, np.array([0.0017]))[0] > 0.95


@given(st.integers(1, 400), st.data())
def test_an_exact_interval_lies_within_that_of_clopper_and_pearson(n, data) -> None:
    x = data.draw(st.integers(0, n))
    (low, high), theirs = blaker(x, n), proportion_confint(x, n, method="beta")
    assert theirs[0] - 1e-9 <= low <= x / n <= high <= theirs[1] + 1e-9


def test_exact_intervals_of_failures_mirror_those_of_successes() -> None:
    low, high = blaker([0, 3, 20, 0], [20, 20, 20, 0])
    assert np.allclose(1 - high[[2, 0]], low[[0, 2]])
    assert (low[0], high[2]) == (0, 1)
    assert np.isnan([low[3], high[3]]).all()


@pytest.mark.parametrize("counts", COUNTS)
def test_the_interval_of_a_difference_joins_those_of_both_rates(counts) -> None:
    theirs = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
    assert np.allclose(rate_difference(*counts), theirs, atol=0.03)
    x1, n1, x2, n2 = counts
    (low, high), (other_low, other_high) = blaker(x1, n1), blaker(x2, n2)
    gap = x1 / n1 - x2 / n2
    below, above = rate_difference(*counts)
    assert below == pytest.approx(gap - math.hypot(x1 / n1 - low, other_high - x2 / n2))
    assert above == pytest.approx(gap + math.hypot(high - x1 / n1, x2 / n2 - other_low))


@pytest.mark.parametrize("counts", [(40, 100, 45, 100), (300, 3000, 600, 3000)])
def test_the_interval_of_a_ratio_is_near_the_score_interval_of_many_trials(counts) -> None:
    theirs = confint_proportions_2indep(*counts, method="score", compare="ratio", correction=False)
    assert np.allclose(rate_ratio(*counts), theirs, rtol=0.03)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_the_interval_of_a_ratio_holds_it_and_is_open_where_nothing_was_seen(
    n1: int, n2: int, data: st.DataObject
) -> None:
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    low, high = rate_ratio(x1, n1, x2, n2)
    assert (low == 0) == (x1 == 0)
    assert (high == math.inf) == (x2 == 0)
    if x2:
        assert low <= x1 / n1 / (x2 / n2) <= high


@pytest.mark.parametrize(("p1", "p2"), [(0.005, 0.95), (0.02, 0.05), (0.2, 0.1), (0.9, 0.95)])
def test_ratios_and_differences_of_few_trials_are_held_as_often_as_said(p1, p2) -> None:
    n = 30
    chances = np.outer(*(stats.binom.pmf(np.arange(n + 1), n, p) for p in (p1, p2)))
    first, other = np.indices((n + 1, n + 1))
    low, high = rate_difference(first, n, other, n)
    assert chances[(low <= p1 - p2) & (p1 - p2 <= high)].sum() > 0.94
    likely = np.argwhere(chances > 1e-7)
    ends = np.array([rate_ratio(x1, n, x2, n) for x1, x2 in likely])
    held = (ends[:, 0] <= p1 / p2) & (p1 / p2 <= ends[:, 1])
    assert chances[tuple(likely[held].T)].sum() > 0.94


def test_the_interval_of_the_inverse_ratio_is_the_inverse() -> None:
    low, high = rate_ratio(9, 40, 40, 100)
    assert rate_ratio(40, 100, 9, 40) == pytest.approx((1 / high, 1 / low))


def test_the_interval_of_a_ratio_holds_1_where_all_succeed() -> None:
    low, high = rate_ratio(12, 12, 20, 20)
    assert low < 1 < high
    assert math.isnan(rate_ratio(0, 0, 1, 2)[0])


def test_large_tables_get_the_pooled_score_test() -> None:
    name, p_value = compare_rates(3150, 3564, 2120, 2436)
    assert name == "score"
    assert p_value == pytest.approx(proportions_ztest([3150, 2120], [3564, 2436])[1])


def test_small_tables_get_an_exact_test() -> None:
    name, p_value = compare_rates(1, 10, 9, 20)
    table = [[1, 9], [9, 11]]
    assert name == "boschloo"
    assert p_value == pytest.approx(stats.boschloo_exact(table).pvalue)
    assert p_value < stats.fisher_exact(table).pvalue
    name, p_value = compare_rates(1, 10, 90, 200)
    assert name == "fisher"
    assert p_value == pytest.approx(stats.fisher_exact([[1, 90], [9, 110]]).pvalue)


def test_equal_rates_need_no_test() -> None:
    assert compare_rates(5, 5, 7, 7)[1] == 1.0
    assert math.isnan(compare_rates(0, 0, 7, 7)[1])


def test_holm_agrees_with_statsmodels() -> None:
    p_values = np.random.default_rng(0).random(25) ** 4
    assert np.allclose(holm(p_values), multipletests(p_values, method="holm")[1])


def test_holm_leaves_out_what_was_not_tested() -> None:
    assert np.allclose(holm([0.01, np.nan, 0.04]), [0.02, np.nan, 0.04], equal_nan=True)


def test_the_interval_of_a_mean_is_students_where_values_are_symmetric() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    by_hand = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    mean, low, high = mean_interval(values)
    assert (float(mean), float(low), float(high)) == pytest.approx((2.5, *by_hand))


def test_the_interval_of_a_skewed_mean_holds_it_where_students_does_not() -> None:
    drawn = np.random.default_rng(0).lognormal(0, 0.7, (30, 4000))
    truth = np.exp(0.7**2 / 2)
    _, low, high = mean_interval(drawn)
    ends = stats.t.interval(0.95, 29, drawn.mean(axis=0), stats.sem(drawn))
    assert np.mean((ends[0] <= truth) & (truth <= ends[1])) < 0.925
    assert np.mean((low <= truth) & (truth <= high)) > 0.935


def test_the_tail_of_a_larger_sample_mends_the_interval_of_a_small_part() -> None:
    rng = np.random.default_rng(0)
    centre = np.exp(0.7**2 / 2)
    errors = np.abs(rng.lognormal(0, 0.7, (1000, 2000)) - centre)
    truth = np.abs(np.random.default_rng(1).lognormal(0, 0.7, 10**6) - centre).mean()
    ends = [
        (mean_interval(whole[:30])[1:], mean_interval(whole[:30], among=whole)[1:])
        for whole in errors.T
    ]
    alone, among = np.moveaxis(np.array(ends, dtype=float), 1, 0)
    assert np.mean((alone[:, 0] <= truth) & (truth <= alone[:, 1])) < 0.92
    assert 0.935 < np.mean((among[:, 0] <= truth) & (truth <= among[:, 1])) < 0.97


def test_a_sample_is_its_own_larger_sample() -> None:
    values = np.random.default_rng(2).gamma(1.0, 1.0, 40)
    assert mean_interval(values, among=values) == pytest.approx(mean_interval(values))


def test_the_interval_of_a_mean_moves_and_stretches_with_the_values() -> None:
    values = np.random.default_rng(1).lognormal(size=40)
    own, moved = mean_interval(values), mean_interval(3 - 2 * values)
    assert moved == pytest.approx((3 - 2 * own[0], 3 - 2 * own[2], 3 - 2 * own[1]))


def test_values_that_do_not_vary_have_an_interval_of_no_width() -> None:
    assert [float(end) for end in mean_interval(np.ones(4))] == [1.0, 1.0, 1.0]
    assert (mean_p_value(np.zeros(4)), mean_p_value(np.ones(4))) == (1.0, 0.0)


def test_a_mean_is_beyond_chance_where_its_interval_leaves_out_0() -> None:
    for seed in range(200):
        values = np.random.default_rng(seed).lognormal(0, 0.8, 25) - 1.0
        _, low, high = mean_interval(values)
        assert (mean_p_value(values) < 0.05) == (low > 0 or high < 0)


def test_an_estimate_without_interval_gives_a_score_without() -> None:
    score = Estimate(1.0, math.nan, math.nan, 3, "Wilson").score("x", "data", "none")
    assert (score.low, score.high, score.interval_method) == (None, None, "")


@pytest.mark.parametrize("n_levels", [2, 3, 6, 20])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_the_value_for_any_pair_is_that_of_the_studentised_range(n_levels, level) -> None:
    from scipy.stats import studentized_range

    theirs = studentized_range.ppf(level, n_levels, np.inf) / math.sqrt(2)
    assert any_pair(n_levels, level) == pytest.approx(theirs, abs=1e-6)


def test_of_no_values_there_is_no_mean_and_no_interval() -> None:
    assert np.isnan(mean_interval(np.zeros(0))).all()
    assert np.isnan(mean_interval(np.zeros((0, 3)))).all()
