"""What TensorBoard is given, for models of every shape."""

from __future__ import annotations

import torch

from deepseek_report.training.board import TensorBoard


def test_a_model_with_an_empty_parameter_is_logged_without_it(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    module = torch.nn.ParameterDict(
        {"categories": torch.zeros(0, 4), "numbers": torch.linspace(0, 1, 8)}
    )
    board = TensorBoard(tmp_path, 0)
    board.epoch({"epoch": 1, "train_loss": 0.5}, module)
    board.writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["histograms"] == ["numbers"]
