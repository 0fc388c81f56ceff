"""Ratios and gaps over thresholds, and beside those of labels that are decisions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.fairness import impact_ratio
from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.metrics.fairness.groups import Grouping, Outcomes
from deepseek_report.metrics.performance.classification_scores import ConfusionMatrix
from deepseek_report.metrics.performance.threshold_sweep import ThresholdSweep
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.loss import ThresholdSteps, decide
from tests.builders import predictions

# --- The range of a ratio over thresholds, against a count at each of them ------------------------


def stated(base: float, n: int = 400) -> Predictions:
    generator = np.random.default_rng(3)
    scores = generator.random(n)
    labels = (np.arange(n) < base * n).astype(np.int64)
    return predictions(scores, Split(scores[:, None], labels, np.arange(n)))


@pytest.mark.parametrize("base", [0.1, 0.5, 0.9])
def test_from_half_to_twice_as_many_are_decided_for_as_there_are(base: float) -> None:
    p = stated(base)
    decided = [(p.scores >= threshold).mean() for threshold in impact_ratio.tried_thresholds(p)]
    assert decided[0] == pytest.approx(min(2 * base, (1 + base) / 2), abs=0.01)
    assert decided[-1] == pytest.approx(base / 2, abs=0.01)


@pytest.mark.parametrize("favourable", [0, 1])
def test_least_and_greatest_ratio_are_those_of_a_count_at_each_threshold(favourable: int) -> None:
    p = stated(0.3)
    codes = np.random.default_rng(5).integers(0, 3, len(p))
    grouping = Grouping("team", "Team", ("a", "b", "c"), codes)
    pairs = pd.DataFrame({"attribute": "team", "level": ["a", "c"], "reference": ["b", "b"]})
    ranged = impact_ratio.with_range(pairs, p, [grouping], favourable)
    for row, level in zip(ranged.itertuples(), (0, 2), strict=True):
        ratios = []
        for threshold in impact_ratio.tried_thresholds(p):
            good = np.where(p.scores >= threshold, 1, 0) == favourable
            ratios.append(good[codes == level].mean() / good[codes == 1].mean())
        assert row.ratio_least == pytest.approx(min(ratios))
        assert row.ratio_most == pytest.approx(max(ratios))


def test_without_a_threshold_no_range_is_told() -> None:
    pairs = pd.DataFrame({"attribute": ["team"], "level": ["a"], "reference": ["b"]})
    p = replace(stated(0.3), threshold=None)
    assert list(impact_ratio.with_range(pairs, p, [], 1)) == list(pairs)


# --- Other thresholds, by the same functions as at the threshold in use ---------------------------


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
    rows = Split(np.zeros((40, 1)), np.zeros(40, np.int64), np.arange(40))
    p = predictions(np.full(40, 0.5), rows, 0.4)
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
    ratios = impact_ratio.ImpactRatio(n_resamples=100).measure(context).tables["steps"]
    for threshold in np.unique(steps["threshold"])[::3]:
        moved = moved_to(context, float(threshold))
        groups = GroupRates().measure(moved).tables["groups"]
        whole = groups[~groups["crossing"]].reset_index(drop=True)
        stepped = steps[steps["threshold"] == threshold].reset_index(drop=True)
        shared = [name for name in steps.columns if name != "threshold"]
        pd.testing.assert_frame_equal(stepped[shared], whole[shared], check_dtype=False)
        pairs = impact_ratio.ImpactRatio(n_resamples=100).measure(moved).tables["pairs"]
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


# --- The gap of labels that are decisions, beside that of the decisions ---------------------------


def gap(
    labelled: tuple[int, int], decided: tuple[int, int], n: int = 500, **how: Any
) -> dict[str, Any]:
    """Of two groups of n; so many of each are labelled and decided unfavourably, as many of both as
    there can be."""
    codes = np.repeat([0, 1], n)
    place = np.tile(np.arange(n), 2)
    harmed = [place < np.repeat(counts, n) for counts in (labelled, decided)]
    grouping = Grouping("race", "Race", ("a", "b"), codes, **how)
    outcomes = Outcomes(favoured=~harmed[1], deserving=~harmed[0])
    (row,) = impact_ratio.labelled_gaps([(grouping, "a", "b")], outcomes).to_dict("records")
    return row


def test_the_change_is_the_mean_paired_difference_with_one_observation_more_of_either_sign() -> (
    None
):
    row = gap((150, 50), (280, 60))
    assert (row["labelled"], row["decided_reference"]) == (0.3, 0.12)
    assert row["change"] == pytest.approx((0.56 - 0.12) - (0.3 - 0.1))
    variances = []
    for more in (130, 10):  # so many are decided against and were not labelled so
        values = np.append(np.arange(500) < more, (1.0, -1.0))
        variances.append(values.var(ddof=1) / 502)
    half = 1.965 * math.sqrt(sum(variances))
    # The skewness of rare values moves the ends by a little.
    assert row["change_low"] == pytest.approx(row["change"] - half, abs=0.004)
    assert row["change_high"] == pytest.approx(row["change"] + half, abs=0.004)


@pytest.mark.parametrize(
    ("labelled", "decided", "shown"),
    [
        ((140, 45), (320, 55), "more than doubles"),
        ((140, 45), (190, 45), "widens"),
        ((140, 45), (90, 45), "narrows"),
        ((140, 45), (145, 45), "open"),
        ((50, 50), (150, 60), "widens"),  # no gap in the labels that could be doubled
        ((52, 50), (60, 150), "widens"),  # nor one that tells which group fares worse
    ],
)
def test_only_what_the_interval_supports_is_shown(labelled, decided, shown) -> None:
    assert gap(labelled, decided)["shown"] == shown


def test_the_first_group_is_the_one_that_fares_worse() -> None:
    assert gap((45, 140), (55, 280))["level"] == "b"
    assert gap((50, 52), (150, 60))["level"] == "a"


def test_rows_of_one_entity_count_once() -> None:
    few = gap((14, 5), (28, 6), n=50)
    units = np.repeat(np.arange(100), 10)
    many = gap((140, 50), (280, 60), resampling=Resampling(1000, units))
    assert many["change_low"] == pytest.approx(few["change_low"], abs=0.02)


def test_intervals_hold_for_all_pairs_at_once() -> None:
    codes = np.repeat([0, 1, 2], 100)
    rng = np.random.default_rng(1)
    outcomes = Outcomes(rng.random(300) < 0.5, rng.random(300) < 0.5)
    grouping = Grouping("race", "Race", ("a", "b", "c"), codes)
    alone = impact_ratio.labelled_gaps([(grouping, "a", "b")], outcomes).iloc[0]
    of_two = impact_ratio.labelled_gaps(
        [(grouping, "a", "b"), (grouping, "a", "c")], outcomes
    ).iloc[0]
    assert of_two["change_low"] < alone["change_low"]
    assert of_two["change_high"] > alone["change_high"]
