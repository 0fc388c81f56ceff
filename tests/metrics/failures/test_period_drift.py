"""What is stated in each period: counted by hand, and a drift told as often as its test claims."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.metrics.failures.part_performance import PeriodDrift
from tests.worded import refused

YEAR = Attribute("year", "Year", ("2019", "2020", "2021"), kind="other", in_time=True)


def in_years(context: MeasureContext, years: np.ndarray) -> MeasureContext:
    """The same cases, each of a year."""
    data, p = context.dataset, context.predictions
    schema = replace(data.schema, attributes=(*data.schema.attributes, YEAR))
    return replace(
        context,
        dataset=replace(data, schema=schema),
        predictions=replace(p, groups={**p.groups, "year": years}),
    )


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
