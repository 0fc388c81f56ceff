"""From logits to probabilities and log-odds, one formula for all who need it."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats


def softmax(logits: Floats) -> Floats:
    """(instance, class) -> (instance, class), rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def log_odds(logits: Floats, target: int) -> Floats:
    """(instance, class) -> (instance,) log p / (1 − p) of the target class.

    `z_t − log Σ_{c≠t} exp z_c`, which stays finite where p rounds to 1. A single column is a
    number, and is given as it is.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    others = np.delete(logits, target, axis=1)
    return np.asarray(logits[:, target] - np.logaddexp.reduce(others, axis=1))
