"""Columns that a call keeps for something else, and that the model was fitted on all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from deepseek_report.api.given_models import Hints, recognise, with_columns_read
from deepseek_report.api.report_arguments import ArgumentProblems
from deepseek_report.api.reporting import quick
from deepseek_report.api.rows import Rows, rows_of
from deepseek_report.models.given.given_model import TableForm
from tests.api.conftest import FEW, Report
from tests.worded import say

Fitted = Callable[[pd.DataFrame, pd.Series], Any]
#: The columns that the models below read, whatever else they were fitted on.
READ = ["age", "income"]
#: What may be declared of the other columns, so that they are no features.
ROLES: dict[str, dict[str, Any]] = {
    "entity": {"entity": "person", "drop": ["since", "year", "sex"]},
    "time": {"time": "since", "drop": ["person", "year", "sex"]},
    "drop": {"drop": ["person", "since", "year", "sex"]},
    "not used": {"sensitive": ["sex"], "use_sensitive": False, "drop": ["person", "since", "year"]},
}


@pytest.fixture(scope="module")
def table(loans: pd.DataFrame) -> pd.DataFrame:
    """Loans of eighty persons on as many days as there are loans."""
    n = len(loans)
    return pd.DataFrame(
        {
            "person": [f"person {k // 3:02d}" for k in range(n)],
            "age": loans["age"].astype(float),
            "since": pd.date_range("2024-01-01", periods=n),
            "income": loans["income"].fillna(50.0),
            "year": np.arange(n) % 9 + 2000.0,
            "sex": loans["sex"],
        }
    )


def by_columns(X: pd.DataFrame, y: pd.Series) -> Any:
    columns = make_column_transformer((StandardScaler(), READ))
    return make_pipeline(columns, LogisticRegression()).fit(X, y)


def by_function(X: pd.DataFrame, y: pd.Series) -> Any:
    others = ["person", "since", "year", "sex"]
    dropping = FunctionTransformer(lambda rows: rows.drop(columns=others))
    return make_pipeline(dropping, StandardScaler(), LogisticRegression()).fit(X, y)


def of_frames(X: pd.DataFrame, y: pd.Series) -> Any:
    fitted = by_function(X, y)
    return lambda rows: fitted.predict_proba(rows)[:, 1]


def of_torch(X: pd.DataFrame, y: pd.Series) -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))


def encoder(rows: pd.DataFrame) -> Any:
    """What the module reads of the whole table."""
    import torch

    assert list(rows) == ["person", "age", "since", "income", "year", "sex"]
    return torch.as_tensor(rows[READ].to_numpy(dtype=np.float32)) / 50


MODELS: dict[str, tuple[Fitted, dict[str, Any]]] = {
    "columns": (by_columns, {}),
    "function transformer": (by_function, {}),
    "callable": (of_frames, {"classes": ["approved", "denied"]}),
    "torch": (of_torch, {"encoder": encoder}),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_that_drops_a_column_by_itself_is_called_with_it(
    report: Report, table: pd.DataFrame, labels: pd.Series, kind: str, role: str
) -> None:
    fit, more = MODELS[kind]
    model = fit(table, labels)
    options = {"favourable": "approved", "positive": "denied", "explainers": ["shap", "random"]}
    run = report(model, table, labels, **ROLES[role], **more, **options)
    assert not run.failed
    assert run.results.schema.names == READ
    tested = run.results.predictions
    whole = table.iloc[tested.instance_ids]
    if kind == "torch":
        import torch

        with torch.no_grad():
            expected = torch.softmax(model(encoder(whole)), dim=1).numpy()[:, 1]
    else:
        answer = model(whole) if kind == "callable" else model.predict_proba(whole)[:, 1]
        expected = np.asarray(answer)
    np.testing.assert_allclose(tested.probabilities[:, tested.explained], expected, atol=1e-6)
    explained = run.explanations["shap"]
    assert explained.values.shape[1] == len(READ)
    assert np.abs(explained.completeness_gap).max() < 1e-6
    notes = [say(note) for note in run.results.card["preparation"]]
    assert any("answers the same whatever stands there" in note for note in notes)


def test_what_explanations_change_is_what_the_model_without_the_column_is_asked(
    report: Report, table: pd.DataFrame, labels: pd.Series
) -> None:
    """The same pipeline, fitted with and without the columns that it drops."""
    options = {"explainers": ["shap", "random"], "overrides": ["explainers.shap.exact_up_to=4"]}
    whole = report(by_function(table, labels), table, labels, **ROLES["entity"], **options)
    alone = make_pipeline(StandardScaler(), LogisticRegression()).fit(table[READ], labels)
    bare = report(alone, table[["person", *READ]], labels, entity="person", **options)
    np.testing.assert_array_equal(
        whole.results.predictions.instance_ids, bare.results.predictions.instance_ids
    )
    np.testing.assert_allclose(
        whole.explanations["shap"].values, bare.explanations["shap"].values, atol=1e-12
    )


#: Columns that a model reads although something else is declared of them.
BESIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "entity": ("person", {"entity": "person"}),
    "time": ("year", {"time": "year"}),
    "drop": ("year", {"drop": ["year"]}),
    "not used": ("sex", {"sensitive": ["sex"], "use_sensitive": False}),
}


def reading(name: str, X: pd.DataFrame, y: pd.Series) -> Any:
    """A pipeline that reads one of the other columns; a text as a category."""
    rest = StandardScaler() if name == "year" else OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((StandardScaler(), READ), (rest, [name]))
    return make_pipeline(columns, LogisticRegression(C=100)).fit(X, y)


@pytest.mark.parametrize("role", BESIDE)
def test_a_column_that_the_model_reads_is_an_input_whatever_else_it_is(
    report: Report, table: pd.DataFrame, labels: pd.Series, role: str
) -> None:
    name, declared = BESIDE[role]
    X = table[["age", "income", name]]
    options = {"favourable": "approved", "explainers": ["shap", "random"]}
    run = report(reading(name, X, labels), X, labels, **declared, **options)
    assert run.results.schema.names == ["age", "income", name]
    assert np.abs(run.explanations["shap"].values[:, 2]).max() > 1e-3
    notes = [say(note) for note in run.results.card["preparation"]]
    assert any(f"The model reads “{name}”, whatever else" in note for note in notes)
    test = run.results.test
    assert (test.entities is not None) == (role == "entity")
    assert (test.moments is not None) == (role == "time")
    attributes = {each.name: each.source for each in run.results.schema.attributes}
    if role in {"time", "not used"}:
        assert attributes[name] == name  # the model is given what the rows are compared by


def test_of_several_columns_each_is_judged_by_itself(
    report: Report, table: pd.DataFrame, labels: pd.Series
) -> None:
    declared = {"entity": "person", "time": "year", "drop": ["since"]}
    run = report(reading("year", table, labels), table, labels, **declared)
    assert run.results.schema.names == ["age", "income", "year", "sex"]
    notes = " ".join(say(note) for note in run.results.card["preparation"])
    assert "The model was fitted on “person” and “since”, too" in notes
    assert "The model reads “year”" in notes


def rows(X: Any, y: pd.Series, *left_out: str) -> Rows:
    return rows_of((X, y), (None, None), (None, None), None, left_out)


def test_columns_whose_effects_hang_on_one_another_are_inputs() -> None:
    n = 80
    first, other = np.arange(n) % 2, np.arange(n) // 2 % 2
    X = pd.DataFrame({"age": np.arange(n) / n, "a": first * 1.0, "b": other * 1.0})
    y = pd.Series(np.where(X["age"] > 0.5, "yes", "no"))

    def model(table: pd.DataFrame) -> Any:
        return 0.2 + 0.5 * (table["a"] != table["b"]) + 0.1 * table["age"]

    recognised = recognise(model, rows(X, y, "a", "b"), Hints())
    read, inputs = with_columns_read(recognised, rows(X, y, "a", "b"), 100)
    assert inputs == ["a", "b"]
    assert list(read.features) == ["age", "a", "b"]


def test_what_is_passed_along_is_asked_about_as_it_will_be() -> None:
    """An answer that changes where all rows hold one value is no answer without the column."""
    X = pd.DataFrame({"age": np.arange(40.0), "a": np.arange(40) % 2})
    y = pd.Series(np.where(X["age"] > 20, "yes", "no"))

    def model(table: pd.DataFrame) -> Any:
        return np.full(len(table), 0.3 + 0.4 * (table["a"].min() < table["a"].max()))

    recognised = recognise(model, rows(X, y, "a"), Hints())
    assert with_columns_read(recognised, rows(X, y, "a"), 100)[1] == ["a"]


def test_a_model_that_knows_no_names_reads_the_array_that_it_was_fitted_on(
    table: pd.DataFrame, labels: pd.Series
) -> None:
    whole = table[["age", "income", "year"]].to_numpy()
    fitted = LogisticRegression().fit(whole[:, :2], labels), LogisticRegression().fit(whole, labels)
    for model, expected in zip(fitted, ([], ["x3"]), strict=True):
        held = rows(whole, labels, "x3")
        _, inputs = with_columns_read(recognise(model, held, Hints()), held, 100)
        assert inputs == expected


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_booster_is_given_the_columns_that_it_was_trained_on(
    table: pd.DataFrame, labels: pd.Series, library: str
) -> None:
    package = pytest.importorskip(library)
    X, y = table[["age", "year", "income"]], (labels == "denied").astype(int)
    if library == "xgboost":
        data = package.DMatrix(X, label=y)
        booster = package.train({"objective": "binary:logistic", "max_depth": 6}, data, 20)
    else:
        data = package.Dataset(X, label=y)
        booster = package.train({"objective": "binary", "verbose": -1}, data, 20)
    held = rows(X, labels, "year")
    hints = Hints(classes=("approved", "denied"))
    _, inputs = with_columns_read(recognise(booster, held, hints), held, 100)
    assert inputs == ["year"]
    with pytest.raises(ArgumentProblems, match="fitted on the column year, which X lacks"):
        recognise(booster, rows(X[READ], labels), hints)


def test_a_column_that_cannot_be_an_input_is_refused_with_what_can_be_done(
    report: Report, table: pd.DataFrame, labels: pd.Series
) -> None:
    def by_day(X: pd.DataFrame) -> Any:
        return 0.2 + 0.5 * (X["since"].dt.month % 2)

    with pytest.raises(ArgumentProblems, match=r'change with the column "since".*it holds dates'):
        report(by_day, table, labels, **ROLES["time"])
    fixed = report(
        lambda X: by_day(X.assign(since=table["since"].iloc[0])), table, labels, **ROLES["time"]
    )
    assert not fixed.failed  # a function of the other columns, as is advised
    X = table[["person", *READ]].assign(person=[f"person {k}" for k in range(len(table))])
    X["person"] = X["person"].where(np.arange(len(X)) % 2 == 0, "person 0")
    model = reading("person", X, labels)
    with pytest.raises(ArgumentProblems, match="give max_categories=120") as refusal:
        report(model, X, labels, entity="person")
    assert "120 different values" in str(refusal.value)
    run = report(model, X, labels, entity="person", max_categories=120)
    assert run.results.schema.names == ["person", *READ]


def test_a_quick_report_and_a_fit_of_each_fold_give_the_model_the_same_columns(
    report: Report, folder: Any, table: pd.DataFrame, labels: pd.Series
) -> None:
    model = by_function(table, labels)
    made = quick(model, table, labels, **ROLES["entity"], reports=str(folder), measure_time=False)
    assert not made.failed
    unfitted = make_pipeline(*[step for _, step in model.steps])
    folds = {**FEW, "metrics": ["accuracy", "cross_validation"], "folds": 3}
    run = report(unfitted, table, labels, **{**ROLES["entity"], **folds})
    assert not run.failed
    assert run.results.schema.names == READ
    assert len(run.table("cross_validation/by_fold")) > 0


def test_a_column_that_is_passed_along_keeps_type_place_and_value(table: pd.DataFrame) -> None:
    from deepseek_report.models.given.given_model import GivenColumns
    from tests.builders import numeric

    form = TableForm.of(table[["person", "age", "since"]], along=["person", "since"])
    made = GivenColumns(numeric("age"), form).transform(np.array([[1.0], [2.0]]))
    expected = table[["person", "age", "since"]].iloc[[0, 0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(made, expected.assign(age=[1.0, 2.0]))
    chosen = GivenColumns(numeric("age"), form, ["since", "age"]).transform(np.array([[3.0]]))
    assert list(chosen) == ["since", "age"]
    arrays = replace(form, named=False, along={"year": table["year"][:1]}, columns={"year": "year"})
    assert GivenColumns((), arrays).transform(np.zeros((3, 0))).shape == (3, 1)
