"""Intervals by the bootstrap of a number over its own standard error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.statistics.regression_errors import Tails, _with_errors, error_estimates
from deepseek_report.statistics.resampling import Studentized, kurtosis

RNG = np.random.default_rng


def test_of_normal_data_it_is_nearly_students_interval() -> None:
    values = RNG(0).normal(10, 2, 12)
    drawn = values[RNG(1).integers(0, 12, (20_000, 12))]
    error = stats.sem(values, ddof=0)
    made = Studentized(
        float(values.mean()), float(error), drawn.mean(axis=1), stats.sem(drawn, axis=1, ddof=0)
    )
    by_hand = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert made.interval(0.95) == pytest.approx(by_hand, abs=0.35)


def test_what_does_not_vary_in_a_resample_has_no_interval() -> None:
    draws = np.array([1.0, 1.1, 0.9])
    assert Studentized(1.0, 0.1, draws, np.ones(3)).is_defined
    assert not Studentized(1.0, 0.1, draws, np.array([1.0, 0.0, 1.0])).is_defined
    assert not Studentized(1.0, 0.0, draws, np.ones(3)).is_defined
    assert not Studentized(1.0, 0.1, np.array([1.0, np.nan, 1.0]), np.ones(3)).is_defined


def test_the_kurtosis_is_that_of_scipy() -> None:
    values = RNG(2).standard_t(5, 200)
    assert kurtosis(values) == pytest.approx(stats.kurtosis(values, fisher=False))
    assert np.isnan(kurtosis(np.ones(3)))


def test_the_standard_errors_of_the_logarithms_are_those_of_many_samples() -> None:
    def logs(seed: int) -> Floats:
        labels = RNG(seed).normal(size=400)
        values = labels + RNG([seed, 1]).normal(0.2, 0.5, 400)
        return _with_errors(np.ones((1, 400)), 1e5 * labels, 1e5 * values)[0]

    samples = np.stack([logs(seed) for seed in range(600)])
    spread = samples[:, :, 0].std(axis=0)
    np.testing.assert_allclose(samples[:, :, 1].mean(axis=0), spread, rtol=0.08)


def test_intervals_of_squared_errors_hold_the_truth_also_where_errors_are_skewed() -> None:
    skew, held = 0.7, []
    mse = (np.exp(skew**2) - 1) * np.exp(skew**2)
    for seed in range(150):
        values = RNG(seed).normal(size=300)
        noise = RNG([seed, 1]).lognormal(0, skew, 300) - np.exp(skew**2 / 2)
        made = error_estimates(values + noise, values, 200, seed)
        low, high = made["r2"].ends
        below, above = made["rmse"].ends
        held.append((below <= np.sqrt(mse) <= above, low <= 1 - mse / (1 + mse) <= high))
    assert np.mean(held, axis=0).min() > 0.9  # by BCa it was 0.89 and 0.90 of 2 000


def test_heavy_tails_are_told_and_widen_the_interval() -> None:
    labels = RNG(3).normal(size=500)
    light = Tails.of(labels, labels + RNG(4).uniform(-1, 1, 500))
    heavy = Tails.of(labels, labels + RNG(4).standard_t(3, 500))
    assert (light.are_heavy, heavy.are_heavy) == (False, True)
    assert light.level("rmse") < heavy.level("rmse")
