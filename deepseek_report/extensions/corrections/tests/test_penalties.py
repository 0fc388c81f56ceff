"""Terms of the loss: against slow rewrites and closed forms, and what they do in a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Layout
from deepseek_report.artifacts.split import PARTS, Dataset, Split
from deepseek_report.extensions.corrections.corrected_data import ResolvedCorrections
from deepseek_report.extensions.corrections.corrected_training import choose_weight
from deepseek_report.extensions.corrections.corrections_metric import use_of
from deepseek_report.extensions.corrections.cue_penalty import CuePenalty, _combination, penalty_on
from deepseek_report.extensions.corrections.declared_corrections import CorrectionItem
from deepseek_report.extensions.corrections.input_cues import InputCue
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.training.trainer import GradientTrainer
from tests.builders import table

SCHEMA = table("x0", "x1", "x2")
ROWS = np.random.default_rng(0).normal(size=(40, 3))


@dataclass
class Linear(torch.nn.Module):
    """Log-odds w·x of class 1; its units are the columns."""

    weights: Tensor
    unit_features: tuple[int, ...] = (0, 1, 2)
    training: bool = field(default=True, init=False)

    def eval(self) -> Linear:
        return self.train(False)

    def train(self, mode: bool = True) -> Linear:
        self.training = mode
        return self

    def embed(self, rows: Tensor) -> Tensor:
        return rows.unsqueeze(-1)

    def forward_embedded(self, units: Tensor) -> Tensor:
        odds = units[:, :, 0] @ self.weights
        return torch.stack([torch.zeros_like(odds), odds], dim=1)

    def forward_with_balance(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward_embedded(self.embed(rows)), torch.zeros(())

    __hash__ = object.__hash__


def linear() -> Any:
    return Linear(torch.tensor([1.0, -2.0, 0.5]))


def penalty(cue: InputCue, how: Any, weight: float = 1.0) -> CuePenalty:
    return CuePenalty([(cue, how)], weight, ROWS, SCHEMA)


def test_a_swap_pays_the_squared_movement_of_the_centred_outputs() -> None:
    cue = InputCue((1,))
    term = penalty(cue, "swap", 3.0).of(linear(), torch.tensor(ROWS, dtype=torch.float32), 5)
    changed = cue.redrawn(ROWS, ROWS, np.random.default_rng(5))
    moved = -2.0 * (changed[:, 1] - ROWS[:, 1])
    slow = np.mean([2 * (each / 2) ** 2 for each in moved])
    assert np.isclose(float(term), 3.0 * slow, rtol=1e-4)


def test_the_slope_of_a_straight_answer_pays_as_much_as_a_swap() -> None:
    rows = torch.tensor(ROWS, dtype=torch.float32)
    swap, slope = (
        penalty(InputCue((1,)), how).of(linear(), rows, 5) for how in ("swap", "penalty")
    )
    assert np.isclose(slope.item(), swap.item(), rtol=1e-4)


def test_the_slope_of_several_outputs_is_on_average_that_of_all_of_them() -> None:
    of_vector = np.array([3.0, -1.0, -2.0])
    weights = _combination((20_000, 3), np.random.default_rng(1))
    assert np.allclose(weights.sum(axis=1), 0.0)
    assert np.isclose(((weights @ of_vector) ** 2).mean(), 14.0, rtol=0.02)


class Plateaus(Linear):
    """Log-odds that are flat wherever a row lies, and steep between two rows."""

    def forward_embedded(self, units: Tensor) -> Tensor:
        odds = 2 * torch.sigmoid(40 * units[:, :, 0] @ self.weights)
        return torch.stack([torch.zeros_like(odds), odds], dim=1)


def test_who_is_flat_around_each_value_and_steep_in_between_pays_at_least_for_the_movement() -> (
    None
):
    rows = np.zeros((4000, 3))
    rows[:, 0] = np.resize([-1.0, 1.0], 4000)
    module: Any = Plateaus(torch.tensor([1.0, 0.0, 0.0]))
    inputs = torch.tensor(rows, dtype=torch.float32)
    swap, slope = (
        CuePenalty([(InputCue((0,)), how)], 1.0, rows, SCHEMA).of(module, inputs, 3).item()
        for how in ("swap", "penalty")
    )
    assert swap > 0.9
    assert slope > swap


def test_a_direction_pays_for_movements_the_wrong_way_alone() -> None:
    rows = torch.tensor(ROWS, dtype=torch.float32)
    right = [InputCue((0,), direction=1), InputCue((1,), direction=-1)]
    assert [float(penalty(cue, "penalty").of(linear(), rows, 1)) for cue in right] == [0.0, 0.0]
    assert float(penalty(InputCue((1,), direction=1), "penalty").of(linear(), rows, 1)) > 0.1


def test_the_mode_of_the_module_is_left_as_it_was() -> None:
    module = linear()
    penalty(InputCue((0,)), "swap").of(module, torch.tensor(ROWS, dtype=torch.float32), 1)
    assert module.training


def test_a_network_that_pays_hardly_uses_what_decided_before(
    dataset: Dataset, tmp_path: Path
) -> None:
    trainer = GradientTrainer(
        max_epochs=6, patience=6, min_steps=0, batch_size=64, tensorboard=False, learning_rate=0.02
    )
    cue, model, uses = InputCue((0,)), MLP(hidden=(16,), bins=4), []
    for weight in (0.0, 10.0):
        module = model.build(dataset.schema, dataset.train, 0)
        term = penalty_on([(cue, "swap")], weight, dataset) if weight else None
        trainer.fit(
            module, dataset, TrainingPlace(tmp_path / str(weight), 0, "cpu"), Silent(), term
        )
        classifier = model.wrap(module, dataset.schema, "cpu")
        rows = dataset.test.inputs
        uses.append(use_of(classifier, rows, rows, cue, dataset.train.labels, 0).mean())
    assert uses[0] > 0.2
    assert uses[1] < 0.2 * uses[0]


def series(n: int = 240) -> Dataset:
    """Two channels of 12 steps: a slope tells the class, and a level in the last four steps too."""
    rng = np.random.default_rng(3)
    windows = tuple(tuple(range(8 * k, 8 * k + 8)) for k in range(3))
    names = tuple(f"steps {4 * k + 1}–{4 * k + 4}" for k in range(3))
    layout = Layout("series", (12, 2), windows, names)
    schema = table(*(f"s{k}" for k in range(24)), layout=layout)
    parts: dict[str, Any] = {}
    for name in PARTS:
        labels = np.arange(n) % 2
        rows = rng.normal(size=(n, 12, 2))
        rows[:, :8, 0] += (2 * labels - 1)[:, None] * np.linspace(0.0, 0.6, 8)
        rows[:, 8:, 1] += 3.0 * (2 * labels - 1)[:, None]
        parts[name] = Split(rows.reshape(n, 24), labels, np.arange(n))
    return Dataset(schema, **parts, card={})


def test_a_marked_window_of_a_series_hardly_decides_any_more(tmp_path: Path) -> None:
    data = series()
    item = CorrectionItem("region", ("steps 9–12",))
    resolved = ResolvedCorrections.of([item], data, "network")
    assert resolved.cues[0].cue.columns == tuple(range(16, 24))
    trainer = GradientTrainer(
        max_epochs=8, patience=8, min_steps=0, batch_size=48, tensorboard=False, learning_rate=0.02
    )
    model = DeepSeek(width=8, layers=1, experts=2, experts_per_token=1)

    def fitted(weight: float) -> Any:
        module = model.build(data.schema, data.train, 0)
        cues = [(each.cue, each.how) for each in resolved.trained_away]
        term = penalty_on(cues, weight, data) if weight else None
        trainer.fit(module, data, TrainingPlace(tmp_path / str(weight), 0, "cpu"), Silent(), term)
        return model.wrap(module, data.schema, "cpu")

    chosen = choose_weight(fitted, fitted(0.0), resolved, data, 0)
    (was,), (now,) = (chosen["tried"][-1][when] for when in ("before", "after"))
    assert was > 0.2
    assert now < 0.2 * was
