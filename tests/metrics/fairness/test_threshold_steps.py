"""What other thresholds would give, by the same functions as at the threshold in use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.metrics.fairness.impact_ratio import ImpactRatio
from deepseek_report.metrics.performance.classification_scores import ConfusionMatrix
from deepseek_report.metrics.performance.threshold_sweep import ThresholdSweep
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.loss import ThresholdSteps, decide


def moved_to(context: Any, threshold: float) -> Any:
    """The context in which this threshold decides."""
    p = context.predictions
    decided = decide(p.probabilities, threshold, p.explained)
    return replace(context, predictions=replace(p, decisions=decided, threshold=threshold))


def test_the_threshold_in_use_is_a_step_as_it_is_and_no_two_steps_decide_alike(toy) -> None:
    p = toy().predictions
    steps = ThresholdSteps.of(p)
    assert steps.thresholds[steps.in_use] == p.threshold
    assert steps.with_interval[steps.in_use]
    assert (np.diff(steps.thresholds) > 0).all()
    decided = [(p.scores >= threshold).sum() for threshold in steps.thresholds]
    assert (np.diff(decided) < 0).all()
    assert 60 <= len(steps.thresholds) <= 100


def test_equal_scores_are_decided_all_or_none() -> None:
    from deepseek_report.artifacts.predictions import Predictions

    shares = np.full((40, 2), 0.5)
    zeros = np.zeros(40, np.int64)
    p = Predictions(np.log(shares), shares, zeros, np.arange(40), zeros, 0.4, "declared")
    steps = ThresholdSteps.of(p)
    assert [int((p.scores >= threshold).sum()) for threshold in steps.thresholds] == [40, 0]
    assert steps.thresholds[steps.in_use] == 0.4


@pytest.mark.parametrize("entities", [False, True])
def test_at_every_step_groups_have_the_numbers_that_it_would_give_in_use(toy, entities) -> None:
    context = toy()
    if entities:
        codes = np.arange(len(context.predictions)) // 3
        context = replace(context, predictions=replace(context.predictions, entities=codes))
    steps = GroupRates().measure(context).tables["steps"]
    ratios = ImpactRatio(n_resamples=100).measure(context).tables["steps"]
    for threshold in np.unique(steps["threshold"])[::3]:
        moved = moved_to(context, float(threshold))
        groups = GroupRates().measure(moved).tables["groups"]
        whole = groups[~groups["crossing"]].reset_index(drop=True)
        stepped = steps[steps["threshold"] == threshold].reset_index(drop=True)
        shared = [name for name in steps.columns if name != "threshold"]
        pd.testing.assert_frame_equal(stepped[shared], whole[shared], check_dtype=False)
        pairs = ImpactRatio(n_resamples=100).measure(moved).tables["pairs"]
        pairs = pairs[~pairs["attribute"].str.contains("×")]
        last = pairs.drop_duplicates(["attribute", "level"], keep="last").set_index(
            ["attribute", "level"]
        )
        stepped = ratios[ratios["threshold"] == threshold].set_index(["attribute", "level"])
        known = stepped["ratio"].dropna().index
        columns = ["reference", "ratio", "low", "high"]
        pd.testing.assert_frame_equal(stepped.loc[known, columns], last.loc[known, columns])


def test_at_every_step_the_whole_has_the_rates_that_it_would_give_in_use(toy) -> None:
    context = toy()
    steps = ThresholdSweep().measure(context).tables["steps"].set_index("threshold")
    assert steps["accuracy"].notna().sum() >= 9
    for threshold in steps.index[steps["accuracy"].notna()][::3]:
        scores = ConfusionMatrix().measure(moved_to(context, float(threshold))).scores
        for score in scores[:3]:
            ends = [steps.loc[threshold, f"{score.metric}{end}"] for end in ("", "_low", "_high")]
            assert ends == pytest.approx([score.value, score.low, score.high], nan_ok=True)


@pytest.mark.parametrize("entities", [None, np.arange(300) // 4])
def test_many_rates_at_once_are_those_of_each_alone(entities) -> None:
    rng = np.random.default_rng(2)
    drawn = Resampling.by(entities, 300)
    tried = [(rng.random(300) < share, rng.random(300) < part) for share in (0, 0.03, 0.5, 1)
             for part in (0.0, 0.1, 1.0)]  # fmt: skip
    for together, (hits, among) in zip(drawn.rates(tried), tried, strict=True):
        assert repr(together) == repr(drawn.rate(hits, among))
