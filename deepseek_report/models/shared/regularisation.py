"""Dropping whole residual branches while training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Drops a residual branch for whole instances with probability p; the rest is divided by 1 − p.

    The expectation of the output is the input; in evaluation mode it is the input itself.

    Reference: Huang et al. 2016, Deep Networks with Stochastic Depth,
    doi 10.1007/978-3-319-46493-0_39.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """(instance, …) -> the same shape."""
        if not self.training or self.probability == 0.0:
            return branch
        keep = 1.0 - self.probability
        shape = (len(branch),) + (1,) * (branch.dim() - 1)
        drawn = torch.empty(shape, device=branch.device).bernoulli_(keep)
        return branch * (drawn / keep).to(branch.dtype)
