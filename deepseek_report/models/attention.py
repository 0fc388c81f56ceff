"""A local and a global attention branch in parallel, their heads weighted by a learned router."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BRANCHES = ("local", "global")


class RoutedAttention(nn.Module):
    """Self-attention with two branches and one weight per instance and head.

    In the *global* branch every token sees every token. In the *local* branch a feature sees the
    features at most `window` places away in column order (months of one amount stand side by side);
    the summary token sees all and is seen by all. A router reads the mean token of the instance and
    gives each head of both branches a weight; the weights of an instance sum to 1.

    `output = W_o · concat_h (n_heads · route_h · softmax(q_h k_h^T / √d) v_h)`, so equal routes give
    plain multi-head attention.
    """

    far: Tensor

    def __init__(self, tokens: int, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * 2 * width)
        self.output = nn.Linear(2 * width, width)
        self.router = nn.Linear(width, 2 * heads)
        self.register_buffer("far", _outside_band(tokens, window))

    def forward(
        self, tokens: Tensor, head_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mix the tokens.

        Parameters
        ----------
        tokens : (instance, token, width). head_mask : (branch, head) of 0 and 1, or None.

        Returns
        -------
        Mixed tokens (instance, token, width); attention (instance, branch, head, query, key), rows
        sum to 1; routes (instance, branch, head), which sum to 1 before the mask.
        """
        query, key, value = self._heads(tokens)
        attention = self._attention(query, key)
        routes = self._routes(tokens)
        if head_mask is not None:
            routes = routes * head_mask.reshape(-1)
        heads = routes.shape[1]
        scale = (heads * routes).reshape(-1, 1, 1)
        mixed = ((attention @ value) * scale).unflatten(0, (-1, heads))
        out = self.output(mixed.transpose(1, 2).flatten(2))
        shape = (-1, len(BRANCHES), self.heads)
        return out, attention.unflatten(0, shape), routes.unflatten(1, shape[1:])

    def _heads(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(instance, token, width) -> three times (instance · branch · head, token, head width)."""
        heads = len(BRANCHES) * self.heads
        parts = self.project(tokens).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.flatten(1, 2).unbind(0)
        return query, key, value

    def _attention(self, query: Tensor, key: Tensor) -> Tensor:
        """(instance · branch · head, query, key), rows sum to 1."""
        scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(1, 2)
        far = self.far.repeat_interleave(self.heads, dim=0).to(scores.dtype)
        return (scores.unflatten(0, (-1, len(far))) + far).softmax(-1).flatten(0, 1)

    def _routes(self, tokens: Tensor) -> Tensor:
        """(instance, branch · head) weights, rows sum to 1."""
        return self.router(tokens.mean(1)).float().softmax(-1).to(tokens.dtype)


def _outside_band(tokens: int, window: int) -> Tensor:
    """(branch, query, key) 0 where a query may look and −∞ where not; token 0 is the summary."""
    place = torch.arange(tokens)
    near = (place[:, None] - place[None, :]).abs() <= window
    near[0, :] = near[:, 0] = True
    local = torch.zeros(tokens, tokens).masked_fill(~near, -math.inf)
    return torch.stack([local, torch.zeros(tokens, tokens)])
