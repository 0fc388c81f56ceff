"""Whether one group is explained less well, which is not how far its predictions can be moved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.score import Score
from deepseek_report.metrics.explanations.explanation_groups import (
    ExplanationByGroup,
    Gains,
    gap_of_shares,
    shares_p_value,
)
from tests.metrics.attributions import explained_by

N = 150


def moved_by(context: Any) -> Floats:
    """(instance, feature) what each feature adds to the log-odds, against the typical row."""
    inputs, train = context.dataset.test.inputs[:N], context.dataset.train.inputs
    amount = 0.05 * (inputs[:, 0] - np.median(train[:, 0]))
    usual = np.bincount(train[:, 1].astype(np.int64)).argmax()
    colour = 0.8 * ((inputs[:, 1] == 2).astype(np.float64) - (usual == 2))
    return np.stack([amount, colour, np.zeros(N)], axis=1)


def of_sex(measured: Measurement) -> Score:
    return next(score for score in measured.scores if score.attribute == "sex")


def test_the_gap_between_groups_by_hand() -> None:
    gains = Gains(np.array([1.0, 3, 1, 1]), np.array([2.0, 6, 1, 1]))
    gap, _ = gap_of_shares(gains, np.array([0, 0, 2, 2]), 200, 0)
    assert gap.value == pytest.approx(0.5)
    assert 0 <= gap.low <= gap.value <= gap.high


def test_groups_explained_alike_are_seldom_called_different_however_much_can_be_gained() -> None:
    """One group of 30 has four times as much to gain, of which the same share is reached."""
    groups = np.repeat([0, 1], [30, 130])
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        best = rng.gamma(1.0, np.where(groups == 0, 4.0, 1.0))
        gains = Gains(best * rng.beta(4, 2, len(groups)), best)
        alarms += shares_p_value(gains, groups, 200, seed) < 0.05
    assert alarms <= 18


def test_a_group_that_is_explained_worse_is_found(toy) -> None:
    context = toy(n=200)
    effects, sex = moved_by(context), context.predictions.groups["sex"][:N]
    worse = np.where(sex[:, None] == 1, -effects, effects)
    random = np.random.default_rng(1).normal(size=effects.shape)
    measured = ExplanationByGroup(resamples=300).measure(
        explained_by(context, shap=worse, random=random)
    )
    gap = of_sex(measured)
    assert gap.p_value < 0.05
    assert gap.low > 0
    male, female = measured.tables["groups"].query("attribute == 'sex'").to_dict("records")
    assert male["reached"] > 0.9
    assert female["reached_high"] < male["reached_low"]


@pytest.mark.parametrize("seed", range(3))
def test_where_less_can_be_gained_a_right_method_does_not_explain_worse(toy, seed) -> None:
    """Women are those whose predictions lie near the mean: no order moves these by much."""
    context = toy(n=200, seed=seed)
    effects = moved_by(context)
    near = np.abs(effects[:, 0]) < np.median(np.abs(effects[:, 0]))
    groups: Ints = np.zeros(len(context.predictions), np.int64)
    groups[:N] = near
    predictions = replace(context.predictions, groups={"sex": groups})
    context = replace(context, predictions=predictions)
    random = np.random.default_rng(seed).normal(size=effects.shape)
    measured = ExplanationByGroup(resamples=300).measure(
        explained_by(context, shap=effects, random=random)
    )
    assert of_sex(measured).low < 0.05
    male, female = measured.tables["groups"].query("attribute == 'sex'").to_dict("records")
    assert min(male["reached"], female["reached"]) > 0.9


def test_without_a_random_order_no_group_is_said_to_be_explained_worse(toy) -> None:
    context = toy(n=200)
    effects = moved_by(context)
    measured = ExplanationByGroup(resamples=300).measure(explained_by(context, shap=effects))
    assert measured.scores == ()
    assert measured.tables["groups"]["reached"].isna().all()


def test_with_one_order_alone_nothing_is_compared(toy) -> None:
    """What each player moves alone is not asked for where it would take too many rows."""
    context = toy(n=200)
    effects = moved_by(context)
    random = np.random.default_rng(2).normal(size=effects.shape)
    frugal = ExplanationByGroup(resamples=300, evaluations=100)
    assert frugal.measure(explained_by(context, shap=effects, random=random)).scores == ()


def test_the_interval_of_a_gap_agrees_with_its_test() -> None:
    rng = np.random.default_rng(6)
    groups = np.repeat([0, 1, 2], [80, 60, 40])
    zero = []
    for _ in range(20):
        own = rng.normal(size=180) + 0.3 * groups * rng.integers(2)
        gap, p_value = gap_of_shares(Gains(own, np.ones(180)), groups, 300, 0)
        zero.append(gap.low == 0.0)
        assert zero[-1] == (p_value > 0.05)
        assert gap.low <= gap.value < gap.high
    assert 0 < sum(zero) < 20
