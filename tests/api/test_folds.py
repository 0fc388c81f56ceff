"""`folds=`: the model is fitted again in each fold by the same recipe, and judged on its rows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score

import deepseek_report as dr
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.splitting import FoldRule
from deepseek_report.errors import ConfigError
from deepseek_report.store import Store
from tests.api.conftest import Report
from tests.tiny_runs import TinyRuns
from tests.worded import say

Loans = tuple[pd.DataFrame, pd.Series]


def folds_of(run: dr.Run, count: int) -> tuple[Split, list[Any]]:
    """All rows of a run, and its folds drawn once more."""
    plan = json.loads((run.path / "run.json").read_text(encoding="utf-8"))["plan"]
    folder = Store(run.path.parent.parent / ".store").find("data", plan["data"])
    assert folder is not None
    train, validation, test = (
        Split.load(folder / f"{part}.npz") for part in ("train", "validation", "test")
    )
    whole = Split.joined([train, validation, test])
    share = len(validation) / (len(train) + len(validation))
    return whole, FoldRule(count, share).of(whole, 1)


def measured_of(results: Results) -> Measurement:
    measured = results.measurement("cross_validation")
    assert measured is not None
    return measured


def values(run: dr.Run, metric: str) -> list[float]:
    table = run.table("cross_validation/by_fold")
    mine = table[(table["metric"] == metric) & (table["attribute"] == "")]
    return list(mine[mine["predictor"] == "model"]["value"])


def make_model() -> LogisticRegression:
    return LogisticRegression(C=0.5, max_iter=500)


@pytest.fixture(scope="module")
def numbers_labels(numbers: pd.DataFrame, labels: pd.Series) -> Loans:
    """Income decides, with much that is open."""
    random = np.random.default_rng(8)
    chance = 1 / (1 + np.exp(-(numbers["income"] - 50) / 8))
    return numbers, pd.Series(np.where(random.random(len(numbers)) < chance, "yes", "no"))


@pytest.fixture(scope="module")
def folded(report: Report, numbers_labels: Loans) -> dr.Run:
    return report(make_model, *numbers_labels, folds=4, sections=["summary", "performance"])


def test_scores_of_the_folds_are_those_of_a_loop_over_them(folded: dr.Run) -> None:
    whole, folds = folds_of(folded, 4)
    accuracy, area = [], []
    for fold in folds:
        model = make_model().fit(whole.inputs[fold.train], whole.labels[fold.train])
        stated = model.predict_proba(whole.inputs[fold.test])[:, 1]
        accuracy.append(accuracy_score(whole.labels[fold.test], stated > 0.5))
        area.append(roc_auc_score(whole.labels[fold.test], stated))
    assert values(folded, "accuracy") == pytest.approx(accuracy)
    assert values(folded, "roc_auc") == pytest.approx(area)
    spread = folded.table("cross_validation/spread").set_index("metric")
    assert spread.loc["roc_auc", "mean"] == pytest.approx(np.mean(area))
    assert spread.loc["roc_auc", "least"] == pytest.approx(min(area))
    assert spread.loc["roc_auc", "deviation"] == pytest.approx(np.std(area, ddof=1))


def test_the_model_of_the_report_was_fitted_to_what_is_not_tested(folded: dr.Run) -> None:
    test, (whole, _) = folded.results.test, folds_of(folded, 4)
    train = whole.take(np.arange(180))
    assert len(test) == 48
    expected = make_model().fit(train.inputs, train.labels).predict_proba(test.inputs)
    assert folded.results.predictions.probabilities == pytest.approx(expected)
    assert "fitted here, to 180 rows" in " ".join(map(say, folded.results.card["preparation"]))


def test_the_report_shows_scores_beside_their_spread(folded: dr.Run) -> None:
    text = (folded.path / "report.qmd").read_text(encoding="utf-8")
    assert "When other rows are tested: 4 folds" in text
    assert "It is no confidence interval" in text
    assert "is about one model" in text


def test_an_estimator_is_cloned_and_gives_the_same_folds(
    report: Report, folded: dr.Run, numbers_labels: Loans
) -> None:
    unfitted = make_model()
    run = report(unfitted, *numbers_labels, folds=4)
    assert values(run, "accuracy") == values(folded, "accuracy")
    assert not hasattr(unfitted, "coef_")


def test_a_fitted_model_with_its_training_rows_is_judged_as_it_is(
    report: Report, numbers_labels: Loans
) -> None:
    X, y = numbers_labels
    model = make_model().fit(X[:120], y[:120])
    before = model.coef_.copy()
    run = report(model, X[120:], y[120:], X_train=X[:120], y_train=y[:120], folds=3)
    assert (model.coef_ == before).all()
    assert len(values(run, "roc_auc")) == 3
    tested = run.results.predictions
    assert tested.probabilities == pytest.approx(
        model.predict_proba(X.iloc[tested.instance_ids + 120])
    )


def test_rows_of_an_entity_are_tested_together_and_times_one_after_the_other(
    report: Report, numbers_labels: Loans
) -> None:
    X, y = numbers_labels
    own = X.assign(client=np.arange(len(X)) // 3, day=np.arange(len(X))[::-1])
    by_client = report(make_model, own.drop(columns="day"), y, folds=3, entity="client")
    measured = measured_of(by_client.results)
    whole, _ = folds_of(by_client, 3)
    fold = dict(zip(measured.arrays["tested"], measured.arrays["fold"], strict=True))
    entity = dict(zip(whole.instance_ids, whole.entities, strict=True))
    folds_by_entity = {(entity[row], fold[row]) for row in fold}
    assert len(folds_by_entity) == len({*entity.values()})
    assert "rows of one entity, and copies, together" in say(measured.notes[0])
    by_day = report(make_model, own.drop(columns="client"), y, folds=3, time="day")
    measured = measured_of(by_day.results)
    assert "all blocks before it" in say(measured.notes[0])
    assert len(measured.arrays["tested"]) == pytest.approx(180, abs=5)


def test_findings_say_in_how_many_folds_they_were_made(
    report: Report, numbers_labels: Loans
) -> None:
    promise = {"metric": "roc_auc", "at_least": 0.99, "set_by": "the test"}
    run = report(make_model, *numbers_labels, folds=3, thresholds=[promise])
    missed = next(f for f in run.results.conclusions.findings if "roc_auc" in f.id)
    assert (missed.values["in_folds"], missed.values["of_folds"]) == (3, 3)
    assert "in 3 of 3 folds" in (run.path / "report.qmd").read_text(encoding="utf-8")


def problem(call: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        call(*arguments, **options)
    return str(raised.value)


def test_what_cannot_be_folded_is_told_with_what_to_do(
    report: Report, numbers_labels: Loans
) -> None:
    X, y = numbers_labels
    assert "folds is 1" in problem(report, make_model, X, y, folds=1)
    answers = np.full(len(X), 0.5)
    text = problem(report, predictions=answers, X=X, y=y, folds=5)
    assert "nothing says how this one is trained" in text
    assert "argument folds=5" in text
    text = problem(report, lambda rows: answers[: len(rows)], X, y, folds=5)
    assert "nothing says how this one is trained" in text
    rare = y.where(np.arange(len(y)) > 11, "rare")
    text = problem(report, make_model, X, rare, folds=15)
    assert "“rare” has 12 rows" in text
    assert "2 to 12" in text
    assert "a function without arguments" in problem(
        report, lambda: LogisticRegression(C=-1), X, y, folds=5
    )


def test_a_model_of_several_labels_is_judged_on_all_of_them_in_every_fold(
    tiny_runs: TinyRuns,
) -> None:
    results = tiny_runs("labels")
    measured = measured_of(results)
    assert sorted(measured.arrays["tested"]) == list(range(300))  # each row once
    by_fold = measured.tables["by_fold"]
    whole = by_fold.pivot_table(index="fold", columns="metric", values="value")
    assert set(whole) == {"micro_f1", "macro_f1", "hamming_loss", "subset_accuracy", "accuracy"}
    missed, n_labels = 1 - whole["subset_accuracy"], len(results.schema.target.labels)
    # A row with a wrong label has one of them wrong at least, and all at most.
    assert (missed / n_labels <= whole["hamming_loss"]).all()
    assert (whole["hamming_loss"] <= missed).all()
    assert (whole["subset_accuracy"] <= whole["accuracy"]).all()  # of the reported label
    spread = measured.tables["spread"].set_index("metric")
    assert spread["mean"].to_dict() == pytest.approx(whole.mean().to_dict())
