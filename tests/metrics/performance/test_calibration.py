"""Calibration, against a slow rewrite, scikit-learn and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from deepseek_report.metrics.performance import calibration
from deepseek_report.statistics.answer_errors import calibration_error, equal_mass_bins
from deepseek_report.statistics.intervals import rate
from deepseek_report.wording.words import wording


def sample(n: int = 3000, stretch: float = 1.0):
    rng = np.random.default_rng(0)
    log_odds = rng.normal(-1, 1.2, n)
    happened = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    return happened, 1 / (1 + np.exp(-stretch * log_odds))


def test_bins_hold_equally_many() -> None:
    _, scores = sample()
    bins, edges = equal_mass_bins(scores, 15)
    assert set(np.bincount(bins)) == {200}
    assert len(edges) == 16


def test_tied_scores_share_a_bin() -> None:
    bins, _ = equal_mass_bins(np.repeat([0.1, 0.9], [90, 10]), 5)
    assert len(set(bins[:90])) == 1
    assert equal_mass_bins(np.full(8, 0.3), 5)[0].tolist() == [0] * 8


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    happened, scores = sample(500, 2.0)
    bins, _ = equal_mass_bins(scores, 10)
    slow = sum(
        abs(happened[bins == b].mean() - scores[bins == b].mean()) * np.mean(bins == b)
        for b in range(10)
    )
    assert calibration_error(happened, scores, bins)[0] == pytest.approx(slow)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_the_interval_of_the_error_covers_the_truth_about_95_times_in_100(shift: float) -> None:
    rng, covered = np.random.default_rng(2), 0
    for draw in range(150):
        log_odds = rng.normal(-1, 1.2, 800)
        scores, right = (1 / (1 + np.exp(-log_odds - extra)) for extra in (0, shift))
        bins, _ = equal_mass_bins(scores, 10)
        truth = calibration_error(right, scores, bins)[0]
        happened = rng.random(800) < right
        estimate = calibration.calibration_estimate(happened, scores, bins, 150, draw).error
        covered += estimate.low <= truth + 1e-12 and truth <= estimate.high
    assert 0.90 <= covered / 150 <= 0.99


def test_the_interval_reaches_beyond_the_value_and_zero_only_where_noise_explains_it() -> None:
    happened, scores = sample(600)
    bins, _ = equal_mass_bins(scores, 15)
    measured = calibration.calibration_estimate(happened, scores, bins, 300, 0)
    right = measured.error
    assert right.low == 0.0
    assert measured.chance == pytest.approx(right.value, rel=0.5)
    assert right.high > right.value + 0.005
    wrong = calibration.calibration_estimate(happened, scores**3, bins, 300, 0).error
    assert 0 < wrong.low < wrong.value < wrong.high


def test_of_a_rare_event_without_a_case_the_error_may_be_as_large_as_the_share() -> None:
    """Resamples of no case at all do not vary, and once said 1 (0–1) points of 40 cases."""
    scores = np.full(40, 0.01)
    error = calibration.calibration_estimate(
        np.zeros(40, bool), scores, np.zeros(40, np.int64), 200, 0
    ).error
    assert error.value == pytest.approx(0.01)
    assert (error.low, error.high) == (0.0, pytest.approx(rate(0, 40).high - 0.01))
    off = calibration.calibration_estimate(
        np.zeros(40, bool), np.full(40, 0.3), np.zeros(40, np.int64), 200, 0
    ).error
    assert (off.value, off.low) == pytest.approx((0.3, 0.3 - rate(0, 40).high))


def test_perfect_probabilities_look_wrong_by_either_number_in_5_of_100_samples() -> None:
    rng, alarms = np.random.default_rng(4), 0
    for draw in range(200):
        scores = 1 / (1 + np.exp(-rng.normal(-1, 1.2, 300)))
        bins, _ = equal_mass_bins(scores, 15)
        happened = rng.random(300) < scores
        alarms += calibration.calibration_estimate(happened, scores, bins, 100, draw).p_value < 0.05
    assert 2 <= alarms <= 20


@pytest.mark.parametrize(("stretch", "shift"), [(2.0, 0.0), (1.0, 0.5)])
def test_wrong_probabilities_are_beyond_chance(stretch: float, shift: float) -> None:
    happened, scores = sample(1500)
    wrong = 1 / (1 + (1 / scores - 1) ** stretch * np.exp(-shift))
    bins, _ = equal_mass_bins(wrong, 15)
    assert calibration.calibration_estimate(happened, wrong, bins, 300, 0).p_value < 0.01
    bins, _ = equal_mass_bins(scores, 15)
    assert calibration.calibration_estimate(happened, scores, bins, 300, 0).p_value > 0.05


def test_the_score_statistic_of_right_probabilities_has_two_degrees_of_freedom() -> None:
    rng = np.random.default_rng(5)
    scores = 1 / (1 + np.exp(-rng.normal(-1, 1, 800)))
    gaps = (rng.random((2000, 800)) < scores) - scores
    assert calibration.departure(gaps, scores).mean() == pytest.approx(2, abs=0.15)


def test_the_table_agrees_with_scikit_learn() -> None:
    happened, scores = sample(999)
    table = calibration.reliability_table(happened, scores, 9)
    observed, predicted = calibration_curve(happened, scores, n_bins=9, strategy="quantile")
    assert np.allclose(table["observed"], observed)
    assert np.allclose(table["predicted"], predicted)
    assert ((table["low"] <= table["observed"]) & (table["observed"] <= table["high"])).all()


def test_slope_agrees_with_unpenalised_logistic_regression() -> None:
    happened, scores = sample(stretch=2.0)
    slope, intercept = calibration.recalibration(happened, scores)
    log_odds = np.log(scores / (1 - scores))[:, None]
    theirs = LogisticRegression(C=np.inf, tol=1e-8).fit(log_odds, happened)
    assert slope.value == pytest.approx(theirs.coef_[0, 0], rel=1e-3)
    assert slope.low < 0.5 < slope.high
    assert intercept.value > 0


def test_right_probabilities_have_slope_one_and_intercept_zero() -> None:
    slope, intercept = calibration.recalibration(*sample(6000))
    assert slope.low < 1 < slope.high
    assert intercept.low < 0 < intercept.high


def test_separated_classes_have_no_slope() -> None:
    slope, _ = calibration.recalibration(
        np.arange(20) >= 10, np.where(np.arange(20) >= 10, 0.9, 0.1)
    )
    assert math.isnan(slope.value)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_measurement_says_what_it_is_about(toy, n_classes: int) -> None:
    measured = calibration.ExpectedCalibrationError(n_resamples=100).measure(toy(n_classes))
    error = measured.scores[0]
    assert ("top-label" if n_classes > 2 else "“default”") in wording().say(error.note)
    assert 0 <= error.low <= error.value <= error.high <= 1
    assert [score.metric for score in measured.scores[1:]] == [
        "calibration_slope",
        "calibration_intercept",
    ]


def test_outcomes_by_chance_are_the_same_drawn_in_parts(monkeypatch) -> None:
    scores = np.random.default_rng(0).uniform(0.05, 0.95, 300)
    happened, bins = scores > 0.5, (scores * 5).astype(np.int64)
    whole = calibration.ByChance.of(happened, scores, bins, 40, np.random.default_rng(1))
    sizes, measure = list[int](), calibration.departure

    def counted(gaps: np.ndarray, scores: np.ndarray) -> np.ndarray:
        sizes.append(gaps.size)
        return measure(gaps, scores)

    monkeypatch.setattr(calibration, "departure", counted)
    monkeypatch.setattr(calibration, "_MOST_GAPS", 2_000)
    parts = calibration.ByChance.of(happened, scores, bins, 40, np.random.default_rng(1))
    assert max(sizes) <= 2_000
    np.testing.assert_allclose(parts.errors, whole.errors, rtol=1e-12)
    np.testing.assert_allclose(parts.departures, whole.departures, rtol=1e-9)
