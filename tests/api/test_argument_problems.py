"""What is wrong with a call is said in its own words: where, what, what is allowed, what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

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
        (lambda table: np.full(len(table), 40.0), "from 0 to 40 .* percentages, divide them by"),
        (lambda table: np.full(len(table), "denied"), r"answers with classes \(denied\)"),
        (lambda table: np.full(len(table), np.nan), "no finite probability"),
        (lambda table: table["incomes"], "KeyError"),
        (lambda table: np.random.default_rng().random(len(table)), "differently when asked again"),
    ],
    ids=["range", "shape", "sum", "percent", "classes", "nan", "raises", "random"],
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


def test_predictions_of_more_classes_than_there_are_labels_are_told(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    shares = np.full((len(numbers), 3), 1 / 3)
    text = refused(report, predictions=shares, X=numbers, y=labels)
    assert "predictions: 3 probabilities a row, and y_test holds 2 classes" in text
    assert "classes=[…]" in text


@pytest.mark.parametrize(
    ("table", "fault", "todo"),
    [
        ("loans.csv", "the text 'loans.csv'", "pandas.read_csv(X_test)"),
        ({"age": [1, 2]}, "a mapping (dict)", "pandas.DataFrame(X_test)"),
        (csr_matrix(np.eye(3)), "a sparse matrix (csr_matrix of shape (3, 3))", ".toarray()"),
        (pa.table({"age": [1, 2]}), "another library (Table)", "X_test.to_pandas()"),
        (np.arange(3.0), "ndarray of shape (3,)", "X_test.reshape(-1, 1)"),
        (np.zeros((2, 3, 3)), "ndarray of shape (2, 3, 3)", "a pandas DataFrame"),
        (np.array([["a", 1]], dtype=object), "holds objects", "columns have a type each"),
        (pd.DataFrame(columns=["age"]), "a table of 0 rows", "at least one row"),
        (pd.DataFrame([[1, 2]], columns=["age", "age"]), 'two columns are called "age"', "rename"),
        (pd.DataFrame({"age": [{"years": 1}]}), 'the column "age" holds dict', 'drop=["age"]'),
    ],
    ids=["path", "dict", "sparse", "arrow", "1d", "3d", "objects", "empty", "twice", "cells"],
)
def test_what_is_no_table_is_told_with_the_way_to_one(
    report: Report, table: Any, fault: str, todo: str
) -> None:
    text = refused(report, half, table, np.zeros(1))
    assert "X_test: " in text
    assert fault in text
    assert todo in text.partition("what to do:")[2]


@pytest.mark.parametrize(
    ("as_given", "fault", "todo"),
    [
        (lambda labels: "decision", 'the text "decision"', 'table["decision"]'),
        (pd.get_dummies, "labels of shape (240, 2)", "idxmax(axis=1)"),
        (lambda labels: labels.map(str.encode), "labels that are bytes", "decode"),
    ],
    ids=["name", "columns", "bytes"],
)
def test_labels_that_are_none_are_told_with_the_way_to_them(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, as_given: Any, fault: str, todo: str
) -> None:
    text = refused(report, half, numbers, as_given(labels))
    assert f"y_test: {fault}" in text
    assert todo in text.partition("what to do:")[2]


def test_a_missing_label_is_told_without_a_word_of_files(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    y = labels.mask(labels.index == labels.index[3])
    assert "leave these rows out; a label must not be guessed" in refused(report, half, numbers, y)


def test_values_in_place_of_names_of_columns_are_one_problem(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    text = refused(report, half, numbers, labels, sensitive=labels)
    assert "1 problem in the arguments" in text
    assert "sensitive: values (Series), where names of columns are expected" in text


def test_options_of_the_report_are_told_as_arguments_and_not_as_lines_of_a_file(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, tmp_path: Path
) -> None:
    text = refused(report, half, numbers, labels, formats=["htm"], privacy="none")
    assert "argument formats: formats.0 is 'htm'" in text
    assert "argument privacy: privacy is 'none'" in text
    text = refused(report, half, numbers, labels, thresholds=[{"metric": "roc_auc"}])
    assert "argument thresholds: thresholds.0.set_by must be given" in text
    assert 'what to do: add "set_by" to thresholds[0]' in text
    text = refused(report, half, numbers, labels, costs={"missed": 5})
    assert 'what to do: set costs={"false_alarm": …}' in text
    file = tmp_path / "reports"
    file.touch()
    text = refused(report, half, numbers, labels, reports=str(file))
    assert f"argument reports: {file} is a file" in text


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


class Network:
    """Predicts probabilities by the name that scikit-learn has for labels."""

    def predict(self, table: Any) -> Any:
        return half(table)


def test_numbers_where_classes_are_expected_are_told_by_the_model_that_gives_them(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    from sklearn.cluster import KMeans
    from sklearn.ensemble import IsolationForest
    from sklearn.linear_model import LinearRegression

    codes = (labels == labels.iloc[0]).astype(int)
    for model in (Network(), LinearRegression().fit(numbers, codes)):
        text = refused(report, model, numbers, labels)
        assert "has no predict_proba, and y_test holds classes (approved, denied)" in text
    assert 'or task="regression"' in refused(report, Network(), numbers, codes)
    for made in (KMeans(2, n_init=1), IsolationForest(n_estimators=3)):
        text = refused(report, made.fit(numbers), numbers, codes)
        assert f"{type(made).__name__} predicts neither labels nor numbers" in text


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
