"""Gradients of the log-odds in embedding space; imported only from inside functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from deepseek_report.artifacts.array_types import Floats

if TYPE_CHECKING:
    from torch import Tensor


def log_odds(logits: Tensor, target: int) -> Tensor:
    """Logarithm of p / (1 − p): the target's logit minus the log-sum-exp of all others.

    Parameters
    ----------
    logits : tensor
        (instance, class); a single column is a number, which is taken as it is.
    target : int
        Position of the class.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
    return logits[:, target] - torch.logsumexp(others, dim=1)


def embedded_log_odds(module: Any, target: int) -> Callable[[Tensor], Tensor]:
    """The model from its embedding on, as a function that can be differentiated."""
    return lambda embedded: log_odds(module.forward_embedded(embedded), target)


def embed(module: Any, inputs: Floats) -> Tensor:
    """(instance, feature) original units -> (instance, unit, width), cut off from the graph."""
    embedded: Tensor = module.embed(as_tensor(module, inputs))
    return embedded.detach()


def as_tensor(module: Any, inputs: Floats) -> Tensor:
    """The inputs as float32 on the module's device."""
    weight = next(iter(module.parameters()), None)
    device = "cpu" if weight is None else weight.device
    return torch.as_tensor(inputs, dtype=torch.float32, device=device)


def per_unit(attributions: Tensor) -> Floats:
    """Sum over the width of each unit: (instance, unit, width) -> (instance, unit)."""
    return np.asarray(attributions.detach().sum(dim=-1).double().cpu().numpy())


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Evaluation mode for the time of the block; the mode before is restored."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
