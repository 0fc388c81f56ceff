"""Refits of the model by other seeds and rows, and what of the decisions hangs on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.metrics import FitChange
from deepseek_report.metrics.performance.multiplicity import Multiplicity, drawn_rows
from deepseek_report.models.estimators.sklearn import Sklearn
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.training.trainer import GradientTrainer
from tests.metrics.refits import StubRefits, refits_of
from tests.worded import refused


def with_refits(toy: Any, moved: float = 0.0, **fields: Any) -> Any:
    """Fits give the model itself, or with its weights moved by so much from fit to fit."""
    context = toy(n=400)

    def fit(rows: np.ndarray, seed: int | None, change: FitChange) -> Any:
        shift = moved * np.random.default_rng(seed).normal()
        return lambda inputs: context.classifier.logits(inputs) + np.array([0.0, shift])

    work = {"work": 1000, "most_work": 100_000_000}
    return replace(context, refits=StubRefits(context.dataset, fit, **work | fields))


def test_fits_that_are_the_model_decide_as_it_does(toy) -> None:
    measured = Multiplicity().measure(with_refits(toy))
    ambiguity, alike = measured.scores
    assert (ambiguity.value, alike.value) == (0, 1)
    assert (measured.arrays["alike"] == 10).all()


def test_decisions_near_the_threshold_hang_on_the_fit(toy) -> None:
    context = with_refits(toy, moved=0.4)
    measured = Multiplicity().measure(context)
    ambiguity, alike = measured.scores
    assert 0 < ambiguity.low <= ambiguity.value <= ambiguity.high < 1
    assert 0.5 < alike.value < 1
    doubtful = measured.arrays["alike"] < measured.arrays["fits"][0]
    assert doubtful.mean() == pytest.approx(ambiguity.value)
    apart = np.abs(context.predictions.scores - context.predictions.threshold)
    assert apart[doubtful].mean() < apart[~doubtful].mean()
    groups = measured.tables["by_group"]
    assert {"male", "female"} <= set(groups["level"])
    assert (groups["ambiguity_low"] <= groups["ambiguity"]).all()


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"is_network": True}, "a whole training"), ({"work": 10**9}, "counted work")],
)
def test_what_is_dear_is_refused_by_counted_work(toy, fields: dict[str, Any], why: str) -> None:
    context = with_refits(toy, **fields)
    with refused(why):
        Multiplicity().measure(context)
    assert not context.refits.requests


def test_fits_that_are_clearly_worse_do_not_count(toy) -> None:
    context = with_refits(toy)
    noise = np.random.default_rng(0)
    context.refits.fit = lambda *_: lambda inputs: noise.normal(size=(len(inputs), 2))
    with refused("Of 10 further fits 0 are as good"):
        Multiplicity().measure(context)


def test_a_network_is_fitted_as_often_as_asked(toy) -> None:
    context = with_refits(toy, is_network=True)
    Multiplicity(refits=5).measure(context)
    assert len(context.refits.requests) == 5


def test_whole_entities_are_drawn_where_they_are_declared(toy) -> None:
    train = toy(n=50).dataset.train
    train = replace(train, entities=np.arange(len(train)) // 5)
    rows = drawn_rows(train, np.random.default_rng(0))
    times = np.bincount(rows, minlength=len(train)).reshape(-1, 5)
    assert (times == times[:, :1]).all()
    assert times.max() > 1


def test_a_model_that_stops_by_itself_counts_the_trees_of_the_fit_that_was_made(toy) -> None:
    folders = []

    class StopsByItself(Sklearn):
        def trees_grown(self, training: Path) -> int:
            folders.append(training)
            return 40

    data = toy(n=300).dataset
    refits = refits_of(data, StopsByItself("sklearn.linear_model.LogisticRegression"))
    assert refits.work == 40 * len(data.train)
    assert folders == [refits.training]


def test_a_fit_without_a_change_is_the_model_of_the_run(toy) -> None:
    data = toy(n=300).dataset
    model = Sklearn("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 20})
    fitted = model.build(data.schema, data.train, 3)
    fitted.fit(data.train)
    again = refits_of(data, model)(np.arange(len(data.train)))
    inputs = data.test.inputs
    assert np.array_equal(again.probabilities(inputs), fitted.probabilities(inputs))


@pytest.mark.parametrize(
    "model",
    [
        Sklearn("sklearn.ensemble.HistGradientBoostingClassifier"),
        Sklearn("sklearn.linear_model.LogisticRegression"),
    ],
    ids=["trees", "one_hot"],
)
def test_inputs_that_are_withheld_tell_a_fit_nothing(toy, model: Sklearn) -> None:
    data = toy(n=300).dataset
    rows = np.arange(len(data.train))
    fit = refits_of(data, model)(rows, change=FitChange(withheld=(0, 1)))
    whole = refits_of(data, model)(rows)
    inputs, other = data.test.inputs, data.test.inputs.copy()
    other[:, :2] = other[::-1, :2]
    assert np.array_equal(fit.logits(inputs), fit.logits(other))
    assert not np.array_equal(whole.logits(inputs), whole.logits(other))
    shifted = other.copy()
    shifted[:, 2] += 1
    assert not np.array_equal(fit.logits(other), fit.logits(shifted))


@pytest.mark.parametrize(
    ("model", "library"),
    [
        (Sklearn("sklearn.ensemble.HistGradientBoostingClassifier"), "sklearn"),
        (Sklearn("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 20}), "sklearn"),
        (Sklearn(library="xgboost", params={"n_estimators": 30}), "xgboost"),
        (Sklearn(library="lightgbm", params={"n_estimators": 30}), "lightgbm"),
    ],
    ids=["boosting", "forest", "xgboost", "lightgbm"],
)
def test_declared_directions_are_kept_by_what_can_keep_them(toy, model, library) -> None:
    pytest.importorskip(library)
    data = toy(n=300).dataset
    refits = refits_of(data, model)
    assert refits.keeps_directions
    grid = np.repeat(data.test.inputs[:20], 40, axis=0)
    grid[:, 0] = np.tile(np.linspace(-20, 130, 40), 20)
    for sign in (1, -1):
        directions = np.array([float(sign), 0.0, 0.0])
        fit = refits(np.arange(len(data.train)), change=FitChange(directions=directions))
        moves = np.diff(fit.probabilities(grid)[:, 1].reshape(20, 40), axis=1)
        assert (sign * moves >= -1e-6).all()


def test_linear_models_and_networks_keep_no_directions(toy) -> None:
    data = toy(n=100).dataset
    assert not refits_of(data, Sklearn("sklearn.linear_model.LogisticRegression")).keeps_directions
    assert not refits_of(data, MLP(), GradientTrainer()).keeps_directions


def test_a_network_counts_each_row_as_often_as_it_is_seen(toy) -> None:
    data = toy(n=100).dataset
    trainer = GradientTrainer(max_epochs=2, min_steps=0)
    refits = refits_of(data, MLP(), trainer)
    built = MLP().build(data.schema, data.train, 0)
    parameters = sum(parameter.numel() for parameter in built.parameters())
    assert refits.work == parameters * trainer.planned_rows(len(data.train))
    assert refits.is_network
    assert refits.most_work == 2 * 10**9


def test_a_network_is_fitted_by_the_trainer_and_the_seed_of_the_run(toy) -> None:
    data = toy(n=60).dataset
    trainer = GradientTrainer(max_epochs=1, min_steps=0)
    refits = refits_of(data, MLP(), trainer)
    rows = np.arange(len(data.train))
    first, again, other = refits(rows), refits(rows, 3), refits(rows, 4)
    inputs = data.test.inputs
    assert np.array_equal(first.logits(inputs), again.logits(inputs))
    assert not np.array_equal(first.logits(inputs), other.logits(inputs))
