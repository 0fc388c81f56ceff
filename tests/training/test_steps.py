"""One step of a training: its objective, its optimiser, its rate, and its precision."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, r2_score, roc_auc_score

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Split
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.training import session
from deepseek_report.training.epoch import (
    AdamW,
    Classes,
    Labels,
    Number,
    Precision,
    Stepper,
    choose_precision,
    learning_rate,
    objective_for,
    roc_auc,
    widest_layer,
)
from deepseek_report.training.trainer import GradientTrainer
from tests.builders import table
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


RNG = np.random.default_rng(4)
NUMBER = Target("price", "Price", ("price",), 0, explained=0, task="regression", unit="k$")
SEVERAL = Target(
    "a", "A", ("without a", "with a"), 0, task="multi_label", labels=("a", "b", "c"), label_index=1
)


def _split(labels: np.ndarray, all_labels: np.ndarray | None = None) -> Split:
    n = len(labels)
    return Split(np.zeros((n, 1)), labels, np.arange(n), all_labels=all_labels)


def test_the_target_chooses_the_objective_and_a_number_is_scaled_by_the_training_part():
    labels = RNG.normal(200, 30, 50)
    objective = objective_for(table("x", target=NUMBER), _split(labels))
    assert isinstance(objective, Number)
    assert objective.variance == pytest.approx(labels.var())
    assert isinstance(objective_for(table("x", target=SEVERAL), _split(labels)), Labels)
    two = replace(NUMBER, task="classification", classes=("no", "yes"))
    assert isinstance(objective_for(table("x", target=two), _split(labels)), Classes)


def test_always_saying_the_mean_has_a_loss_of_one_and_an_r2_of_zero():
    labels = RNG.normal(200, 30, 400)
    objective = objective_for(table("x", target=NUMBER), _split(labels))
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


def parameters() -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    shapes = ((4, 3), (5,), (2, 3, 4), (7, 2))
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]


def test_its_steps_are_those_of_torch_also_where_a_gradient_is_missing():
    ours, torchs = parameters(), parameters()
    optimiser = AdamW(ours, 0.02, 0.1)
    groups = [
        {"params": [p for p in torchs if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in torchs if p.dim() < 2], "weight_decay": 0.0},
    ]
    oracle = torch.optim.AdamW(groups, lr=0.02, fused=True)
    for step in range(5):
        for group, other in zip(optimiser.groups, oracle.param_groups, strict=True):
            group.rate = other["lr"] = 0.02 / (step + 1)
        for mine, other in zip(ours, torchs, strict=True):
            mine.grad = torch.full_like(mine, 1.0 + step).cumsum(0)
            other.grad = mine.grad.clone()
        ours[step % 4].grad = torchs[step % 4].grad = None
        optimiser.step()
        oracle.step()
        assert all(torch.equal(mine, other) for mine, other in zip(ours, torchs, strict=True))


def test_forgotten_gradients_change_nothing():
    ours = parameters()
    optimiser = AdamW(ours, 0.02, 0.1)
    for mine in ours:
        mine.grad = torch.ones_like(mine)
    optimiser.zero_grad()
    before = [mine.detach().clone() for mine in ours]
    optimiser.step()
    assert all(torch.equal(mine, old) for mine, old in zip(ours, before, strict=True))


def test_training_does_not_load_the_compiler_of_torch():
    program = (
        "import sys, tempfile\n"
        "from pathlib import Path\n"
        "from deepseek_report.artifacts.protocols.models import TrainingPlace\n"
        "from deepseek_report.artifacts.protocols.progress import Silent\n"
        "from deepseek_report.config.compose import compose\n"
        "from deepseek_report.config.validate import validate\n"
        "fast = ['debug=fast', 'dataset.rows=600', 'trainer.tensorboard=true']\n"
        "parts = validate(compose(fast))\n"
        "dataset = parts.dataset.load(1, Silent())\n"
        "module = parts.model.build(dataset.schema, dataset.train, 1)\n"
        "place = TrainingPlace(Path(tempfile.mkdtemp()), 1, 'cpu')\n"
        "parts.trainer.fit(module, dataset, place, Silent())\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
