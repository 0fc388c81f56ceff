"""Loss and score on the validation part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepseek_report.training.compiling import Forward
from deepseek_report.training.objective import Objective

ROWS_AT_ONCE = 256


def evaluate(
    module: Any,
    forward: Forward,
    objective: Objective,
    inputs: Tensor,
    truths: Tensor,
    rows: int = ROWS_AT_ONCE,
) -> tuple[float, float]:
    """Mean loss (no smoothing) and score in evaluation mode, at most so many rows at a time.

    forward : of the module, from rows like `inputs`.
    """
    module.eval()
    outputs = predict(forward, inputs, min(rows, ROWS_AT_ONCE))
    known = truths.cpu()
    return objective.loss(outputs, known).item(), objective.score(outputs, known)


def predict(forward: Forward, inputs: Tensor, rows_at_once: int) -> Tensor:
    """(instance, …) -> (instance, output) as float32 on the CPU."""
    with torch.no_grad():
        parts = [forward(rows)[0].float().cpu() for rows in torch.split(inputs, rows_at_once)]
    return torch.cat(parts)
