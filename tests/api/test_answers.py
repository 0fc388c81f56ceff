"""Without a model: predictions and attributions that were made elsewhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepseek_report as dr
from deepseek_report.errors import ConfigError
from tests.api.conftest import Report


@pytest.fixture(scope="module")
def shares(numbers: pd.DataFrame) -> pd.Series:
    """Probabilities of “denied”, the second class."""
    return 1 / (1 + np.exp(0.1 * (numbers["income"] - 50)))


@pytest.fixture(scope="module")
def predicted(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, shares: pd.Series
) -> dr.Run:
    return report(predictions=shares, X=numbers, y=labels, explainers=[])


def test_predictions_are_judged_row_by_row_as_they_were_given(
    predicted: dr.Run, shares: pd.Series, labels: pd.Series
) -> None:
    from sklearn.metrics import roc_auc_score

    tested = predicted.results.predictions
    rows = tested.instance_ids
    np.testing.assert_allclose(tested.probabilities[:, tested.explained], shares[rows], atol=1e-6)
    assert predicted.results.schema.target.explained_class == "denied"
    auc = predicted.scores.query("metric == 'roc_auc' and predictor == 'model'")["value"].iloc[0]
    assert auc == pytest.approx(roc_auc_score(labels[rows] == "denied", shares[rows]))


def test_what_needs_a_model_says_that_there_is_none(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, shares: pd.Series
) -> None:
    run = report(predictions=shares, X=numbers, y=labels, explainers=None, metrics=None)
    reasons = {problem["stage"]: problem["reason"] for problem in run.problems}
    for stage in ("explanations/shap", "measures/robustness", "measures/cases"):
        assert "only what one answered was given" in reasons[stage]
    assert not run.failed
    assert {"accuracy", "brier_score", "comparison"} <= {
        *run.scores["metric"],
        *(name for names in run.tables.values() for name in names),
    }


def test_the_columns_of_predictions_are_matched_by_their_names(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, shares: pd.Series, predicted: dr.Run
) -> None:
    both = pd.DataFrame({"denied": shares, "approved": 1 - shares})
    run = report(predictions=both, X=numbers, y=labels, explainers=[], positive="denied")
    tested, before = run.results.predictions, predicted.results.predictions
    np.testing.assert_allclose(tested.probabilities, before.probabilities, atol=1e-9)


def test_attributions_with_base_values_say_what_was_predicted(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    values = (numbers - numbers.mean()) * [-0.001, -0.01]
    run = report(
        attributions={"mine": values.clip(-0.2, 0.2)},
        base_values=0.5,
        X=numbers,
        y=labels,
        explainers=None,
        metrics=["accuracy", "importance", "completeness_gap"],
    )
    explanation = run.explanations["mine"]
    assert explanation.completeness_gap == pytest.approx(0, abs=1e-6)
    rows = run.results.test.instance_ids[explanation.positions]
    np.testing.assert_array_equal(explanation.values, values.clip(-0.2, 0.2).to_numpy()[rows])
    assert list(run.explanations) == ["mine"]
    assert set(run.tables) == {"importance"}


def test_attributions_of_the_shap_package_are_judged_beside_the_control(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    def model(table: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp(0.1 * (table["income"] - 50)))

    values = np.zeros(numbers.shape)
    values[:, 1] = model(numbers) - 0.5
    attributions = SimpleNamespace(values=values, base_values=np.full(len(values), 0.5))
    run = report(
        model,
        numbers,
        labels,
        attributions={"mine": attributions},
        explainers=None,
        metrics=["deletion", "max_sensitivity"],
    )
    assert set(run.explanations) == {"mine", "random"}
    scores = run.scores.query("explainer == 'mine'")["metric"]
    assert "deletion" in set(scores)
    reasons = [
        problem["reason"]
        for problem in run.problems
        if problem["stage"].endswith("sensitivity/mine")
    ]
    assert "cannot be asked about other rows" in reasons[0]
    assert not run.failed


def test_attributions_alone_do_not_say_what_was_predicted(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    with pytest.raises(ConfigError, match="neither predictions nor base values"):
        report(attributions=numbers * 0.01, X=numbers, y=labels)
