"""What TensorBoard is given, for models of every shape."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch

from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.training.session import LAYOUT, TensorBoard, expert_balance


def test_a_model_with_an_empty_parameter_is_logged_without_it(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    module = torch.nn.ParameterDict(
        {"categories": torch.zeros(0, 4), "numbers": torch.linspace(0, 1, 8)}
    )
    board = TensorBoard(tmp_path, 0)
    board.epoch({"epoch": 1, "train_loss": 0.5}, module, torch.zeros(2, 1))
    board.writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["histograms"] == ["numbers"]


class Routed(torch.nn.Module):
    """Two layers: one sends every token to one of four experts, the other shares evenly."""

    token_columns = ((0,),)

    def trace(self, inputs):
        alone, even = torch.zeros(len(inputs), 3, 4), torch.full((len(inputs), 3, 4), 0.25)
        alone[..., 2] = 1
        return inputs, [LayerTrace(expert_weights=alone), LayerTrace(expert_weights=even)]


def test_experts_in_use_are_counted_from_one_to_all():
    assert expert_balance(Routed(), torch.zeros(5, 1)) == pytest.approx({1: 1.0, 2: 4.0})


def test_a_module_without_experts_has_no_balance():
    assert expert_balance(SimpleNamespace(), torch.zeros(5, 1)) == {}


def test_the_layout_names_only_scalars_that_are_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    row = {"epoch": 1, "train_loss": 1, "validation_loss": 1, "validation_score": 1,
           "gradient_norm": 1}  # fmt: skip
    board = TensorBoard(tmp_path, 0)
    board.epoch(row, Routed(), torch.zeros(5, 1))
    board.writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    charts = [tags for chart in LAYOUT.values() for _, tags in chart.values()]
    for pattern in (tag for tags in charts for tag in tags):
        assert any(re.fullmatch(pattern, tag) for tag in events.Tags()["scalars"]), pattern
