from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.training import session
from deepseek_report.training.epoch import (
    Classes,
    Precision,
    Stepper,
    choose_precision,
    learning_rate,
    roc_auc,
    widest_layer,
)
from deepseek_report.training.trainer import GradientTrainer
from tests.worded import say


def _stepper(module, **settings):
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    optimiser.groups = []  # its rate stays
    return Stepper(
        settings=GradientTrainer(gradient_clip=None, **settings),
        module=module,
        objective=Classes(),
        optimiser=optimiser,
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        precision=Precision("float32", ""),
        device="cpu",
        total=10,
        forward=module.forward_with_balance,
    )


def _step(dataset, **settings):
    """Weights after one optimiser step on 64 rows, and what the pass told."""
    module = MLP(hidden=(8,), bins=4, dropout=0.0).build(dataset.schema, dataset.train, 0)
    inputs = torch.tensor(dataset.train.inputs[:64], dtype=torch.float32)
    labels = torch.tensor(dataset.train.labels[:64])
    torch.manual_seed(0)
    passed = _stepper(module, **settings).epoch(inputs, labels, 3, Silent())
    return list(module.parameters()), passed


def test_two_half_batches_accumulated_are_one_batch(dataset):
    whole, epoch = _step(dataset, batch_size=64)
    halves, epoch_too = _step(dataset, batch_size=32, accumulation=2)
    thirds, _ = _step(dataset, batch_size=24, accumulation=3)
    for of_whole, two, three in zip(whole, halves, thirds, strict=True):
        torch.testing.assert_close(of_whole, two)
        torch.testing.assert_close(of_whole, three)
    assert epoch.loss == pytest.approx(epoch_too.loss, rel=1e-5)
    assert epoch.gradient_norm == pytest.approx(epoch_too.gradient_norm, rel=1e-4)


def test_label_smoothing_mixes_the_loss_with_that_of_an_even_guess(dataset):
    smoothed = _step(dataset, batch_size=64, label_smoothing=0.2)[1].loss
    plain = _step(dataset, batch_size=64, label_smoothing=0.0)[1].loss
    module = MLP(hidden=(8,), bins=4, dropout=0.0).build(dataset.schema, dataset.train, 0)
    logits = module(torch.tensor(dataset.train.inputs[:64], dtype=torch.float32))
    even = -logits.log_softmax(1).mean().item()
    assert smoothed == pytest.approx(0.8 * plain + 0.2 * even, rel=1e-5)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_rate_rises_to_its_peak_and_stays_positive(schedule):
    rates = [learning_rate(step, 100, 0.5, schedule, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == rates[9] == 0.5
    assert min(rates) > 0
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_cosine_agrees_with_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=0.5)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=40)
    for step in range(40):
        expected = optimiser.param_groups[0]["lr"]
        assert learning_rate(step, 40, 0.5, "cosine", 0.0) == pytest.approx(expected)
        optimiser.step()
        oracle.step()


def test_roc_auc_agrees_with_sklearn_also_with_ties_and_three_classes():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    shares = rng.dirichlet(np.ones(3), 200).round(1).astype(np.float32)
    shares = shares / shares.sum(1, keepdims=True)
    areas = [roc_auc_score(labels == c, shares[:, c]) for c in range(3)]
    assert roc_auc(shares, labels) == pytest.approx(np.mean(areas))
    two = shares[:, :2]
    assert roc_auc(two, labels == 1) == pytest.approx(roc_auc_score(labels == 1, two[:, 1]))
    assert np.isnan(roc_auc(two, np.zeros(200, dtype=np.int64)))


def test_auto_precision_on_a_cpu_needs_a_matrix_unit_and_a_wide_layer(monkeypatch):
    narrow, wide = torch.nn.Linear(64, 64), torch.nn.Linear(512, 512)
    monkeypatch.setattr("deepseek_report.training.epoch._has_amx", lambda: False)
    assert choose_precision("auto", "cpu", wide).name == "float32"
    monkeypatch.setattr("deepseek_report.training.epoch._has_amx", lambda: True)
    assert choose_precision("auto", "cpu", wide).name == "bf16"
    assert choose_precision("auto", "cpu", narrow).name == "float32"
    assert widest_layer(wide) == 512


def test_a_precision_that_the_device_lacks_is_replaced_with_a_reason():
    chosen = choose_precision("fp16", "cpu", torch.nn.Linear(2, 2))
    assert chosen.name == "float32"
    assert "GPU" in say(chosen.reason)
    assert choose_precision("bf16", "cpu", torch.nn.Linear(2, 2)).name == "bf16"


def test_apples_gpu_trains_in_float32_unless_bf16_is_asked_for():
    wide = torch.nn.Linear(512, 512)
    names = {wanted: choose_precision(wanted, "mps", wide) for wanted in ("auto", "fp16", "bf16")}
    assert [precision.name for precision in names.values()] == ["float32", "float32", "bf16"]
    assert "Apple" in say(names["auto"].reason)
    assert "Apple" in say(names["fp16"].reason)


def test_fetching_rows_is_timed_within_the_steps(dataset):
    epoch = _step(dataset, batch_size=16)[1]
    assert 0 < epoch.input_seconds < epoch.seconds


def test_bf16_trains_on_a_cpu(dataset):
    module = MLP(hidden=(8,), bins=4).build(dataset.schema, dataset.train, 0)
    with Precision("bf16", "").autocast("cpu"):
        logits = module(torch.tensor(dataset.train.inputs[:8], dtype=torch.float32))
    assert logits.dtype == torch.bfloat16


def test_a_step_that_fp16_overflowed_has_no_gradient_norm(dataset):
    module = MLP(hidden=(8,), bins=4, dropout=0.0).build(dataset.schema, dataset.train, 0)
    stepper = _stepper(module, batch_size=64)
    stepper.precision = Precision("fp16", "")
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, math.inf)
    assert stepper._step() == []
    stepper.precision = Precision("float32", "")
    assert stepper._step() != []


def test_maps_are_darkest_at_each_maps_greatest_value():
    weights = np.zeros((2, 3, 4), dtype=np.float32)
    weights[0, 1, 2], weights[1, 0, 0] = 0.5, 1e-3
    picture = session.maps(weights, zoom=2)
    assert picture.shape == (1, 6, 2 * (8 + 2))
    assert picture[0, 2, 4] == 0
    assert picture[0, 0, 10] == 0
    assert picture[0, 5, 0] == 255


def test_a_large_map_shows_the_mean_of_neighbours():
    weights = np.random.default_rng(0).random((1, 512, 512)).astype(np.float32)
    pooled = weights.reshape(1, 128, 4, 128, 4).mean((2, 4))
    assert np.array_equal(session.maps(weights, zoom=1), session.maps(pooled, zoom=1))


def test_a_perfect_ranking_draws_the_upper_left_corner():
    scores, positive = np.array([0.1, 0.2, 0.8, 0.9], dtype=np.float32), np.array([0, 0, 1, 1]) > 0
    assert session.roc(scores, positive)[0, 0, 0] == 0
    assert session.roc(-scores, positive)[0, -1, -1] == 0
    assert session.calibration(scores, positive, bins=2).shape == (1, 160, 160)
