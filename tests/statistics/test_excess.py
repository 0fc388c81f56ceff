"""Losses beyond expectation: sums against a loop, the test against exact and simulated tails."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepseek_report.statistics.excess import Excess, larger_mean_p_value
from deepseek_report.statistics.logistic import recalibrated


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
    mended = recalibrated(rng.random(40_000) < truth, stated)
    assert np.abs(mended - truth).max() < 0.02


def test_separated_outcomes_leave_probabilities_as_they_are() -> None:
    stated = np.array([0.1, 0.2, 0.8, 0.9])
    assert recalibrated(stated > 0.5, stated) is stated
