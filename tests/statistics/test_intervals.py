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
    _ratio_statistic,
    any_pair,
    compare_rates,
    holm,
    koopman,
    mean_interval,
    mean_p_value,
    newcombe,
    rate,
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


@pytest.mark.parametrize("counts", COUNTS)
def test_newcombe_agrees_with_statsmodels(counts: tuple[int, int, int, int]) -> None:
    theirs = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
    assert np.allclose(newcombe(*counts), theirs, atol=1e-9)


@pytest.mark.parametrize("counts", [(9, 40, 40, 100), (5, 20, 7, 30), (3150, 3564, 2120, 2436)])
def test_koopman_agrees_with_statsmodels_inside(counts: tuple[int, int, int, int]) -> None:
    theirs = confint_proportions_2indep(*counts, method="score", compare="ratio", correction=False)
    assert np.allclose(koopman(*counts), theirs, rtol=1e-3)


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_koopman_ends_are_where_the_score_test_turns(n1: int, n2: int, data: st.DataObject) -> None:
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    low, high = koopman(x1, n1, x2, n2)
    assert (low == 0) == (x1 == 0)
    assert (high == math.inf) == (x2 == 0)
    for end, outward in ((low, -1), (high, 1)):
        if 0 < end < math.inf:
            counts = (float(x1), float(n1), float(x2), float(n2))
            assert _ratio_statistic(end * math.exp(-outward * 1e-4), counts) <= Z95**2
            assert _ratio_statistic(end * math.exp(outward * 1e-4), counts) >= Z95**2


def test_koopman_of_the_inverse_ratio_is_the_inverse() -> None:
    low, high = koopman(9, 40, 40, 100)
    assert koopman(40, 100, 9, 40) == pytest.approx((1 / high, 1 / low))


def test_koopman_holds_where_all_succeed() -> None:
    low, high = koopman(12, 12, 20, 20)
    assert low < 1 < high
    assert math.isnan(koopman(0, 0, 1, 2)[0])


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
