"""Encoding, reference predictors, baselines, learning curve and stand-ins."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature
from deepseek_report.data_kinds.base import Encoder
from deepseek_report.metrics.failures.reference_refits import LearningCurve
from deepseek_report.metrics.fairness.proxies import Proxies, permutation_importance
from deepseek_report.metrics.performance import baselines
from deepseek_report.metrics.performance.baselines import (
    Baselines,
    fit_predictor,
    reference_predictions,
)
from deepseek_report.statistics.resampling import stratified_order
from deepseek_report.tasks import TASKS
from deepseek_report.wording.words import wording
from tests.worded import refused

FEATURES = (
    Feature("a", "a", "numeric"),
    Feature("b", "b", "categorical", categories=(Category("x", "x"), Category("y", "y"))),
)


def test_numbers_are_standardised_and_categories_one_hot_with_missing_apart() -> None:
    rows = np.array([[0.0, 0.0], [2.0, 1.0], [np.nan, np.nan]])
    encoder = Encoder.fit(FEATURES, rows)
    assert encoder.transform(rows).tolist() == [[-1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0]]
    assert encoder.owners.tolist() == [0, 0, 1, 1]


def test_a_constant_number_does_not_divide_by_zero() -> None:
    rows = np.array([[3.0, 0.0], [3.0, 1.0]])
    assert np.isfinite(Encoder.fit(FEATURES, rows).transform(rows)).all()


def test_every_beginning_of_a_stratified_order_has_the_shares_of_the_classes() -> None:
    labels = np.repeat([0, 1], [900, 100])
    order = stratified_order(labels, np.random.default_rng(0))
    assert sorted(order) == list(range(1000))
    for n in (50, 100, 500):
        assert labels[order[:n]].mean() == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("kind", ["majority", "logistic_regression", "gradient_boosting"])
def test_a_class_without_labels_gets_probability_zero(kind) -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=80), rng.integers(0, 2, 80)])
    labels = np.where(rows[:, 0] > 0, 2, 0)
    p = fit_predictor(TASKS["classification"], kind, FEATURES, rows, labels, 3, seed=0)(rows)
    assert p.shape == (80, 3)
    assert np.allclose(p.sum(axis=1), 1)
    assert (p[:, 1] == 0).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_baselines_are_compared_on_the_same_rows(toy, n_classes: int) -> None:
    context = toy(n_classes, n=400)
    measured = Baselines(n_resamples=100).measure(context)
    table = measured.tables["comparison"]
    assert len(table) == 4 * 5
    assert set(table["n"]) == {400}
    gains = {score.predictor: score for score in measured.scores if score.metric == "roc_auc_gain"}
    auc = table[table["metric"] == "roc_auc"].set_index("predictor")["value"]
    for predictor, gain in gains.items():
        assert gain.value == pytest.approx(auc["model"] - auc[predictor])
        assert gain.low < gain.value < gain.high
    assert auc["majority"] == 0.5
    assert gains["majority"].p_value < 1e-3


def test_of_many_training_rows_a_declared_sample_is_fitted(toy, monkeypatch) -> None:
    context, fitted = toy(n=400), list[int]()
    n_train = len(context.dataset.train)
    assert f"on the {n_train} rows" in wording().say(Baselines().measure(context).notes[0])
    fit = baselines.fit_predictor

    def counted(*arguments):
        fitted.append(len(arguments[3]))
        return fit(*arguments)

    monkeypatch.setattr(baselines, "fit_predictor", counted)
    monkeypatch.setattr(baselines, "MOST_FITTED", 100)
    notes = Baselines(n_resamples=100).measure(context).notes
    assert set(fitted) == {100}
    assert f"on 100 of the {n_train} rows of the training part, at even distances" in (
        wording().say(notes[0]).replace("\u202f", "")
    )


def test_answers_by_blocks_of_rows_are_those_of_all_rows_at_once(monkeypatch) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(100, 2))
    labels = (rows[:, 0] > 0).astype(np.int64)
    features = [Feature(name, name, "numeric") for name in "ab"]
    task, kind = TASKS["classification"], "logistic_regression"
    predict = fit_predictor(task, kind, features, rows, labels, 2, seed=0)
    whole = predict(rows)
    monkeypatch.setattr(baselines, "_BLOCK", 7)
    np.testing.assert_allclose(predict(rows), whole, rtol=1e-12)


def test_a_baseline_decides_about_as_often_as_the_model(toy) -> None:
    context = toy(n=1000)
    reference = reference_predictions("logistic_regression", context)
    ours = np.mean(context.predictions.decisions == 1)
    assert np.mean(reference.decisions == 1) == pytest.approx(ours, abs=0.06)
    assert reference.rule == "as_often_as_the_model"


def test_the_learning_curve_ends_with_the_whole_training_part(toy) -> None:
    context = toy(n=500)
    measured = LearningCurve(predictor="logistic_regression").measure(context)
    curve = measured.tables["curve"]
    assert curve["rows"].tolist() == [62, 125, 250, 500, 1000]
    assert curve["fraction"].iloc[-1] == 1
    gain = measured.scores[0]
    assert gain.value == pytest.approx(curve["roc_auc"].iloc[-1] - curve["roc_auc"].iloc[-2])
    assert "not of the model itself" in wording().say(measured.notes[0])


def test_too_few_rows_for_a_curve_are_refused_with_the_reason(toy) -> None:
    with refused("at least 50 rows"):
        LearningCurve().measure(toy(n=30))


def test_only_the_feature_that_is_used_is_important() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 2))
    labels = (rows[:, 0] + rng.normal(size=400) > 0).astype(int)

    def predict(x: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-x[:, 0]))
        return np.column_stack([1 - p, p])

    used, unused = permutation_importance(predict, rows, labels, 2, rng)
    assert used.low > 0.1
    assert unused.value == pytest.approx(0, abs=1e-12)


def test_a_stand_in_is_found_and_the_source_is_left_out(toy) -> None:
    measured = Proxies().measure(toy(n=800))
    auc = {score.attribute: score for score in measured.scores}
    assert auc["sex"].low > 0.5
    assert auc["region"].low < 0.55
    table = measured.tables["features"]
    sex = table[table["attribute"] == "sex"]
    assert sex.iloc[0]["feature"] == "amount"
    assert sex.iloc[0]["low"] > 0
    assert "colour" not in set(table[table["attribute"] == "region"]["feature"])
