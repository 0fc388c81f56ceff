"""Every kind of model that a call takes answers as it does by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.api.conftest import Report
from tests.worded import say


def explained(run: Any) -> Any:
    """(row,) the probability of the explained class, and the rows of X that were tested."""
    tested = run.results.predictions
    return tested.probabilities[:, tested.explained], tested.instance_ids


@pytest.mark.parametrize("named", [True, False], ids=["frame", "array"])
def test_the_trees_of_a_forest_are_walked_exactly(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, named: bool
) -> None:
    from sklearn.ensemble import RandomForestClassifier

    X = numbers if named else numbers.to_numpy()
    model = RandomForestClassifier(8, max_depth=4, random_state=0).fit(X, labels)
    run = report(model, X, labels, explainers=["shap", "random"])
    assert say(run.explanations["shap"].variant).startswith("sums over the leaves")
    gap = run.explanations["shap"].completeness_gap
    assert gap is not None
    assert np.abs(gap).max() < 1e-6


def test_gaps_in_the_rows_do_not_keep_trees_from_being_walked(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    X = numbers.astype(float)
    X.iloc[::7, 0] = np.nan
    model = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(X, labels)
    explanation = report(model, X, labels, explainers=["shap", "random"]).explanations["shap"]
    assert say(explanation.variant).endswith("(interventional, log-odds)")
    assert np.isnan(explanation.inputs).any()
    assert np.abs(explanation.completeness_gap).max() < 1e-9


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_booster_numbers_its_classes_and_the_call_names_them(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, library: str
) -> None:
    package = pytest.importorskip(library)
    denied = (labels == "denied").astype(int)
    if library == "xgboost":
        data = package.DMatrix(numbers, label=denied)
        booster = package.train({"objective": "binary:logistic", "max_depth": 2}, data, 4)
        expected = booster.predict(data)
    else:
        data = package.Dataset(numbers, label=denied)
        booster = package.train({"objective": "binary", "verbose": -1}, data, 4)
        expected = booster.predict(numbers)
    run = report(booster, numbers, labels, classes=["approved", "denied"], positive="denied")
    shares, rows = explained(run)
    np.testing.assert_allclose(shares, expected[rows], atol=1e-6)


def test_a_booster_whose_classes_nobody_names_is_refused(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    package = pytest.importorskip("xgboost")
    data = package.DMatrix(numbers, label=(labels == "denied").astype(int))
    booster = package.train({"objective": "binary:logistic"}, data, 2)
    with pytest.raises(Exception, match=r"numbers do not say which class.*\n?.*classes=\["):
        report(booster, numbers, labels)


def test_a_torch_module_is_asked_without_dropout_and_left_in_its_mode(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    import torch

    torch.manual_seed(0)
    parts = [torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)]
    module = torch.nn.Sequential(*parts)

    def encoder(table: pd.DataFrame) -> Any:
        return torch.as_tensor(table.to_numpy(dtype=np.float32)) / 50

    run = report(module, numbers, labels, encoder=encoder, positive="denied")
    assert module.training
    shares, rows = explained(run)
    with torch.no_grad():
        expected = torch.softmax(module.eval()(encoder(numbers)), dim=1).numpy()[:, 1]
    np.testing.assert_allclose(shares, expected[rows], atol=1e-6)


def test_a_function_gets_the_table_in_its_own_types(
    report: Report, loans: pd.DataFrame, labels: pd.Series
) -> None:
    X = loans.drop(columns="decision")
    kinds: list[list[str]] = []

    def model(table: pd.DataFrame) -> Any:
        kinds.append([str(kind) for kind in table.dtypes])
        return 0.2 + 0.5 * (table["job"] == "clerk") * table["owns"]

    run = report(model, X, labels, explainers=["shap"], classes=["denied", "approved"])
    assert not run.failed
    own = [str(kind) for kind in X.dtypes]
    assert all(
        column_types[1:] == own[1:] for column_types in kinds
    )  # an age between two ages is a fraction
    assert own == kinds[0]


def test_a_number_is_predicted_where_the_model_is_a_regressor(
    report: Report, loans: pd.DataFrame
) -> None:
    from sklearn.linear_model import LinearRegression

    X, y = loans[["age", "owns"]], loans["income"].fillna(50)
    model = LinearRegression().fit(X, y)
    run = report(model, X, y, metrics=["rmse"], explainers=["random"])
    tested = run.results.predictions
    np.testing.assert_allclose(tested.logits[:, 0], model.predict(X)[tested.instance_ids])
    assert run.scores["metric"].tolist().count("rmse") >= 1


_SMALL_GROUPS = ["metrics.options.min_cell=10", "metrics.options.min_events=2"]


def refitted(report: Report, loans: pd.DataFrame, model: Any, X: pd.DataFrame, **more: Any) -> Any:
    """A run in which the model is fitted anew: half of the rows trained it."""
    y = loans["decision"]
    return report(
        *(model, X[180:], y[180:]),
        **{"X_validation": X[120:180], "y_validation": y[120:180]}
        | {"X_train": X[:120], "y_train": y[:120], "sensitive": ["sex"], "favourable": "approved"}
        | {"metrics": ["accuracy", "multiplicity", "options"], "use_sensitive": True}
        | {"overrides": [*_SMALL_GROUPS, "decision.rule=base_rate"]}
        | more,
    )


def own_refits(run: Any) -> set[str]:
    """The options where the model itself was fitted anew."""
    options = run.table("options/options")["option"]
    return {name for name in options if name.startswith("model_")}


def test_an_estimator_is_cloned_and_fitted_to_the_training_rows_that_are_given(
    report: Report, loans: pd.DataFrame, pipeline: Any
) -> None:
    X = loans.drop(columns="decision")
    run = refitted(report, loans, pipeline, X)
    assert not run.failed
    assert {"model_reweighted", "model_without"} <= own_refits(run)
    ambiguity = run.scores.set_index("metric").loc["ambiguity"]
    assert 0 <= ambiguity["value"] <= 1
    bare = report(
        *(pipeline, X[120:], loans["decision"][120:]),
        metrics=["accuracy", "multiplicity"],
        sensitive=["sex"],
    )
    reasons = {problem["stage"]: problem["reason"] for problem in bare.problems}
    assert "from Python, refit= does" in reasons["measures/multiplicity"]


def test_a_function_is_fitted_anew_by_what_the_person_gives(
    report: Report, loans: pd.DataFrame
) -> None:
    from sklearn.linear_model import LogisticRegression

    X = loans[["age", "income", "sex"]].fillna({"income": 50.0})
    seen: list[tuple[list[str], list[str], int]] = []

    def fit(table: pd.DataFrame, labels: Any) -> Any:
        seen.append((list(table.columns), sorted(set(labels)), len(table)))
        coded = table.assign(sex=(table["sex"] == "m").astype(float))
        fitted = LogisticRegression().fit(coded, labels)
        return lambda rows: fitted.predict_proba(
            rows.assign(sex=(rows["sex"] == "m").astype(float))
        )

    model = fit(X[:120], loans["decision"][:120])
    run = refitted(report, loans, model, X, refit=fit)
    assert {"model_reweighted", "model_without"} <= own_refits(run)
    assert all(text[:2] == (["age", "income", "sex"], ["approved", "denied"]) for text in seen)
    assert all(115 <= n <= 125 for _, _, n in seen)
    assert len(seen) == 1 + 10 + len(own_refits(run))


def test_a_refit_that_fails_is_text_with_its_reason_and_takes_nothing_else_along(
    report: Report, loans: pd.DataFrame
) -> None:
    X = loans[["age", "income", "sex"]].fillna({"income": 50.0})

    def model(table: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp((table["income"] - 50) / 5))

    def fit(table: pd.DataFrame, labels: Any) -> Any:
        raise RuntimeError("no licence")

    run = refitted(report, loans, model, X, refit=fit)
    reasons = {problem["stage"]: problem["reason"] for problem in run.problems}
    text = "Fitting the model again failed: RuntimeError: no licence"
    assert reasons["measures/multiplicity"] == text
    assert not own_refits(run)
    assert any(text in say(note) for note in run.results.notes("options"))


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"refit": 3}, "int cannot be called"),
        ({"refit": print, "X_train": None, "y_train": None}, "no rows to fit a model to"),
    ],
)
def test_a_refit_that_cannot_be_used_is_refused_at_once(
    report: Report, loans: pd.DataFrame, pipeline: Any, more: dict[str, Any], what: str
) -> None:
    with pytest.raises(Exception, match=what):
        refitted(report, loans, pipeline, loans.drop(columns="decision"), **more)
