"""What a self-explaining model adds up, read in batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.metrics.internals.timing import torch_module

_BATCH = 1024


def contributions(classifier: Classifier, rows: Floats, target: int) -> Floats:
    """(row, feature) what the model itself says that each feature adds for the target."""
    import torch

    module: Any = torch_module(classifier)
    device = next(module.parameters()).device
    classifier.calls += len(rows)
    parts = [
        module.intrinsic(
            torch.as_tensor(rows[start : start + _BATCH], dtype=torch.float32, device=device),
            target,
        )[0]
        for start in range(0, len(rows), _BATCH)
    ]
    return np.asarray(torch.cat(parts).double().cpu().numpy())
