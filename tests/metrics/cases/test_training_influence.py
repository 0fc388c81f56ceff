"""Which training rows pushed a decision: against closed forms, and against fits without them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.cases import training_influence
from deepseek_report.models.estimators.sklearn import Sklearn
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.runner.execution.refitting import ModelRefits
from deepseek_report.training.trainer import GradientTrainer
from tests.builders import COLOURS, NUMBER, TARGET, dataset, logistic, numbered, numeric, table
from tests.metrics.refits import refits_of
from tests.worded import refused


def part_of(rows: int, seed: int, target: Target = TARGET) -> Split:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4))
    signal = 2 * x[:, 0] - x[:, 1] + x[:, 2] * x[:, 3]
    if target is NUMBER:
        return Split(x, signal + rng.normal(size=rows), np.arange(rows))
    labels = (rng.random(rows) < logistic(2 * signal)).astype(np.int64)
    return Split(x, labels, np.arange(rows))


def fitted(path: str, target: Target = TARGET, **params: Any) -> Any:
    schema, train = table(*numbered(4), target=target), part_of(200, 1, target)
    model = Sklearn(f"sklearn.ensemble.{path}", params)
    built = model.build(schema, train, 0)
    built.fit(train)
    return model.wrap(built, schema, "cpu"), train


def test_pushes_in_a_forest_add_up_to_its_answer_less_the_base_rate() -> None:
    classifier, train = fitted(
        "ExtraTreesClassifier", n_estimators=7, min_samples_leaf=5, bootstrap=False
    )
    rows, targets = part_of(12, 2).inputs, np.array([0, 1] * 6)
    pushes = training_influence.pushes_of_trees(classifier, classifier.schema, train, rows, targets)
    answers = classifier.probabilities(rows)[np.arange(12), targets]
    base = np.array([(train.labels == target).mean() for target in targets])
    np.testing.assert_allclose(pushes.sum(axis=1) / 7, answers - base, atol=1e-9)


def test_pushes_in_boosted_trees_of_a_number_add_up_to_what_they_add_to_the_mean() -> None:
    classifier, train = fitted(
        "GradientBoostingRegressor", NUMBER, n_estimators=15, learning_rate=0.2
    )
    rows, targets = part_of(9, 2, NUMBER).inputs, np.zeros(9, dtype=np.int64)
    pushes = training_influence.pushes_of_trees(classifier, classifier.schema, train, rows, targets)
    answers = classifier.probabilities(rows)[:, 0]
    np.testing.assert_allclose(0.2 * pushes.sum(axis=1), answers - train.labels.mean(), atol=1e-6)


@pytest.mark.parametrize("path", ["GradientBoostingClassifier", "HistGradientBoostingClassifier"])
def test_pushes_in_boosted_trees_of_classes_are_opposite_for_opposite_classes(path: str) -> None:
    classifier, train = fitted(path)
    row = np.tile(part_of(1, 3).inputs, (2, 1))
    pushes = training_influence.pushes_of_trees(
        classifier, classifier.schema, train, row, np.array([0, 1])
    )
    np.testing.assert_allclose(pushes[0], -pushes[1], atol=1e-9)
    toward = np.sign(pushes[1]) == np.where(train.labels == 1, 1, -1)
    assert toward[pushes[1] != 0].all()


class Logistic(nn.Module):
    """A linear layer and nothing else, whose influences are known."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.linear(inputs)
        return logits

    def forward_with_balance(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self(inputs), torch.zeros(())


def network(module: nn.Module) -> Any:
    return SimpleNamespace(module=module, schema=table(*numbered(4)), calls=0)


def test_pushes_of_networks_are_the_formula_row_by_row() -> None:
    torch.manual_seed(0)
    models, train = [network(Logistic()), network(Logistic())], part_of(60, 1)
    rows, targets = part_of(5, 2).inputs, np.array([1, 0, 1, 1, 0])
    expected = np.zeros((5, 60))
    for model in models:
        weight = model.module.linear.weight.detach().double().numpy()
        bias = model.module.linear.bias.detach().double().numpy()
        known, queries = (np.c_[part, np.ones(len(part))] for part in (train.inputs, rows))
        powers = np.exp(train.inputs @ weight.T + bias)
        shares = powers / powers.sum(axis=1, keepdims=True)
        for k in range(2):
            bends = shares[:, k] * (1 - shares[:, k])
            curvature = sum(w * np.outer(a, a) for w, a in zip(bends, known, strict=True))
            curvature = curvature + training_influence.DAMPING * np.trace(curvature) / 5 * np.eye(5)
            for case, target in enumerate(targets):
                sign = 1.0 if k == target else -1.0
                for z in range(60):
                    rest = float(train.labels[z] == k) - shares[z, k]
                    alike = known[z] @ np.linalg.solve(curvature, queries[case])
                    expected[case, z] += rest * sign * alike
    pushes = training_influence.pushes_of_networks(models, train, rows, targets)
    np.testing.assert_allclose(pushes, expected, rtol=1e-3, atol=1e-5)


def test_a_network_without_a_last_linear_layer_is_refused() -> None:
    class Other(Logistic):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.stack([inputs[:, 0], inputs[:, 1] * self.linear.bias[0]], 1)

    with refused("ends in a linear layer"):
        training_influence.pushes_of_networks(
            [network(Other())], part_of(9, 1), part_of(2, 2).inputs, np.zeros(2, int)
        )


TRAINER = GradientTrainer(
    max_epochs=6, min_steps=0, batch_size=32, learning_rate=5e-3, tensorboard=False
)


def refits_and_data(model: Any) -> tuple[ModelRefits, Dataset]:
    data = dataset(table(*numbered(4)), part_of(250, 1), part_of(150, 2), part_of(16, 3))
    return refits_of(data, model, TRAINER), data


def test_the_training_is_run_again_and_its_points_lie_on_the_way() -> None:
    refits, data = refits_and_data(MLP(hidden=(8,)))
    final, rows = refits(np.arange(250)), data.test.inputs
    points = refits.checkpoints(3)
    apart = [np.abs(point.logits(rows) - final.logits(rows)).mean() for point in points]
    assert len(points) == 3
    assert apart[0] > apart[2] > 0
    again = refits.checkpoints(3)
    np.testing.assert_array_equal(again[1].logits(rows), points[1].logits(rows))


@pytest.mark.parametrize(
    "model",
    [
        MLP(hidden=(16,)),
        Sklearn("sklearn.ensemble.GradientBoostingClassifier", {"n_estimators": 20}),
    ],
    ids=["network", "trees"],
)
def test_pushes_rank_what_fits_without_half_of_the_rows_say(model) -> None:
    """The linear datamodelling score of Park et al. 2023, arXiv:2303.14186."""
    refits, data = refits_and_data(model)
    rng, rows, targets = np.random.default_rng(0), data.test.inputs, np.ones(16, dtype=np.int64)
    final = refits(np.arange(250))
    pushes = (
        training_influence.pushes_of_networks([final], data.train, rows, targets)
        if refits.is_network
        else training_influence.pushes_of_trees(final, data.schema, data.train, rows, targets)
    )
    kept = rng.random((40, 250)) < 0.5
    answers = np.array([refits(np.flatnonzero(k)).log_odds(rows, 1) for k in kept])
    rho = [spearmanr(kept @ pushes[case], answers[:, case])[0] for case in range(16)]
    assert np.mean(rho) > 0.25


def test_the_rows_that_are_listed_are_those_of_the_training_part(toy) -> None:
    context = toy(n=200)
    torch.manual_seed(0)

    class Narrow(Logistic):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

    model = network(Narrow())
    model.schema, model.capabilities = context.dataset.schema, frozenset({"module"})
    of_two = replace(context, classifier=model, cases=Cases(np.array([4, 9]), {"a": 0, "b": 1}))
    measured = training_influence.TracIn(most=3).measure(of_two)
    table, train = measured.tables["pushes"], context.dataset.train
    assert len(table) == 2 * 2 * 3
    label = dict(zip(train.instance_ids.tolist(), train.labels.tolist(), strict=True))
    classes = context.dataset.schema.target.classes
    assert all(classes[label[row.instance_id]] == row.label for row in table.itertuples())
    assert ((table.share > 0) & (table.share < 1)).all()
    covered = table.groupby("case").share.sum()
    np.testing.assert_allclose(covered, measured.tables["pushed"].covered)


def test_what_a_training_row_has_in_common_with_a_case_is_told_by_what_few_rows_share() -> None:
    colours = Feature("c", "colour", "categorical", categories=COLOURS)
    size = Feature("x", "size", "numeric", unit="cm")
    schema = Schema((size, colours, *numeric("constant")), TARGET)
    sizes = np.arange(100.0)
    train = np.column_stack([sizes, sizes % 10 == 0, np.full(100, 7.0)])
    cases = np.array([[50.0, 1.0, 7.0], [np.nan, 0.0, 7.0]])
    alike = training_influence.Likeness(schema, train, cases)
    assert {*alike.in_common(0, 50)} == {"colour: green", "size: 50\u00a0cm"}
    assert alike.in_common(0, 53) == ["size: 50\u00a0cm"]
    assert alike.in_common(0, 90) == ["colour: green"]
    assert alike.in_common(0, 91) == []  # all are alike in what every row has
    assert alike.in_common(1, 91) == []  # nine in ten are red
