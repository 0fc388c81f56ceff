"""What is judged are the decisions that the given model itself makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import deepseek_report as dr
from tests.api.conftest import Report


def decided(run: dr.Run) -> tuple[Any, Any]:
    """The class decided for of each test row, and the rows."""
    predictions, target = run.results.predictions, run.results.schema.target
    return np.array(target.codes)[predictions.decisions], predictions.instance_ids


@pytest.fixture(scope="module")
def few_denied(numbers: pd.DataFrame) -> pd.Series:
    """Labels of which one in eight is "denied", and income says little about it."""
    random = np.random.default_rng(8)
    odds = -2.2 - 0.05 * (numbers["income"] - 50)
    return pd.Series(
        np.where(random.random(len(numbers)) < 1 / (1 + np.exp(-odds)), "denied", "approved")
    )


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RandomForestClassifier(4, random_state=0),  # a fourth of the votes each: many at the half
        KNeighborsClassifier(4),
        FixedThresholdClassifier(LogisticRegression(), threshold=0.13),
        SVC(probability=True, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("positive", ["approved", "denied"])
@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
def test_an_estimator_is_judged_by_what_its_predict_decides(
    report: Report, numbers: pd.DataFrame, few_denied: pd.Series, model: Any, positive: str
) -> None:
    model = model.fit(numbers, few_denied)
    run = report(model, numbers, few_denied, metrics=["accuracy"], positive=positive)
    classes, rows = decided(run)
    np.testing.assert_array_equal(classes, model.predict(numbers)[rows])
    assert run.results.predictions.rule == "model"


def test_a_function_and_predictions_are_decided_at_the_half(
    report: Report, numbers: pd.DataFrame, few_denied: pd.Series
) -> None:
    def model(table: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp(2.2 + 0.05 * (table["income"] - 50)))

    for run in (
        report(model, numbers, few_denied, metrics=["accuracy"]),
        report(
            predictions=model(numbers), X=numbers, y=few_denied, metrics=["accuracy"], explainers=[]
        ),
    ):
        assert run.results.predictions.threshold == 0.5


def test_a_declared_threshold_decides_and_costs_only_price(
    report: Report, numbers: pd.DataFrame, few_denied: pd.Series
) -> None:
    model = LogisticRegression().fit(numbers, few_denied)
    chosen: dict[str, Any] = {"metrics": ["accuracy"], "positive": "denied"}
    run = report(model, numbers, few_denied, threshold=0.2, **chosen)
    assert run.results.predictions.threshold == 0.2
    run = report(
        model,
        numbers,
        few_denied,
        costs={"false_alarm": 1, "missed": 9},
        formats=["html"],
        **chosen,
    )
    assert run.results.predictions.threshold == 0.5
    page = run.page.read_text(encoding="utf-8")
    assert "what the model itself decides" in page
    assert "by the declared costs" in page
    run = report(model, numbers, few_denied, overrides=["decision.rule=base_rate"], **chosen)
    assert 0 < run.results.predictions.threshold < 0.4


def test_where_no_threshold_gives_the_decisions_it_is_told(
    report: Report, numbers: pd.DataFrame, few_denied: pd.Series
) -> None:
    class Contrary(LogisticRegression):  # type: ignore[misc]  # untyped library
        def predict(self, table: pd.DataFrame) -> Any:
            return np.where(table["age"] % 2 == 0, "approved", "denied")

    model = Contrary().fit(numbers, few_denied)
    run = report(model, numbers, few_denied, metrics=["accuracy"])
    classes, rows = decided(run)
    unlike = run.results.predicted.unlike_model
    assert unlike == (classes != model.predict(numbers)[rows]).sum() > 0
    assert f"decides otherwise about {unlike} of {len(rows)}" in run.page.read_text("utf-8")
