"""Losses beyond expectation and shifts of probabilities: loops, exact tails, statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from deepseek_report.statistics import logistic
from deepseek_report.statistics.excess import Excess, larger_mean_p_value
from deepseek_report.statistics.intervals import Z95, wilson


def test_totals_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    excess = Excess.of_events(rng.random(80) < 0.3, rng.random(80), rng.normal(size=80))
    matrix = (rng.random((80, 4)) < 0.4).astype(float)
    first, second = np.array([0, 0, 2]), np.array([0, 3, 1])
    totals = excess.totals(matrix, first, second)
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        inside = (matrix[:, a] > 0) & (matrix[:, b] > 0)
        assert totals.sizes[k] == inside.sum()
        assert totals.sums[k] == pytest.approx(excess.values[inside].sum())
        assert totals.variances[k] == pytest.approx(excess.variances[inside].sum())


def test_of_few_cases_without_an_event_a_known_variance_counts_and_not_that_of_the_sample() -> None:
    """3 000 cases with events in 5 %, and 60 without any: of as many, chance leaves 5 % so."""
    many, few, variance = (np.arange(3000) % 20 == 0).astype(float), np.zeros(60), 0.05 * 0.95
    together, inside = np.concatenate([many, few]), np.arange(3060) < 3000
    assert larger_mean_p_value(together, inside) < 1e-6
    known = larger_mean_p_value(together, inside, (variance, variance))
    z = 0.05 / np.sqrt(variance * (1 / 3000 + 1 / 60))
    assert known == pytest.approx(stats.norm.sf(z), rel=0.2)
    halves = np.concatenate([few + 1, few])
    assert larger_mean_p_value(halves, np.arange(120) < 60, (variance, variance)) < 1e-6


@pytest.mark.parametrize(("n", "chance", "events"), [(100, 0.5, 62), (80, 0.1, 16), (60, 0.9, 59)])
def test_the_tail_of_equal_chances_is_nearly_binomial(n: int, chance: float, events: int) -> None:
    happened = np.arange(n) < events
    excess = Excess.of_events(happened, np.full(n, chance), np.ones(n))
    exact = (stats.binom.sf(events - 1, n, chance) + stats.binom.sf(events, n, chance)) / 2
    assert excess.p_value(np.ones(n, bool)) == pytest.approx(exact, rel=0.15)


def test_the_test_of_skewed_weighted_events_keeps_its_level() -> None:
    rng = np.random.default_rng(1)
    chances, everyone = rng.beta(1, 8, 60), np.ones(60, bool)
    alarms = [
        Excess.of_events(rng.random(60) < chances, chances, 1 - 2 * chances).p_value(everyone)
        for _ in range(2000)
    ]
    assert 0.005 <= np.mean(np.array(alarms) < 0.01) <= 0.02


def test_a_part_that_merely_varies_more_does_not_lose_more() -> None:
    rng = np.random.default_rng(2)
    inside = np.arange(400) < 40
    p_values = [
        Excess.over_mean(rng.normal(size=400) * np.where(inside, 3.0, 1.0)).p_value(inside)
        for _ in range(400)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.08


def test_probabilities_that_are_too_extreme_are_drawn_back_to_the_truth() -> None:
    rng = np.random.default_rng(3)
    log_odds = rng.normal(-1, 1, 40_000)
    truth = 1 / (1 + np.exp(-log_odds))
    stated = 1 / (1 + np.exp(-2 * log_odds - 1))
    mended = logistic.recalibrated(rng.random(40_000) < truth, stated)
    assert np.abs(mended - truth).max() < 0.02


def test_separated_outcomes_leave_probabilities_as_they_are() -> None:
    stated = np.array([0.1, 0.2, 0.8, 0.9])
    assert logistic.recalibrated(stated > 0.5, stated) is stated


# --- Logistic regression, and shifts of the probabilities of a group ------------------------------


@pytest.mark.parametrize("with_offset", [False, True])
def test_the_last_coefficient_and_its_interval_are_those_of_statsmodels(with_offset: bool) -> None:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(400), rng.normal(size=(400, 2))])
    happened = rng.random(400) < 1 / (1 + np.exp(-design @ [0.3, 1.2, -0.7]))
    offset = rng.normal(size=400) if with_offset else None
    theirs = GLM(happened.astype(float), design, family=Binomial(), offset=offset).fit(tol=1e-14)
    ours = logistic.last_coefficient(happened, design, offset)
    assert ours.value == pytest.approx(theirs.params[-1], abs=1e-9)
    assert [ours.low, ours.high] == pytest.approx(theirs.conf_int()[-1].tolist(), abs=1e-8)


@pytest.mark.parametrize("happened", [np.arange(20) >= 10, np.zeros(20, dtype=bool)])
def test_separated_outcomes_have_no_coefficient(happened: np.ndarray) -> None:
    design = np.column_stack([np.ones(20), np.arange(20.0)])
    assert math.isnan(logistic.last_coefficient(happened, design).value)


def test_columns_that_say_the_same_have_no_coefficient() -> None:
    happened = np.arange(20) % 3 == 0
    assert math.isnan(logistic.last_coefficient(happened, np.ones((20, 2))).value)


@pytest.mark.parametrize(("hits", "n"), [(0, 30), (3, 40), (29, 30), (50, 50)])
def test_with_one_probability_for_everybody_the_interval_is_wilsons(hits: int, n: int) -> None:
    stated = np.full(n, 0.3)
    off = logistic.share_off(np.arange(n) < hits, stated, stated, Z95)
    low, high = wilson(hits, n)
    assert (off.low, off.high) == pytest.approx((low - 0.3, high - 0.3), abs=1e-9)


def drawn(n: int, shift: float, seed: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    log_odds, group = rng.normal(size=n), rng.integers(0, 3, n)
    stated = 1 / (1 + np.exp(-log_odds))
    happened = rng.random(n) < 1 / (1 + np.exp(-log_odds - shift * (group == 0)))
    return happened, stated, [group == k for k in range(3)]


def test_right_probabilities_are_called_off_in_a_twentieth_of_samples() -> None:
    least = [
        logistic.GroupShifts.of(*drawn(400, 0.0, seed), 200, seed).p_values().min()
        for seed in range(200)
    ]
    assert 0.01 <= np.mean(np.array(least) < 0.05) <= 0.09


def test_a_shift_of_one_group_has_the_least_p_value_and_a_distance_above_zero() -> None:
    shifts = logistic.GroupShifts.of(*drawn(2000, 0.6, 1), 500, 1)
    assert int(np.argmin(shifts.p_values())) == 0
    assert shifts.distances[0] > shifts.critical


def test_without_groups_there_is_nothing_to_test() -> None:
    happened, stated, _ = drawn(50, 0.0, 1)
    assert len(logistic.GroupShifts.of(happened, stated, [], 100, 1).p_values()) == 0
