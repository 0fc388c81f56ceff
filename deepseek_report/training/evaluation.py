"""Loss and score on the validation part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepseek_report.training.objective import Objective

ROWS_AT_ONCE = 256


def evaluate(
    module: Any, objective: Objective, inputs: Tensor, truths: Tensor, rows: int = ROWS_AT_ONCE
) -> tuple[float, float]:
    """Mean loss (no smoothing) and score in evaluation mode, at most so many rows at a time."""
    outputs = predict(module, inputs, min(rows, ROWS_AT_ONCE))
    known = truths.cpu()
    return objective.loss(outputs, known).item(), objective.score(outputs, known)


def predict(module: Any, inputs: Tensor, rows_at_once: int = ROWS_AT_ONCE) -> Tensor:
    """(instance, feature) -> (instance, output) as float32 on the CPU."""
    module.eval()
    with torch.no_grad():
        parts = [
            module.forward_with_balance(rows)[0].float().cpu()
            for rows in torch.split(inputs, rows_at_once)
        ]
    return torch.cat(parts)
