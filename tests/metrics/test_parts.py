"""Attributes of people and other parts of the data are measured apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.metrics.failures.part_performance import PartPerformance
from deepseek_report.metrics.fairness.group_gaps import DemographicParityDifference
from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.metrics.fairness.impact_ratio import ImpactRatio
from deepseek_report.metrics.fairness.proxies import Proxies
from tests.worded import refused


def of_regions_that_are_parts(context: MeasureContext) -> MeasureContext:
    """The same data, whose attribute `region` says nothing about people."""
    schema = context.dataset.schema
    sex, region = schema.attributes
    schema = replace(schema, attributes=(sex, replace(region, kind="other")))
    return replace(context, dataset=replace(context.dataset, schema=schema))


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
    judged = table.loc[~table["too_few"], "accuracy"]
    assert (score.metric, score.attribute) == ("accuracy_gap", "region")
    assert score.value == pytest.approx(judged.max() - judged.min())
    assert 0 <= score.low <= score.value <= score.high


def test_no_probability_is_judged_as_a_share_in_parts_that_only_one_class_has(toy) -> None:
    context = of_regions_that_are_parts(toy())
    p, schema = context.predictions, context.dataset.schema
    kinds = replace(schema.attributes[1], partial=True)
    schema = replace(schema, attributes=(schema.attributes[0], kinds))
    p = replace(p, groups={**p.groups, "region": np.where(p.labels == 1, p.groups["region"], -1)})
    of_one_class = replace(context, predictions=p, dataset=replace(context.dataset, schema=schema))
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
