"""What is minimised and by what it is followed, by closed form and against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, r2_score, roc_auc_score

from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.training.epoch import Classes, Labels, Number, objective_for

RNG = np.random.default_rng(4)
NUMBER = Target("price", "Price", ("price",), 0, explained=0, task="regression", unit="k$")
SEVERAL = Target(
    "a", "A", ("without a", "with a"), 0, task="multi_label", labels=("a", "b", "c"), label_index=1
)


def _schema(target: Target) -> Schema:
    return Schema((Feature("x", "X", "numeric"),), target)


def _split(labels: np.ndarray, all_labels: np.ndarray | None = None) -> Split:
    n = len(labels)
    return Split(np.zeros((n, 1)), labels, np.arange(n), all_labels=all_labels)


def test_the_target_chooses_the_objective_and_a_number_is_scaled_by_the_training_part():
    labels = RNG.normal(200, 30, 50)
    objective = objective_for(_schema(NUMBER), _split(labels))
    assert isinstance(objective, Number)
    assert objective.variance == pytest.approx(labels.var())
    assert isinstance(objective_for(_schema(SEVERAL), _split(labels)), Labels)
    two = replace(NUMBER, task="classification", classes=("no", "yes"))
    assert isinstance(objective_for(_schema(two), _split(labels)), Classes)


def test_always_saying_the_mean_has_a_loss_of_one_and_an_r2_of_zero():
    labels = RNG.normal(200, 30, 400)
    objective = objective_for(_schema(NUMBER), _split(labels))
    truths = objective.truths(_split(labels))
    guess = torch.full((400, 1), float(labels.mean()))
    assert objective.loss(guess, truths).item() == pytest.approx(1, rel=1e-5)
    assert objective.score(guess, truths) == pytest.approx(0, abs=1e-5)


def test_r2_agrees_with_sklearn_and_is_undefined_where_all_numbers_are_equal():
    labels = RNG.normal(0, 2, 90)
    predicted = labels + RNG.normal(0, 1.5, 90)
    outputs, truths = torch.tensor(predicted[:, None]), torch.tensor(labels)
    assert Number(4.0).score(outputs, truths) == pytest.approx(r2_score(labels, predicted))
    assert np.isnan(Number(1.0).score(outputs, torch.ones(90)))


def test_the_loss_of_a_number_is_the_squared_error_over_the_variance_and_never_smoothed():
    outputs, truths = torch.tensor([[1.0], [5.0]]), torch.tensor([2.0, 2.0])
    assert Number(4.0).loss(outputs, truths).item() == pytest.approx((1 + 9) / 2 / 4)
    assert Number(4.0).loss(outputs, truths, 0.3) == Number(4.0).loss(outputs, truths)


def test_several_labels_cost_the_mean_of_their_log_losses():
    outputs = torch.tensor(RNG.normal(0, 1, (60, 3)))
    truths = torch.tensor(RNG.integers(0, 2, (60, 3)), dtype=torch.float64)
    shares = outputs.sigmoid().numpy()
    each = [log_loss(truths[:, c], shares[:, c]) for c in range(3)]
    assert Labels().loss(outputs, truths).item() == pytest.approx(np.mean(each))


def test_smoothing_mixes_the_loss_of_several_labels_with_that_of_an_even_guess():
    outputs = torch.tensor(RNG.normal(0, 1, (60, 3)))
    truths = torch.tensor(RNG.integers(0, 2, (60, 3)), dtype=torch.float64)
    even = Labels().loss(outputs, torch.full((60, 3), 0.5, dtype=torch.float64))
    mixed = 0.8 * Labels().loss(outputs, truths) + 0.2 * even
    assert Labels().loss(outputs, truths, 0.2).item() == pytest.approx(mixed.item())


def test_the_score_of_several_labels_is_their_mean_auc_without_those_that_are_all_alike():
    outputs = torch.tensor(RNG.normal(0, 1, (80, 3)))
    truths = torch.tensor(RNG.integers(0, 2, (80, 3)), dtype=torch.float32)
    truths[:, 2] = 1.0
    areas = [roc_auc_score(truths[:, c], outputs[:, c]) for c in range(2)]
    assert Labels().score(outputs, truths) == pytest.approx(np.mean(areas))
    assert np.isnan(Labels().score(outputs[:, 2:], truths[:, 2:]))


def test_the_truths_of_several_labels_are_all_of_them():
    present = RNG.integers(0, 2, (20, 3))
    truths = Labels().truths(_split(present[:, 1], present))
    assert truths.dtype == torch.float32
    assert np.array_equal(truths.numpy(), present)
