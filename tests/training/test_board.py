"""What TensorBoard is given, for models of every shape."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepseek_report.artifacts.protocols.models import EpochRecord
from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.training.session import LAYOUT, TensorBoard, expert_balance


class Routed(torch.nn.Module):
    """Two layers: one sends every token to one of four experts, the other shares evenly."""

    token_columns = ((0,),)

    def trace(self, inputs):
        alone, even = torch.zeros(len(inputs), 3, 4), torch.full((len(inputs), 3, 4), 0.25)
        alone[..., 2] = 1
        return inputs, [LayerTrace(expert_weights=alone), LayerTrace(expert_weights=even)]


def tags_of_an_epoch(module, folder):
    board = TensorBoard(folder, 0)
    board.epoch(EpochRecord(1, 0.5, 0.5, 0.5, 0.1, 1.0), {}, module, torch.zeros(5, 1))
    board.writer.close()
    events = EventAccumulator(str(folder))
    events.Reload()
    return events.Tags()


def test_a_model_with_an_empty_parameter_is_logged_without_it(tmp_path):
    weights = {"categories": torch.zeros(0, 4), "numbers": torch.linspace(0, 1, 8)}
    tags = tags_of_an_epoch(torch.nn.ParameterDict(weights), tmp_path)
    assert tags["histograms"] == ["numbers"]


def test_experts_in_use_are_counted_from_one_to_all():
    assert expert_balance(Routed(), torch.zeros(5, 1)) == pytest.approx({1: 1.0, 2: 4.0})


def test_a_module_without_experts_has_no_balance():
    assert expert_balance(SimpleNamespace(), torch.zeros(5, 1)) == {}


def test_the_layout_names_only_scalars_that_are_written(tmp_path):
    written = tags_of_an_epoch(Routed(), tmp_path)["scalars"]
    charts = [tags for chart in LAYOUT.values() for _, tags in chart.values()]
    for pattern in (tag for tags in charts for tag in tags):
        assert any(re.fullmatch(pattern, tag) for tag in written), pattern
