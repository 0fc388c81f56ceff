"""Rows, labels and columns that come in another form are put right and told, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

import deepseek_report as dr
from deepseek_report.api.report_arguments import ArgumentProblems
from deepseek_report.api.rows import Rows, labels_together, leaves_hold, rows_of, sums_agree
from tests.api.conftest import Report


def rows(X: Any, y: Any, **options: Any) -> Rows:
    train = options.pop("train", (None, None))
    return rows_of((X, y), (None, None), train, None, **options)


def notices(read: Rows) -> list[str]:
    return [notice.id for notice in read.held.notices]  # type: ignore[union-attr]


def test_labels_in_another_order_are_aligned_by_the_index_and_it_is_told(
    numbers: pd.DataFrame, labels: pd.Series
) -> None:
    read = rows(numbers, labels.sample(frac=1, random_state=1))
    assert read.labels.tolist() == labels.tolist()
    assert notices(read) == ["given_rows.in_order_of_index"]
    assert notices(rows(numbers, labels)) == []


@pytest.mark.parametrize(
    ("taken", "todo"),
    [
        (lambda y: y[120:].reset_index(drop=True), "give y_test.to_numpy()"),
        (lambda y: y, "give y_test.loc[X_test.index]"),
    ],
)
def test_labels_of_other_rows_are_refused(
    numbers: pd.DataFrame, labels: pd.Series, taken: Any, todo: str
) -> None:
    with pytest.raises(ArgumentProblems) as caught:
        rows(numbers[120:], taken(labels))
    assert "nothing says which value belongs to which row" in str(caught.value)
    assert todo in str(caught.value)


def test_an_array_of_labels_is_taken_row_by_row(numbers: pd.DataFrame, labels: pd.Series) -> None:
    read = rows(numbers[120:], labels[120:].to_numpy())
    assert read.labels.tolist() == labels[120:].tolist()


def test_columns_in_another_order_are_put_in_that_of_the_test_rows(
    numbers: pd.DataFrame, labels: pd.Series
) -> None:
    read = rows(numbers[120:], labels[120:], train=(numbers[:120][["income", "age"]], labels[:120]))
    assert read.features["age"].tolist() == [*numbers["age"][120:], *numbers["age"][:120]]
    assert notices(read) == ["given_rows.columns_in_order"]


def test_classes_that_differ_in_capitals_are_read_as_the_model_knows_them() -> None:
    heard: list[Any] = []
    both = {"y_test": np.array(["Yes ", "no"], dtype=object), "y_train": np.array(["yes", "no"])}
    assert labels_together(both, ["no", "yes"], heard).tolist() == ["yes", "no", "yes", "no"]
    assert [notice.id for notice in heard] == ["given_rows.respelled"]


def test_classes_in_another_order_than_the_model_knows_them_are_refused(
    numbers: pd.DataFrame, labels: pd.Series
) -> None:
    model = LogisticRegression(max_iter=500).fit(numbers, labels)
    turned = list(model.classes_[::-1])
    for answering in (model, model.predict_proba):
        with pytest.raises(ArgumentProblems, match=r"own \(`classes_`\) approved, denied"):
            dr.report(answering, numbers, labels, classes=turned)


@pytest.mark.parametrize("favourable", [None, "approved", "denied"])
def test_both_probabilities_and_that_of_the_second_class_are_one_result(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, favourable: str | None
) -> None:
    shares = LogisticRegression(max_iter=500).fit(numbers, labels).predict_proba(numbers)
    both, second = (
        report(X=numbers, y=labels, predictions=stated, favourable=favourable, explainers=[])
        for stated in (shares, shares[:, 1])
    )
    assert both.results.schema.target == second.results.schema.target
    of_both, of_second = (run.results.predictions for run in (both, second))
    assert np.array_equal(of_both.instance_ids, of_second.instance_ids)
    assert of_both.probabilities == pytest.approx(of_second.probabilities, abs=1e-12)
    assert both.scores["value"].tolist() == pytest.approx(second.scores["value"].tolist())


def test_parts_without_a_class_in_common_are_refused() -> None:
    both = {"y_test": np.array(["yes", "no"]), "y_train": np.array([0, 1])}
    with pytest.raises(ArgumentProblems, match="its classes are 0, 1, and those of y_test no, yes"):
        labels_together(both, (), [])


@pytest.mark.parametrize("options", [{"drop": ["since"]}, {"time": "since"}])
def test_a_column_of_dates_is_taken_where_the_model_does_not_read_it(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, options: dict[str, Any]
) -> None:
    X = numbers.assign(since=pd.date_range("2024-01-01", periods=len(numbers)))
    model = LogisticRegression().fit(numbers[:120], labels[:120])
    run = report(model, X[120:], labels[120:], **options)
    assert list(run.results.schema.names) == ["age", "income"]
    assert ("since" in run.results.test.groups) == ("time" in options)
    with pytest.raises(ArgumentProblems, match=r'drop=\["since"\]'):
        report(model, X[120:], labels[120:])
    dated = LogisticRegression().fit(numbers.rename(columns={"age": "since"}), labels)
    with pytest.raises(ArgumentProblems, match="cannot be asked about the rows of X"):
        report(dated, X.drop(columns="age"), labels, **options)


def test_a_case_that_is_no_row_is_refused_before_the_model_is_asked(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    def model(table: pd.DataFrame) -> Any:
        raise AssertionError("it was asked")

    with pytest.raises(ArgumentProblems, match="cases: there is no row 99999"):
        report(model, numbers, labels, cases=[99999])


def test_a_single_name_stands_for_a_list_of_one(
    report: Report, pipeline: Any, loans: pd.DataFrame, labels: pd.Series
) -> None:
    run = report(pipeline, loans.drop(columns="decision"), labels, sensitive="sex")
    assert [group.name for group in run.results.schema.attributes] == ["sex"]


# --- training rows among the test rows ------------------------------------------------------------


def world(seed: int, n: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 4))
    return X, (generator.random(n) < 1 / (1 + np.exp(1 - X[:, 0]))).astype(int)


def one_hot(y: Any) -> Any:
    return np.stack([1 - y, y], axis=1)


def test_a_model_is_recognised_on_the_rows_that_it_was_fitted_to_and_on_no_others() -> None:
    """Of new rows fewer than one call in 100 is called known (400 draws of three models)."""
    alarms, calls = 0, 0
    for seed in range(40):
        X, y = world(seed, 200)
        forest = RandomForestClassifier(15, random_state=0).fit(X, y)
        boosted = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(X, y)
        logistic = LogisticRegression(tol=1e-8, max_iter=1000).fit(X, y)
        assert leaves_hold(forest, X)
        assert leaves_hold(boosted, X)
        assert sums_agree(logistic.predict_proba(X), one_hot(y))
        for fresh in (world(1000 + seed, 200), world(2000 + seed, 260), world(3000 + seed, 90)):
            for model in (forest, boosted, logistic):
                calls += 1
                answers = model.predict_proba(fresh[0])
                alarms += sums_agree(answers, one_hot(fresh[1])) or leaves_hold(model, fresh[0])
    assert (calls, alarms <= calls / 100) == (360, True)


def test_the_residuals_of_a_number_give_its_training_rows_away() -> None:
    X, _ = world(1, 200)
    y = X @ [1.0, 2, 0, 0] + np.random.default_rng(2).normal(size=200)
    model = LinearRegression().fit(X[:100], y[:100])
    seen, fresh = (model.predict(part).reshape(-1, 1) for part in (X[:100], X[100:]))
    assert sums_agree(seen, y[:100].reshape(-1, 1))
    assert not sums_agree(fresh, y[100:].reshape(-1, 1))


def test_training_rows_as_test_rows_are_the_gravest_finding(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    model = RandomForestClassifier(random_state=0).fit(numbers[:120], labels[:120])
    run = report(model, numbers[:120], labels[:120])
    assert (run.findings[0].severity, run.findings[0].id) == ("high", "data-rows_of_training")
    fresh = report(model, numbers[120:], labels[120:])
    assert "data-rows_of_training" not in [finding.id for finding in fresh.findings]
    (unknown,) = (f for f in fresh.findings if f.id == "data-training_rows_unknown")
    assert "Give X_train and y_train" in unknown.do
    both = report(model, numbers[120:], labels[120:], X_train=numbers[:120], y_train=labels[:120])
    assert "data-training_rows_unknown" not in [finding.id for finding in both.findings]


def test_a_copy_among_many_rows_is_no_grave_finding_and_the_advice_fits_a_split_of_ones_own(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    drawn = np.random.default_rng(1).normal(size=(2, len(numbers)))
    single = numbers.assign(income=drawn[0], height=drawn[1])
    model = LogisticRegression().fit(single[:80], labels[:80])
    X = pd.concat([single[80:], single[:1]], ignore_index=True)
    y = pd.concat([labels[80:], labels[:1]], ignore_index=True)
    run = report(model, X, y, X_train=single[:80], y_train=labels[:80])
    (copies,) = (f for f in run.findings if f.id == "data-duplicates_across_parts")
    assert copies.severity == "low"
    assert "take the copies out of the test part" in copies.do
    assert "dataset." not in copies.do


def test_findings_advise_arguments(run: dr.Run) -> None:
    advised = " ".join(finding.do + finding.more for finding in run.findings)
    assert "dataset." not in advised
    assert "=" in advised
