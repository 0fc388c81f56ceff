"""Alerts ranked within what people can look into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.conclusions import AlertCapacity, ThresholdRule
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.predictions import PredictionSummary
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.findings import rules_performance
from deepseek_report.metrics.cases.case_choice import choose_cases
from deepseek_report.metrics.performance.alerts import PrecisionAtCapacity, last_alerts
from deepseek_report.metrics.performance.predicting import predict, threshold_of_capacity
from deepseek_report.runner.planning.against_data import capacity_problems
from deepseek_report.statistics.ranking import first_of_each
from deepseek_report.wording.words import wording
from tests.builders import Answers, logistic, predictions, table
from tests.worded import refused, say

SCHEMA = table("x", target=Target("fraud", "Fraud", ("no", "fraud"), explained=1))
DAY = 86_400.0


def context(n: int = 400, days: int = 40, seed: int = 0, **fields: Any) -> Any:
    """Cases of some days, of which some are frauds that the model ranks rather well."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.1).astype(np.int64)
    scores = np.clip(rng.beta(1, 9, n) + 0.3 * labels * rng.random(n), 0, 1)
    test = Split(
        scores[:, None], labels, np.arange(n), moments=1.7e9 + DAY * rng.integers(0, days, n)
    )
    p = predictions(scores, test)
    known = {"capacity": AlertCapacity(2), "predictions": p}
    return SimpleNamespace(dataset=SimpleNamespace(schema=SCHEMA, test=test), **known | fields)


def test_alerts_are_the_most_probable_cases_of_each_day() -> None:
    about = context()
    scores, days = about.predictions.scores, (about.dataset.test.moments // DAY).astype(int)
    slow = np.zeros(400, bool)
    for day in set(days.tolist()):
        inside = np.flatnonzero(days == day)
        slow[inside[np.argsort(-scores[inside], kind="stable")[:2]]] = True
    assert np.array_equal(first_of_each(scores, days, 2), slow)
    measured = PrecisionAtCapacity().measure(about).typed(PrecisionAtCapacity.tables)
    precision, recall = measured.scores
    labels = about.predictions.labels == 1
    assert precision.value == labels[slow].mean()
    assert precision.n == slow.sum()
    assert recall.value == slow[labels].mean()
    assert precision.low < precision.value < precision.high
    table = measured.tables["capacities"]
    assert table["alerts"].tolist() == [1, 2, 4, 8]
    assert table[table["declared"]]["precision"].tolist() == [precision.value]
    assert (table["recall"].diff().dropna() >= 0).all()  # more alerts never hold less
    assert "2 cases of each day" in say(measured.notes[0])


def test_months_with_few_alerts_are_not_told() -> None:
    about = context(days=70)
    months = PrecisionAtCapacity(least_month=40).measure(about).tables["months"]
    everything = PrecisionAtCapacity(least_month=1).measure(about).tables["months"]
    assert 0 < len(months) < len(everything)
    assert months["n"].min() >= 40
    assert everything["of_class"].sum() == about.predictions.truths.sum()


def test_periods_are_days_weeks_from_monday_and_months() -> None:
    moments = np.array(
        ["2025-03-02T23:59", "2025-03-03T00:00", "2025-03-09T12:00", "2025-04-01T00:00"],
        dtype="datetime64[s]",
    ).astype(np.float64)
    day, week, month = (AlertCapacity(1, per).periods(moments) for per in ("day", "week", "month"))
    assert np.diff(day).tolist() == [1, 6, 23]
    assert np.diff(week).tolist() == [1, 0, 4]
    assert np.diff(month).tolist() == [0, 0, 1]
    assert AlertCapacity(1).periods(np.array([np.nan])).tolist() == [-1]


def test_the_threshold_gives_as_many_alerts_as_can_be_looked_into() -> None:
    about = context()
    test = about.dataset.test
    model = Answers(lambda rows: logistic(2 * rows[:, 0]), SCHEMA)
    rule = ThresholdRule("capacity", capacity=AlertCapacity(2))
    made = predict(model, test, test, rule)["test"]
    days = np.ptp(test.moments // DAY) + 1
    assert made.decisions.sum() == 2 * days
    assert threshold_of_capacity(np.array([0.4, 0.2]), np.array([3, 3]), 5) == 0.1  # all are alerts
    with refused("nobody says when the rows come from"):
        predict(model, replace(test, moments=None), test, rule)


def test_nothing_is_measured_where_nobody_declares_a_capacity() -> None:
    with refused("how many alerts can be looked into"):
        PrecisionAtCapacity().measure(context(capacity=None))


def test_the_alerts_of_the_last_day_are_cases_with_pages_in_their_order() -> None:
    about = context()
    test, p = about.dataset.test, about.predictions
    periods = AlertCapacity(2).periods(test.moments)
    alerts = last_alerts(p, periods, 3)
    assert (test.moments[alerts] // DAY == test.moments.max() // DAY).all()
    assert p.scores[alerts].tolist() == sorted(p.scores[alerts], reverse=True)
    named = {f"alert:{rank}": int(position) for rank, position in enumerate(alerts, start=1)}
    cases = choose_cases(p, SCHEMA, test.inputs, 50, 1, named, pages=12)
    assert [cases.explained[cases.roles[role]] for role in named] == alerts.tolist()
    assert len(set(cases.roles.values())) == len(cases.roles)


@pytest.mark.parametrize("n", [1, 7])
def test_a_ranking_by_chance_is_right_as_often_as_the_class_occurs(n: int) -> None:
    shares = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        labels = rng.random(600) < 0.2
        alerts = first_of_each(rng.random(600), rng.integers(0, 20, 600), n)
        shares.append(labels[alerts].mean())
    assert np.mean(shares) == pytest.approx(0.2, abs=0.03)


def test_a_capacity_without_dates_or_without_two_classes_is_a_problem() -> None:
    test = context().dataset.test
    experiment: Any = SimpleNamespace(
        settings=SimpleNamespace(decision=SimpleNamespace(capacity=AlertCapacity(2)))
    )

    def problems(part: Split, schema: Schema = SCHEMA) -> list[str]:
        return [problem.fault for problem in capacity_problems(experiment, schema, lambda _: part)]

    assert problems(test) == []
    assert problems(replace(test, moments=None)) == ["nobody says when the rows come from"]
    assert "how many are a day" in problems(replace(test, moments=np.arange(400.0)))[0]
    three = replace(SCHEMA, target=Target("y", "y", ("a", "b", "c"), explained=1))
    assert problems(test, three) == ["no decision between two classes is made"]


@pytest.mark.parametrize(
    ("message", "n", "severity"),
    [
        ("alerts_better", 400, "info"),
        ("alerts_no_better", 400, "medium"),
        ("alerts_no_better", 40, "low"),
    ],
)
def test_alerts_are_better_only_if_their_interval_lies_above_the_share_of_all_cases(
    message: str, n: int, severity: str
) -> None:
    about = context(n, days=n // 10)
    if message == "alerts_no_better":
        p = about.predictions
        about.predictions = replace(p, labels=np.roll(p.labels, 7))
    made = PrecisionAtCapacity().measure(about)
    measure = ArtifactId.measure("precision_at_capacity")
    results = Results({measure: Path(), "predictions/test": Path()}, {"report": {"language": "en"}})
    results.__dict__["schema"] = SCHEMA
    results.__dict__["predicted"] = PredictionSummary.of(about.predictions)
    results._measurements[measure] = made
    (finding,) = rules_performance.alerts(results)
    assert (finding.message, finding.severity) == (message, severity)
    assert finding.values["base"] == about.predictions.truths.mean()
    assert f"{made.scores[0].n} alerts, at most 2 a day" in wording("en").finding(finding).detail
