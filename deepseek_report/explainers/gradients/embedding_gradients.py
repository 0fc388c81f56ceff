"""Gradients of the log-odds in embedding space; imported only from inside functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.modules import ExplainableModule

Rule = Literal["gausslegendre", "riemann_middle", "riemann_trapezoid"]


def points_of(rule: Rule, count: int) -> tuple[Floats, Floats]:
    """(point,) places on the way from 0 to 1, and their weights, which sum to 1.

    >>> places, weights = points_of("riemann_middle", 2)
    >>> places.tolist(), weights.tolist()
    ([0.25, 0.75], [0.5, 0.5])
    """
    if rule == "gausslegendre":
        places, weights = np.polynomial.legendre.leggauss(count)
        return (places + 1) / 2, weights / 2
    if rule == "riemann_middle":
        return (np.arange(count) + 0.5) / count, np.full(count, 1 / count)
    ends = np.linspace(0, 1, max(count, 2))
    weights = np.full(len(ends), 1 / (len(ends) - 1))
    weights[[0, -1]] /= 2
    return ends, weights


def gradient(function: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """The gradient of each instance's value by its own point.

    function : (instance, …) -> (instance,).
    points : (instance, …).
    """
    points = points.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(function(points).sum(), points)
    return slopes


def path_integral(
    function: Callable[[Tensor], Tensor], end: Tensor, start: Tensor, rule: Rule, count: int
) -> Tensor:
    """(e − s) times the mean gradient on the straight line from s to e; shaped like the points.

    All points of the line are one call of the function.

    Reference: Sundararajan, Taly & Yan 2017, arXiv:1703.01365.
    """
    places, weights = (torch.as_tensor(part, dtype=end.dtype) for part in points_of(rule, count))
    per_point = (-1, *(1 for _ in end.shape))
    line = start + places.to(end.device).reshape(per_point) * (end - start)
    slopes = gradient(function, line.flatten(0, 1)).reshape(line.shape)
    return (end - start) * (weights.to(end.device).reshape(per_point) * slopes).sum(dim=0)


def log_odds(logits: Tensor, target: int) -> Tensor:
    """Logarithm of p / (1 − p): the target's logit minus the log-sum-exp of all others.

    logits : (instance, class); a single column is a number, which is taken as it is.
    target : position of the class.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
    return logits[:, target] - torch.logsumexp(others, dim=1)


def embedded_log_odds(module: ExplainableModule, target: int) -> Callable[[Tensor], Tensor]:
    """The model from its embedding on, as a function that can be differentiated."""
    return lambda embedded: log_odds(module.forward_embedded(embedded), target)


def embed(module: ExplainableModule, inputs: Floats) -> Tensor:
    """(instance, feature) original units -> (instance, unit, width), cut off from the graph."""
    embedded: Tensor = module.embed(as_tensor(module, inputs))
    return embedded.detach()


def as_tensor(module: ExplainableModule, inputs: Floats) -> Tensor:
    """The inputs as float32 on the module's device."""
    weight = next(iter(module.parameters()), None)
    device = "cpu" if weight is None else weight.device
    return torch.as_tensor(inputs, dtype=torch.float32, device=device)


def per_unit(attributions: Tensor) -> Floats:
    """Sum over the width of each unit: (instance, unit, width) -> (instance, unit)."""
    return np.asarray(attributions.detach().sum(dim=-1).double().cpu().numpy())


@contextmanager
def evaluating(module: ExplainableModule) -> Iterator[None]:
    """Evaluation mode for the time of the block; the mode before is restored."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
