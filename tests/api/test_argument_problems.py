"""What is wrong with a call is said in its own words: where, what, what is allowed, what to do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.api.report_arguments import ArgumentProblems
from deepseek_report.api.reporting import compare
from deepseek_report.errors import ConfigError, DataError, DeepseekReportError
from tests.api.conftest import Report


def half(table: Any) -> Any:
    return np.full(len(table), 0.5)


def refused(report: Report, *arguments: Any, **options: Any) -> str:
    with pytest.raises(DeepseekReportError) as caught:
        report(*arguments, **options)
    assert isinstance(caught.value, (ConfigError, DataError))
    text = str(caught.value)
    assert "Traceback" not in text
    assert not re.search(r"\bdataset\.\w", text)  # no key of a config
    return text


def test_labels_of_another_length_are_told(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    text = refused(report, half, numbers, labels[:-3])
    assert "y_test: 237 labels for 240 rows" in text
    assert "what to do" in text


def test_a_table_without_its_labels_is_told(report: Report, numbers: pd.DataFrame) -> None:
    assert "X_test is given, and y_test is not" in refused(report, half, numbers)


def test_columns_that_the_model_knows_and_the_table_lacks_are_told(
    report: Report, pipeline: Any, loans: pd.DataFrame, labels: pd.Series
) -> None:
    text = refused(report, pipeline, loans.drop(columns=["decision", "job"]), labels)
    assert "X_test: Pipeline was fitted on the column job, which X lacks" in text


def test_tables_with_other_columns_are_told(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    train = {"X_train": numbers.rename(columns={"age": "years"}), "y_train": labels}
    text = refused(report, half, numbers, labels, **train)
    assert "X_train: it lacks age; it alone has years" in text


def test_labels_with_other_classes_than_the_model_has_are_told(
    report: Report, pipeline: Any, loans: pd.DataFrame
) -> None:
    X, y = loans.drop(columns="decision"), loans["decision"].replace("denied", "refused")
    text = refused(report, pipeline, X, y)
    assert "the model knows the classes “approved”, “denied”" in text
    assert "“refused”" in text


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda table: table["income"], "values from"),
        (lambda table: np.full((len(table), 3), 1 / 3), r"shape \(240, 3\)"),
        (lambda table: np.full((len(table), 2), 0.3), "sum to 0.6"),
        (lambda table: np.full(len(table), np.nan), "no finite probability"),
        (lambda table: table["incomes"], "KeyError"),
        (lambda table: np.random.default_rng().random(len(table)), "differently when asked again"),
    ],
    ids=["range", "shape", "sum", "nan", "raises", "random"],
)
def test_answers_that_are_no_probabilities_are_told(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, answer: Any, expected: str
) -> None:
    assert re.search(expected, refused(report, answer, numbers, labels))


def test_predictions_that_are_classes_or_of_other_rows_are_told(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    assert "no probabilities" in refused(report, predictions=labels, X=numbers, y=labels)
    text = refused(report, predictions=half(numbers[:5]), X=numbers, y=labels)
    assert "5 predictions for the 240 rows" in text
    both = refused(report, half, numbers, labels, predictions=half(numbers))
    assert "a model is given, and predictions as well" in both


def test_names_that_nobody_knows_are_told_with_the_nearest(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    assert 'did you mean "favourable"?' in refused(report, half, numbers, labels, favorable="a")
    assert "metrics" in refused(report, half, numbers, labels, metrics=["accuracyy"])
    text = refused(report, half, numbers, labels, sensitive=["agee"])
    assert "`sensitive` names `agee`" in text
    assert "did you mean `age`?" in text
    wrong = refused(report, half, numbers, labels, favourable="approvedd")
    assert "`favourable` is 'approvedd', which is not a class" in wrong


def test_what_cannot_be_asked_is_told(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    assert "str cannot be asked" in refused(report, "model", numbers, labels)
    assert "LogisticRegression is not fitted" in refused(
        report, LogisticRegression(), numbers, labels
    )
    svm = LinearSVC().fit(numbers, labels)
    assert "LinearSVC has no predict_proba" in refused(report, svm, numbers, labels)


def test_a_column_of_dates_is_told(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    X = numbers.assign(day=pd.Timestamp("2026-01-01"))
    assert 'the column "day" holds dates' in refused(report, half, X, labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runs": "reports/loans/3f2a"}, "runs: it is a single run"),
        ({"runs": [3, "reports/loans/3f2a"]}, "runs: 3 is no run"),
        ({"runs": ["a", "b"], "baseline": 3}, "baseline: 3 is no run"),
        ({"runs": ["a", "b"], "region": "wide"}, "region: it is 'wide'"),
        ({"runs": ["a", "b"], "region": 1.0}, "region: it is 1.0"),
    ],
)
def test_what_compare_cannot_take_is_told_by_its_argument(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentProblems, match=re.escape(message)):
        compare(**arguments)
