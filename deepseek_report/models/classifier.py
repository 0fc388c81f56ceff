"""A trained torch module as a classifier of numpy arrays."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deepseek_report.artifacts.protocols import Capability
from deepseek_report.artifacts.schema import Schema
from deepseek_report.models.seeding import seeded

Floats = NDArray[np.float64]

#: Rows per call of the module: large enough to keep two cores busy, small enough for their caches.
BATCH = 256


class TorchClassifier:
    """Evaluates a module in evaluation mode, in batches and without gradients.

    `calls` counts the rows that were evaluated; explainers that call the module themselves add
    theirs.
    """

    def __init__(
        self,
        module: nn.Module,
        schema: Schema,
        name: str,
        capabilities: frozenset[Capability],
        device: str = "cpu",
    ) -> None:
        self.module: Any = module.to(device).eval()
        self.schema = schema
        self.name = name
        self.capabilities = capabilities
        self.device = device
        self.calls = 0

    def logits(self, inputs: Floats) -> Floats:
        """(instance, feature) in original units -> (instance, class)."""
        self.calls += len(inputs)
        rows = torch.as_tensor(np.ascontiguousarray(inputs), dtype=torch.float32)
        out = np.empty((len(inputs), len(self.schema.target.classes)))
        with torch.inference_mode():
            for start in range(0, len(inputs), BATCH):
                batch = rows[start : start + BATCH].to(self.device)
                out[start : start + BATCH] = self.module(batch).cpu().numpy()
        return out

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class), rows sum to 1."""
        logits = self.logits(inputs)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def log_odds(self, inputs: Floats, target: int) -> Floats:
        """(instance, feature) -> (instance,) log p / (1 − p) of the target class.

        `z_t − log Σ_{c≠t} exp z_c`, which stays finite where p rounds to 1.
        """
        logits = self.logits(inputs)
        others = np.delete(logits, target, axis=1)
        odds: Floats = logits[:, target] - np.logaddexp.reduce(others, axis=1)
        return odds

    def randomised(self, seed: int) -> TorchClassifier:
        """A copy whose weights are drawn anew as before training; data statistics stay.

        Reference: Adebayo et al. 2018, Sanity Checks for Saliency Maps,
        doi 10.48550/arXiv.1810.03292.
        """
        module = copy.deepcopy(self.module)
        with seeded(seed):
            for part in module.modules():
                reset = getattr(part, "reset_parameters", None)
                if reset is not None:
                    reset()
        return TorchClassifier(module, self.schema, self.name, self.capabilities, self.device)
