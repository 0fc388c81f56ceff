"""Parts of the data beside attributes of people, and periods: what is counted and tested."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.metrics.failures.part_performance import PartPerformance, PeriodDrift
from deepseek_report.metrics.fairness.group_gaps import DemographicParityDifference
from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.metrics.fairness.impact_ratio import ImpactRatio
from deepseek_report.metrics.fairness.proxies import Proxies
from tests.worded import refused


def attributed(context: MeasureContext, *attributes: Attribute) -> MeasureContext:
    """The same data with these attributes."""
    schema = replace(context.dataset.schema, attributes=attributes)
    return replace(context, dataset=replace(context.dataset, schema=schema))


def of_regions_that_are_parts(context: MeasureContext, **fields: Any) -> MeasureContext:
    """The same data, whose attribute `region` says nothing about people."""
    sex, region = context.dataset.schema.attributes
    return attributed(context, sex, replace(region, kind="other", **fields))


@pytest.mark.parametrize(
    ("metric", "table"),
    [
        (GroupRates(), "groups"),
        (ImpactRatio(), "pairs"),
        (DemographicParityDifference(n_resamples=100), "tests"),
        (Proxies(max_train_rows=200, max_test_rows=100), "features"),
    ],
)
def test_what_is_said_of_people_is_not_said_of_parts_of_the_data(toy, metric, table) -> None:
    measured = metric.measure(of_regions_that_are_parts(toy()))
    assert set(measured.tables[table]["attribute"]) == {"sex"}


def test_parts_are_counted_one_by_one_and_people_are_left_to_others(toy) -> None:
    context = of_regions_that_are_parts(toy())
    p = context.predictions
    measured = PartPerformance(n_resamples=200).measure(context)
    table = measured.tables["parts"]
    assert set(table["attribute"]) == {"region"}
    for row in table.to_dict("records"):
        if row["level"] == "unknown":
            inside = p.groups["region"] == -1
        else:
            inside = p.groups["region"] == ("north", "south", "west").index(row["level"])
        assert row["n"] == inside.sum()
        assert row["accuracy"] == pytest.approx(p.correct[inside].mean())
        assert row["base_rate"] == pytest.approx(p.truths[inside].mean())
    (score,) = measured.scores
    judged = table.loc[~table["too_few"] & (table["level"] != "unknown"), "accuracy"]
    assert (score.metric, score.attribute) == ("accuracy_gap", "region")
    assert score.value == pytest.approx(judged.max() - judged.min())
    assert 0 <= score.low <= score.value <= score.high


def test_no_probability_is_judged_as_a_share_in_parts_that_only_one_class_has(toy) -> None:
    context = of_regions_that_are_parts(toy())
    p = context.predictions
    p = replace(p, groups={**p.groups, "region": np.where(p.labels == 1, p.groups["region"], -1)})
    of_one_class = replace(of_regions_that_are_parts(toy(), partial=True), predictions=p)
    for judged, is_told_apart in ((context, True), (of_one_class, False)):
        table = PartPerformance(n_resamples=200).measure(judged).tables["parts"]
        assert table["ece"].notna().all() == table["roc_auc"].notna().any() == is_told_apart


def test_a_part_in_which_every_decision_is_wrong_is_beyond_chance(toy) -> None:
    context = of_regions_that_are_parts(toy())
    p = context.predictions
    decisions = np.where(p.groups["region"] == 0, 1 - p.labels, p.labels)
    context = replace(context, predictions=replace(p, decisions=decisions))
    measured = PartPerformance(n_resamples=500).measure(context)
    (score,) = measured.scores
    assert score.value == 1.0
    assert score.p_value < 0.01
    assert measured.tables["tests"]["narrowest_level"].tolist() == ["north"]


def test_a_small_part_without_errors_does_not_make_another_worse_than_foreseen(toy) -> None:
    """Of 60 cases, 3 of whom should err, none does; 540 others err as often as they state."""
    context = of_regions_that_are_parts(toy())
    p, codes = context.predictions, np.repeat([0, 1], [540, 60])
    probabilities = np.tile([0.95, 0.05], (600, 1))
    labels = ((np.arange(600) % 20 == 0) & (codes == 0)).astype(np.int64)
    stated = replace(
        p, probabilities=probabilities, logits=np.log(probabilities), labels=labels,
        decisions=np.zeros(600, np.int64), groups={"region": codes},
    )  # fmt: skip
    measured = PartPerformance(n_resamples=200).measure(replace(context, predictions=stated))
    parts = measured.tables["parts"].set_index("level")
    assert parts.loc["north", "unforeseen"] == pytest.approx(0.05)
    assert 0.02 < parts.loc["north", "unforeseen_p"] < 0.2


def test_data_that_name_no_parts_are_refused_with_the_reason(toy) -> None:
    with refused("parts of the data"):
        PartPerformance().measure(toy())


# --- Periods --------------------------------------------------------------------------------------


YEAR = Attribute("year", "Year", ("2019", "2020", "2021"), kind="other", in_time=True)


def in_years(context: MeasureContext, years: np.ndarray) -> MeasureContext:
    """The same cases, each of a year."""
    p = context.predictions
    of_years = replace(context, predictions=replace(p, groups={**p.groups, "year": years}))
    return attributed(of_years, *context.dataset.schema.attributes, YEAR)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_each_period_has_its_means_and_counts(toy, n_classes: int) -> None:
    context = toy(n_classes)
    p = context.predictions
    years = np.arange(len(p)) % 3
    table = PeriodDrift().measure(in_years(context, years)).tables["periods"]
    assert list(table["level"]) == list(YEAR.levels)
    for code, row in enumerate(table.to_dict("records")):
        inside = years == code
        assert row["n"] == inside.sum()
        stated, happened = (
            (p.scores, p.truths)
            if n_classes == 2
            else (p.probabilities.max(1), p.probabilities.argmax(1) == p.labels)
        )
        assert row["stated"] == pytest.approx(stated[inside].mean())
        assert row["happened"] == pytest.approx(happened[inside].mean())
        assert row["stated_low"] < row["stated"] < row["stated_high"]


def test_scores_that_rise_from_year_to_year_drift_and_shuffled_ones_do_not(toy) -> None:
    context = toy(2)
    ranks = context.predictions.scores.argsort().argsort()
    rising = PeriodDrift().measure(in_years(context, ranks * 3 // len(ranks)))
    assert rising.tables["tests"]["p_value"][0] < 1e-6
    rng = np.random.default_rng(0)
    p_values = [
        PeriodDrift()
        .measure(in_years(context, rng.integers(0, 3, len(ranks))))
        .tables["tests"]["p_value"][0]
        for _ in range(60)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.15


def test_a_period_of_few_cases_is_not_tested(toy) -> None:
    context = toy(2)
    years = np.zeros(len(context.predictions), np.int64)
    years[:10] = 1
    measured = PeriodDrift().measure(in_years(context, years))
    assert measured.scores == ()
    assert list(measured.tables["periods"]["too_few"]) == [False, True, True]
    assert measured.tables["tests"]["p_value"].isna().all()


def test_data_without_time_are_refused(toy) -> None:
    with refused("when a row comes from"):
        PeriodDrift().measure(toy(2))
