"""Logistic regression against statsmodels; shifts of the probabilities of a group."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from deepseek_report.statistics.intervals import Z95, wilson
from deepseek_report.statistics.logistic import GroupShifts, last_coefficient, share_off


@pytest.mark.parametrize("with_offset", [False, True])
def test_the_last_coefficient_and_its_interval_are_those_of_statsmodels(with_offset: bool) -> None:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(400), rng.normal(size=(400, 2))])
    happened = rng.random(400) < 1 / (1 + np.exp(-design @ [0.3, 1.2, -0.7]))
    offset = rng.normal(size=400) if with_offset else None
    theirs = GLM(happened.astype(float), design, family=Binomial(), offset=offset).fit(tol=1e-14)
    ours = last_coefficient(happened, design, offset)
    assert ours.value == pytest.approx(theirs.params[-1], abs=1e-9)
    assert [ours.low, ours.high] == pytest.approx(theirs.conf_int()[-1].tolist(), abs=1e-8)


@pytest.mark.parametrize("happened", [np.arange(20) >= 10, np.zeros(20, dtype=bool)])
def test_separated_outcomes_have_no_coefficient(happened: np.ndarray) -> None:
    design = np.column_stack([np.ones(20), np.arange(20.0)])
    assert math.isnan(last_coefficient(happened, design).value)


def test_columns_that_say_the_same_have_no_coefficient() -> None:
    happened = np.arange(20) % 3 == 0
    assert math.isnan(last_coefficient(happened, np.ones((20, 2))).value)


@pytest.mark.parametrize(("hits", "n"), [(0, 30), (3, 40), (29, 30), (50, 50)])
def test_with_one_probability_for_everybody_the_interval_is_wilsons(hits: int, n: int) -> None:
    stated = np.full(n, 0.3)
    off = share_off(np.arange(n) < hits, stated, stated, Z95)
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
        GroupShifts.of(*drawn(400, 0.0, seed), 200, seed).p_values().min() for seed in range(200)
    ]
    assert 0.01 <= np.mean(np.array(least) < 0.05) <= 0.09


def test_a_shift_of_one_group_has_the_least_p_value_and_a_distance_above_zero() -> None:
    shifts = GroupShifts.of(*drawn(2000, 0.6, 1), 500, 1)
    assert int(np.argmin(shifts.p_values())) == 0
    assert shifts.distances[0] > shifts.critical


def test_without_groups_there_is_nothing_to_test() -> None:
    happened, stated, _ = drawn(50, 0.0, 1)
    assert len(GroupShifts.of(happened, stated, [], 100, 1).p_values()) == 0
