"""Groups: who is in which, rates, ratios and gaps, over thresholds and beside those of labels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Attribute, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.metrics.fairness import impact_ratio
from deepseek_report.metrics.fairness.fairness_rows import (
    GroupPair,
    LabelledGap,
    RatioStep,
    surest_last,
)
from deepseek_report.metrics.fairness.group_gaps import (
    DemographicParityDifference,
    EqualizedOddsDifference,
    EqualOpportunityDifference,
)
from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.metrics.fairness.groups import Grouping, Outcomes, groupings
from deepseek_report.metrics.fairness.impact_ratio import ImpactRatio, verdict
from deepseek_report.metrics.performance.classification_scores import ConfusionMatrix
from deepseek_report.metrics.performance.threshold_sweep import ThresholdSweep
from deepseek_report.statistics.gaps import Pair, RateTable, largest_gap, largest_mean_gap
from deepseek_report.statistics.intervals import any_pair, level_within, rate_difference, rate_ratio
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.loss import ThresholdSteps, decide
from deepseek_report.wording.words import wording
from tests.builders import predictions
from tests.worded import refused


def test_a_missing_attribute_is_a_level_of_its_own(toy) -> None:
    context = toy()
    divisions = groupings(context.dataset.schema, context.predictions, crossings=False, min_cell=30)
    region = divisions[1]
    assert region.levels == ("north", "south", "west", "unknown")
    assert region.sizes.sum() == len(context.predictions)
    assert region.sizes[3] == np.count_nonzero(context.predictions.groups["region"] == -1)


def test_small_levels_are_one_only_beside_a_larger_one(toy) -> None:
    context = toy()

    def levels(min_cell: int) -> tuple[str, ...]:
        chosen = {"crossings": False, "min_cell": min_cell, "apart": ()}
        return groupings(context.dataset.schema, context.predictions, **chosen)[0].levels

    apart = levels(1)
    assert len(apart) == 2
    assert levels(len(context.predictions) + 1) == apart


def test_crossings_keep_the_levels_that_are_large_enough(toy) -> None:
    context = toy(n=300)
    groups = context.predictions.groups
    divisions = groupings(context.dataset.schema, context.predictions, crossings=True, min_cell=30)
    crossed = divisions[-1]
    assert crossed.name == "sex × region"
    assert crossed.sizes.min() >= 30
    inside = (groups["sex"] == 1) & (groups["region"] == 0)
    k = crossed.levels.index("female × north")
    assert ((crossed.codes == k) == inside).all()


def test_data_without_attributes_are_refused_with_the_reason(toy) -> None:
    context = toy()
    schema = context.dataset.schema
    bare = Schema(schema.features, schema.target)
    context = replace(context, dataset=replace(context.dataset, schema=bare))
    with refused("no attribute"):
        GroupRates().measure(context)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rates_by_group_agree_with_fairlearn(toy, n_classes: int) -> None:
    context = toy(n_classes)
    p = context.predictions
    table = GroupRates().measure(context).tables["groups"]
    favoured, deserving = p.decisions == 0, p.labels == 0
    frame = fl.MetricFrame(
        metrics={
            "selection_rate": fl.selection_rate,
            "tpr": fl.true_positive_rate,
            "fpr": fl.false_positive_rate,
        },
        y_true=deserving,
        y_pred=favoured,
        sensitive_features=p.groups["sex"],
    ).by_group
    ours = table[table["attribute"] == "sex"]
    for name in frame.columns:
        assert np.allclose(ours[name], frame[name].to_numpy(float))
    assert (ours["selection_low"] < ours["selection_rate"]).all()
    assert ours["n"].sum() == len(p)


def test_a_small_group_keeps_its_counts_and_loses_its_verdict(toy) -> None:
    context = toy(n=150)
    floor = {"min_cell": 40, "min_events": 5}
    rates = GroupRates(**floor).measure(context)
    unknown = rates.tables["groups"].query("level == 'unknown'").iloc[0]
    assert unknown["too_few"]
    assert unknown["n"] > 0
    assert any("Too few to judge" in wording().say(note) for note in rates.notes)
    pairs = ImpactRatio(**floor).measure(context).tables["pairs"]
    row = pairs.query("level == 'unknown'").iloc[0]
    assert row["verdict"] == "too few to judge"
    assert math.isnan(row["p_value"])


def test_a_group_that_is_never_favoured_is_judged_and_not_too_small(toy) -> None:
    context = toy()
    p = context.predictions
    decisions = np.where(p.groups["sex"] == 1, 1, p.decisions)
    context = replace(context, predictions=replace(p, decisions=decisions))
    levels = GroupRates().measure(context).tables["groups"].set_index("level")
    assert not levels.loc["female", "too_few"]
    measured = ImpactRatio(reference={"sex": "male"}).measure(context)
    row = measured.tables["pairs"].query("level == 'female' and attribute == 'sex'").iloc[0]
    assert (row["ratio"], row["low"], row["verdict"]) == (0.0, 0.0, "clear below")
    assert 0 < row["high"] < 0.1
    gap = DemographicParityDifference().measure(context).tables["tests"].set_index("attribute")
    assert gap.loc["sex", "narrowest_level"] == "female"
    assert gap.loc["sex", "p_value"] < 0.001


def test_a_rate_of_zero_keeps_its_uncertainty_among_three_levels() -> None:
    table = RateTable(np.array([30, 32, 0]), np.array([60, 60, 40]))
    estimate = largest_gap([table], 500, 0).estimate
    low, high = rate_difference(32, 60, 0, 40)
    assert estimate.low <= low < estimate.value < high <= estimate.high


def test_levels_that_agree_are_not_one_level_twice() -> None:
    rates = largest_gap([RateTable(np.array([30, 60, 30]), np.array([60, 120, 60]))], 100, 0)
    means = largest_mean_gap(np.ones(90), np.repeat([0, 1, 2], 30), 100, np.random.default_rng(0))
    assert rates.surest.highest != rates.surest.lowest
    for gap in (rates, means):
        assert (gap.estimate.value, gap.p_value) == (0.0, 1.0)
        assert gap.highest != gap.lowest


def test_the_interval_of_a_gap_begins_at_zero_where_the_test_sees_chance_alone() -> None:
    rng = np.random.default_rng(4)
    trials = np.array([400, 300, 200, 60])
    for _ in range(40):
        gap = largest_gap([RateTable(rng.binomial(trials, 0.6), trials)], 300, 1)
        assert gap.estimate.low == 0.0 or gap.p_value <= 0.05
        assert gap.estimate.high > gap.estimate.value


@pytest.mark.parametrize(
    ("ratio", "low", "high", "expected"),
    [
        (0.7, 0.6, 0.78, "clear below"),
        (0.7, 0.6, 0.85, "below but uncertain"),
        (0.85, 0.7, 0.95, "above but uncertain"),
        (0.95, 0.9, 1.0, "clear above"),
        (math.nan, math.nan, math.nan, "too few to judge"),
    ],
)
def test_a_verdict_needs_the_interval_too(ratio, low, high, expected) -> None:
    assert verdict(ratio, low, high, 0.8) == expected


def decided(context, groups, favoured):
    """The same context with these groups, and favourable decisions for these people."""
    p = context.predictions
    decisions = np.where(favoured, 0, 1)
    return replace(context, predictions=replace(p, decisions=decisions, groups=groups))


def people(context, rates_and_sizes):
    """Two sexes with these favourable rates and sizes, cut from the people that there are."""
    sex = np.repeat([0, 1], [size for _, size in rates_and_sizes])
    favoured = np.concatenate(
        [np.arange(size) < round(rate * size) for rate, size in rates_and_sizes]
    )
    n = len(sex)
    p = context.predictions
    cut = replace(
        p, logits=p.logits[:n], probabilities=p.probabilities[:n], labels=p.labels[:n],
        instance_ids=p.instance_ids[:n],
    )  # fmt: skip
    return decided(replace(context, predictions=cut), {"sex": sex}, favoured)


def of_three(context, third, rate, size):
    """1 000 men of whom 80 % are favoured, 1 000 women of whom 59 % are, and a few more people."""
    counts = [(0, 0.8, 1000), (1, 0.59, 1000), (third, rate, size)]
    codes = np.repeat([code for code, *_ in counts], [n for *_, n in counts])
    favoured = np.concatenate([np.arange(n) < round(part * n) for _, part, n in counts])
    n = len(codes)
    attribute = Attribute("sex", "sex", ("men", "women", "others"))
    schema = replace(context.dataset.schema, attributes=(attribute,))
    scores = np.where(favoured, 0.2, 0.8)
    p = predictions(scores, Split(np.zeros((n, 1)), np.zeros(n, np.int64), np.arange(n)))
    data = replace(context.dataset, schema=schema)
    return decided(replace(context, dataset=data, predictions=p), {"sex": codes}, favoured)


def of_pairs(measured) -> dict[tuple[str, str], str]:
    """{(level, reference): verdict}."""
    rows = measured.tables["pairs"].to_dict("records")
    return {(row["level"], row["reference"]): row["verdict"] for row in rows}


def test_some_people_of_unknown_sex_who_fare_best_are_no_reference(toy) -> None:
    context = of_three(toy(), -1, 45 / 47, 47)
    measured = ImpactRatio(n_resamples=300).measure(context)
    verdicts = of_pairs(measured)
    assert verdicts == {("women", "men"): "clear below", ("unknown", "men"): "clear above"}
    (score,) = measured.scores
    assert (score.level, score.value) == ("women", pytest.approx(0.59 / 0.8))
    assert score.high < 0.8
    with refused("is “unknown”, but .* set against “men” and “women” alone"):
        ImpactRatio(reference={"sex": "unknown"}).measure(context)


def test_a_small_group_that_fares_best_leaves_the_surest_pair_its_verdict(toy) -> None:
    few = of_three(toy(), 2, 30 / 31, 31)
    measured = ImpactRatio(n_resamples=300).measure(few)
    verdicts = of_pairs(measured)
    assert verdicts["men", "others"] == "above but uncertain"
    assert verdicts["women", "men"] == "clear below"  # .737, whatever others get
    (score,) = measured.scores
    assert score.high < 0.8
    unsure = of_three(toy(), 2, 31 / 35, 35)
    rates = ImpactRatio(n_resamples=300).measure(unsure).tables["pairs"]
    row = rates.query("level == 'women' and reference == 'men'").iloc[0]
    assert row["p_adjusted"] < 0.01


def test_of_several_groups_every_pair_is_weighed_against_the_declared_ratio() -> None:
    """The pair that is picked has the greatest lead of all, counted pair by pair."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        trials = rng.integers(40, 900, 6)
        table = RateTable(rng.binomial(trials, rng.uniform(0.2, 0.9, 6)), trials)
        spread = table.overall * (1 - table.overall)
        higher, lower = rng.random((2, 6)) < 0.8
        for ratio in (1.0, 0.8):
            leads = {
                (i, j): (ratio * table.rates[i] - table.rates[j])
                / math.sqrt(spread * (ratio**2 / trials[i] + 1 / trials[j]))
                for i in np.flatnonzero(higher)
                for j in np.flatnonzero(lower)
                if i != j
            }
            pair = table.surest(higher, lower, ratio)
            assert (pair.highest, pair.lowest) == max(leads, key=lambda both: leads[both])
    assert table.surest(np.arange(6) == 2, np.arange(6) == 2) is None


def test_an_attribute_that_says_nothing_of_anybody_is_not_compared(toy) -> None:
    context = of_three(toy(), -1, 0.5, 40)
    p = context.predictions
    schema = replace(context.dataset.schema, attributes=(Attribute("sex", "sex", ()),))
    nobody = replace(p, groups={"sex": np.full(len(p), -1)})
    with refused("two or more levels"):
        groupings(schema, nobody, crossings=True, min_cell=30)


@pytest.mark.parametrize("least", [0.02, 40 / 2040])
def test_small_shares_of_all_people_are_left_out_of_ratios_where_it_is_allowed(toy, least) -> None:
    context = of_three(toy(), 2, 1.0, 40)
    whole, allowed = (
        ImpactRatio(n_resamples=300, least_share=share).measure(context) for share in (None, least)
    )
    assert "others" in set(whole.tables["pairs"]["reference"])
    notes = [wording().say(note) for note in allowed.notes if "too_few" in note.id]
    if least < 0.02:  # the group has exactly this share
        assert of_pairs(allowed) == of_pairs(whole)
        assert not notes
        return
    expected = {("women", "men"): "clear below", ("others", "men"): "too few to judge"}
    assert of_pairs(allowed) == expected
    steps = read_rows(allowed.tables["steps"], RatioStep)
    assert {row.level for row in steps if row.is_judged} == {"women"}
    (note,) = notes
    assert "leaves a group of less than 2\u00a0% of all people out of the ratios" in note
    assert note.endswith(": others.")
    rates = GroupRates().measure(context).tables["groups"]
    assert set(rates["level"]) == {"men", "women", "others"}
    (declared,) = ImpactRatio(reference={"sex": "others"}, least_share=0.02).measure(context).scores
    assert declared.value == pytest.approx(0.59 / 0.8)  # of men, who are judged


@pytest.mark.parametrize("sizes", [(400, 200), (200, 400)])
def test_the_lower_group_is_below_whichever_is_larger(toy, sizes) -> None:
    rates = (0.67, 0.39)  # men, women: the summary once called this "clearly above 0.8"
    context = people(toy(), list(zip(rates, sizes, strict=True)))
    measured = ImpactRatio().measure(context)
    (row,) = measured.tables["pairs"].to_dict("records")
    assert (row["level"], row["reference"], row["verdict"]) == ("female", "male", "clear below")
    assert any("the one with the highest rate" in wording().say(note) for note in measured.notes)


def test_of_a_group_and_a_declared_reference_only_the_small_one_is_called_small(toy) -> None:
    context = people(toy(), [(0.67, 300), (0.39, 20)])
    measured = ImpactRatio(reference={"sex": "female"}).measure(context)
    pairs = measured.tables["pairs"]
    assert set(pairs["verdict"]) == {"too few to judge"}
    small = pairs.set_index("level")["too_few"].to_dict()
    assert small == {"male": False, "female": True}
    assert "Too few to judge: female." in [wording().say(note) for note in measured.notes]


def test_who_is_set_against_a_reference_that_is_never_favoured_is_not_called_small(toy) -> None:
    context = people(toy(), [(0.67, 300), (0.0, 300)])
    measured = ImpactRatio(reference={"sex": "female"}).measure(context)
    pairs = measured.tables["pairs"].set_index("level")
    assert pairs["verdict"].to_dict() == {"male": "clear above", "female": "clear below"}
    assert not any("Too few" in wording().say(note) for note in measured.notes)


def test_a_declared_reference_that_fares_worse_is_judged_itself(toy) -> None:
    context = people(toy(), [(0.67, 300), (0.39, 300)])
    measured = ImpactRatio(reference={"sex": "female"}).measure(context)
    rows = measured.tables["pairs"].to_dict("records")
    assert [(row["level"], row["verdict"]) for row in rows] == [
        ("male", "clear above"),
        ("female", "clear below"),
    ]
    (score,) = measured.scores
    assert (score.level, score.value) == ("female", pytest.approx(0.39 / 0.67, rel=0.01))


def test_intervals_of_several_levels_hold_for_all_pairs_at_once() -> None:
    rng, n, rates = np.random.default_rng(2), np.array([120, 250, 400]), np.array([0.5, 0.5, 0.5])
    held = []
    for _ in range(400):
        hits = rng.binomial(n, rates)
        level = level_within(any_pair(3))
        pairs = [
            rate_ratio(hits[i], n[i], hits[j], n[j], level) for i in range(3) for j in range(i)
        ]
        held.append(all(low <= 1 <= high for low, high in pairs))
    assert 0.93 <= np.mean(held) <= 0.985


def test_intervals_allow_for_having_picked_two_of_several_groups(toy) -> None:
    """Those of two groups that were named in advance would hold for the picked ones too seldom."""
    # Columns of a pair: how many people, and their rate of favourable decisions.
    own_and_reference = (("n", "rate"), ("n_reference", "reference_rate"))
    context, level = toy(), level_within(any_pair(4))  # north, south, west and unknown
    assert level > 0.98
    pairs = ImpactRatio(crossings=False).measure(context).tables["pairs"]
    for row in pairs.query("attribute == 'region'").to_dict("records"):
        own, other = ((row[n], round(row[n] * row[rate])) for n, rate in own_and_reference)
        low, high = rate_ratio(own[1], own[0], other[1], other[0], level)
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    gaps = DemographicParityDifference(crossings=False).measure(context).tables["tests"]
    gap = gaps.set_index("attribute").loc["region"]
    counts = GroupRates().measure(context).tables["groups"].query("attribute == 'region'")
    ends = counts.set_index("level").loc[[gap["surest_highest"], gap["surest_lowest"]]]
    n, hits = ends["n"], (ends["n"] * ends["selection_rate"]).round()
    of_known = level_within(any_pair(3))  # an unknown level is no end of a gap
    low, high = rate_difference(hits.iloc[0], n.iloc[0], hits.iloc[1], n.iloc[1], of_known)
    assert (gap["surest_low"], gap["surest_high"]) == (pytest.approx(low), pytest.approx(high))


def test_a_gap_in_errors_says_where_one_rate_alone_could_be_compared(toy) -> None:
    """Of one sex hardly any have an unfavourable label: equalized odds then holds no such error."""
    context = toy()
    p = context.predictions
    labels = np.where((p.groups["sex"] == 1) & (np.arange(len(p)) > 20), 0, p.labels)
    few = replace(context, predictions=replace(p, labels=labels))
    for metric, is_noted in ((EqualizedOddsDifference, True), (EqualOpportunityDifference, False)):
        measured = metric(n_resamples=300).measure(few)
        row = measured.tables["tests"].set_index("attribute").loc["sex"]
        assert (row["rates"], row["n"]) == ("tpr", (labels == 0).sum())
        said_so = [
            note
            for note in map(wording().say, measured.notes)
            if note.startswith("sex: this gap is in the true positive rate alone")
        ]
        assert len(said_so) == is_noted
    whole = EqualizedOddsDifference(n_resamples=300).measure(context)
    assert whole.tables["tests"].set_index("attribute").loc["sex", "rates"] == "tpr; fpr"


def test_equal_opportunity_is_never_surer_nor_larger_than_equalized_odds(toy) -> None:
    for seed in range(4):
        context = toy(n=300, seed=seed)
        whole, part = (
            metric(n_resamples=300).measure(context).tables["tests"]
            for metric in (EqualizedOddsDifference, EqualOpportunityDifference)
        )
        assert (whole["attribute"] == part["attribute"]).all()
        both = part["value"].notna()
        assert not (both & whole["value"].isna()).any()
        assert (whole["value"] >= part["value"] - 1e-12)[both].all()
        assert (whole["p_value"] <= part["p_value"] + 1e-12)[both].all()
        assert (whole["p_adjusted"] <= part["p_adjusted"] + 1e-12)[both].all()


@pytest.mark.parametrize(
    "metric", [DemographicParityDifference, EqualOpportunityDifference, EqualizedOddsDifference]
)
def test_p_values_of_people_are_corrected_for_all_attributes_and_for_both_kinds(
    toy, metric: type
) -> None:
    """Holm's for the attributes and crossings; twice that, as decisions and errors are tested."""
    table = metric(n_resamples=400).measure(toy()).tables["tests"]
    tested = table[table["p_value"].notna()]
    assert len(tested) == 3
    expected = np.minimum(2 * multipletests(tested["p_value"], method="holm")[1], 1)
    np.testing.assert_allclose(tested["p_adjusted"], expected)
    assert (tested["p_adjusted"] >= np.minimum(2 * tested["p_value"], 1)).all()


def test_the_surest_pair_of_an_attribute_is_as_sure_as_its_parity_gap(toy) -> None:
    context = toy()
    pairs = ImpactRatio().measure(context).tables["pairs"]
    gaps = DemographicParityDifference().measure(context).tables["tests"]
    for row in gaps.to_dict("records"):
        own = pairs[pairs["attribute"] == row["attribute"]]
        assert own["p_adjusted"].min() >= row["p_adjusted"] - 1e-12
    sex = gaps.set_index("attribute").loc["sex"]
    assert pairs.set_index("attribute").loc["sex", "p_adjusted"] == sex["p_adjusted"]


def test_small_levels_do_not_hide_a_difference_between_large_ones() -> None:
    table = RateTable(np.array([600, 500, 9]), np.array([1000, 1000, 12]))
    gap = largest_gap([table], 2000, 0)
    assert (gap.highest, gap.lowest) == (2, 1)
    assert gap.surest == Pair(0, 0, 1)
    assert gap.p_value < 0.001


def test_the_ratio_is_over_the_declared_reference(toy) -> None:
    context = toy()
    p = context.predictions
    measured = ImpactRatio(reference={"sex": "male"}).measure(context)
    row = measured.tables["pairs"].query("attribute == 'sex'").iloc[0]
    rates = [np.mean(p.decisions[p.groups["sex"] == k] == 0) for k in (0, 1)]
    assert (row["level"], row["reference"]) == ("female", "male")
    assert row["ratio"] == pytest.approx(rates[1] / rates[0])
    assert row["low"] < row["ratio"] < row["high"]
    assert not any("sex was not declared" in wording().say(note) for note in measured.notes)
    assert any(
        "reference level of region was not declared" in wording().say(note)
        for note in measured.notes
    )
    score = next(candidate for candidate in measured.scores if candidate.attribute == "sex")
    assert (score.value, score.level) == (row["ratio"], "female")


def test_an_unknown_reference_is_refused_with_the_levels(toy) -> None:
    with refused("“male” and “female”"):
        ImpactRatio(reference={"sex": "other"}).measure(toy())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        (DemographicParityDifference, fl.demographic_parity_difference),
        (EqualOpportunityDifference, fl.equal_opportunity_difference),
        (EqualizedOddsDifference, fl.equalized_odds_difference),
    ],
)
def test_gaps_are_fairlearns(toy, metric, theirs, n_classes: int) -> None:
    context = toy(n_classes)
    p = context.predictions
    measured = metric(n_resamples=200).measure(context)
    score = next(candidate for candidate in measured.scores if candidate.attribute == "sex")
    groups = p.groups["sex"]
    assert score.value == pytest.approx(
        theirs(p.labels == 0, p.decisions == 0, sensitive_features=groups)
    )
    row = measured.tables["tests"].query("attribute == 'sex'").iloc[0]
    assert row["null_mean"] < row["null_high"]
    assert row["p_value"] <= row["p_adjusted"]
    assert row["low"] <= row["value"] <= row["high"]


def test_the_counted_gap_is_the_gap_that_fairlearn_gives() -> None:
    tables = [
        RateTable(np.array([40, 30, 20]), np.array([50, 60, 50])),
        RateTable(np.array([5, 30, 10]), np.array([50, 60, 40])),
    ]
    gap = largest_gap(tables, 200, 0)
    assert gap.estimate.value == pytest.approx(0.4)
    assert (gap.highest, gap.lowest) == (0, 2)


def test_a_gap_of_two_levels_has_the_interval_of_a_difference() -> None:
    gap = largest_gap([RateTable(np.array([60, 80]), np.array([100, 100]))], 500, 0)
    low, high = rate_difference(80, 100, 60, 100)
    assert (gap.estimate.low, gap.estimate.high) == pytest.approx((float(low), float(high)))
    even = largest_gap([RateTable(np.array([60, 61]), np.array([100, 100]))], 500, 0)
    assert even.estimate.low == 0


def test_the_permutation_p_value_is_fishers_for_two_levels() -> None:
    from scipy import stats

    gap = largest_gap([RateTable(np.array([12, 24]), np.array([40, 40]))], 20_000, 0)
    fisher = stats.fisher_exact([[12, 24], [28, 16]]).pvalue
    assert gap.p_value == pytest.approx(fisher, rel=0.2)


def test_chance_alone_makes_gaps_that_the_null_shows() -> None:
    rng, p_values = np.random.default_rng(0), []
    for seed in range(60):
        hits = rng.binomial(60, 0.4, size=5)
        p_values.append(largest_gap([RateTable(hits, np.full(5, 60))], 200, seed).p_value)
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_too_few_people_give_no_gap_and_say_so(toy) -> None:
    measured = DemographicParityDifference(min_cell=10_000).measure(toy())
    assert all(math.isnan(score.value) for score in measured.scores)
    assert {wording().say(score.note) for score in measured.scores} == {"Too few to judge."}


# --- The range of a ratio over thresholds, against a count at each of them ------------------------


def stated(base: float, n: int = 400) -> Predictions:
    generator = np.random.default_rng(3)
    scores = generator.random(n)
    labels = (np.arange(n) < base * n).astype(np.int64)
    return predictions(scores, Split(scores[:, None], labels, np.arange(n)))


def pair(level: str, reference: str) -> GroupPair:
    return GroupPair(
        attribute="team",
        attribute_label="Team",
        level=level,
        reference=reference,
        n=100,
        n_reference=100,
        rate=0.5,
        reference_rate=0.5,
        ratio=Estimate(1.0, 0.8, 1.2),
        difference=Estimate(0.0, -0.1, 0.1),
        p_value=1.0,
        p_adjusted=1.0,
        verdict="clear above",
        too_few=False,
        reference_too_few=False,
    )


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
    pairs = [pair("a", "b"), pair("c", "b")]
    ranged = impact_ratio.with_range(pairs, p, [grouping], favourable)
    for row, level in zip(ranged, (0, 2), strict=True):
        ratios = []
        for threshold in impact_ratio.tried_thresholds(p):
            good = np.where(p.scores >= threshold, 1, 0) == favourable
            ratios.append(good[codes == level].mean() / good[codes == 1].mean())
        assert row.ratio_least == pytest.approx(min(ratios))
        assert row.ratio_most == pytest.approx(max(ratios))


def test_without_a_threshold_no_range_is_told() -> None:
    p = replace(stated(0.3), threshold=None)
    assert impact_ratio.with_range([pair("a", "b")], p, [], 1) == [pair("a", "b")]


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
        stepped = read_rows(ratios[ratios["threshold"] == threshold], RatioStep)
        of_pairs, shown = (
            {(row.attribute, row.level): row for row in surest_last(rows)}
            for rows in (read_rows(pairs, GroupPair), stepped)
        )
        assert len(stepped) == len(pairs)
        assert {*of_pairs} == {*shown}
        for key, row in shown.items():
            assert row.reference == of_pairs[key].reference
            assert row.is_judged == of_pairs[key].is_judged
            if row.is_judged:
                assert row.ratio == replace(of_pairs[key].ratio, n=row.ratio.n)


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
) -> LabelledGap:
    """Of two groups of n; so many of each are labelled and decided unfavourably, as many of both as
    there can be."""
    codes = np.repeat([0, 1], n)
    place = np.tile(np.arange(n), 2)
    harmed = [place < np.repeat(counts, n) for counts in (labelled, decided)]
    grouping = Grouping("race", "Race", ("a", "b"), codes, **how)
    outcomes = Outcomes(favoured=~harmed[1], deserving=~harmed[0])
    (row,) = impact_ratio.labelled_gaps([(grouping, "a", "b")], outcomes)
    return row


def test_the_change_is_the_mean_paired_difference_with_one_observation_more_of_either_sign() -> (
    None
):
    row = gap((150, 50), (280, 60))
    assert (row.labelled, row.decided_reference) == (0.3, 0.12)
    assert row.change.value == pytest.approx((0.56 - 0.12) - (0.3 - 0.1))
    variances = []
    for more in (130, 10):  # so many are decided against and were not labelled so
        values = np.append(np.arange(500) < more, (1.0, -1.0))
        variances.append(values.var(ddof=1) / 502)
    half = 1.965 * math.sqrt(sum(variances))
    # The skewness of rare values moves the ends by a little.
    assert row.change.low == pytest.approx(row.change.value - half, abs=0.004)
    assert row.change.high == pytest.approx(row.change.value + half, abs=0.004)


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
    assert gap(labelled, decided).shown == shown


def test_the_first_group_is_the_one_that_fares_worse() -> None:
    assert gap((45, 140), (55, 280)).level == "b"
    assert gap((50, 52), (150, 60)).level == "a"


def test_rows_of_one_entity_count_once() -> None:
    few = gap((14, 5), (28, 6), n=50)
    units = np.repeat(np.arange(100), 10)
    many = gap((140, 50), (280, 60), resampling=Resampling(1000, units))
    assert many.change.low == pytest.approx(few.change.low, abs=0.02)


def test_intervals_hold_for_all_pairs_at_once() -> None:
    codes = np.repeat([0, 1, 2], 100)
    rng = np.random.default_rng(1)
    outcomes = Outcomes(rng.random(300) < 0.5, rng.random(300) < 0.5)
    grouping = Grouping("race", "Race", ("a", "b", "c"), codes)
    [alone] = impact_ratio.labelled_gaps([(grouping, "a", "b")], outcomes)
    of_two = impact_ratio.labelled_gaps([(grouping, "a", "b"), (grouping, "a", "c")], outcomes)
    assert of_two[0].change.low < alone.change.low
    assert of_two[0].change.high > alone.change.high
