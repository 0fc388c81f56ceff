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

    `output = W_o · concat_h (n_heads · route_h · softmax(q_h k_h^T / √d) v_h)`, so equal routes
    give plain multi-head attention.
    """

    far: Tensor

    def __init__(self, tokens: int, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
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
        mixed = attention @ value * (self.count * routes).reshape(-1, 1, 1)
        out = self.output(self._side_by_side(mixed))
        branch_and_head = (-1, len(BRANCHES), self.heads)
        shape = (*branch_and_head, *attention.shape[1:])
        return out, attention.view(shape), routes.view(branch_and_head)

    @property
    def count(self) -> int:
        """Heads of both branches together."""
        return len(BRANCHES) * self.heads

    def _heads(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(instance, token, width) -> three times (instance · branch · head, token, head width)."""
        rows, length, width = tokens.shape
        parts = self.project(tokens).view(rows, length, 3, self.count, width // self.count)
        shape = (3, rows * self.count, length, width // self.count)
        query, key, value = parts.permute(2, 0, 3, 1, 4).reshape(shape).unbind(0)
        return query, key, value

    def _side_by_side(self, mixed: Tensor) -> Tensor:
        """(instance · branch · head, token, head width) -> (instance, token, width)."""
        _, length, size = mixed.shape
        by_head = mixed.view(-1, self.count, length, size).transpose(1, 2)
        return by_head.reshape(-1, length, self.count * size)

    def _attention(self, query: Tensor, key: Tensor) -> Tensor:
        """(instance · branch · head, query, key), rows sum to 1."""
        scores = query / math.sqrt(query.shape[-1]) @ key.transpose(1, 2)
        far = self.far.repeat_interleave(self.heads, dim=0).to(scores.dtype)
        masked = scores.view(-1, *far.shape).add_(far)
        return torch.softmax(masked, -1).view_as(scores)

    def _routes(self, tokens: Tensor) -> Tensor:
        """(instance, branch · head) weights, rows sum to 1."""
        scores: Tensor = self.router(tokens.mean(1))
        return torch.softmax(scores.float(), -1).to(tokens.dtype)


def _outside_band(tokens: int, window: int) -> Tensor:
    """(branch, query, key) 0 where a query may look and −∞ where not; token 0 is the summary."""
    place = torch.arange(tokens)
    near = (place[:, None] - place[None, :]).abs() <= window
    near[0, :] = near[:, 0] = True
    local = torch.zeros(tokens, tokens).masked_fill(~near, -math.inf)
    return torch.stack([local, torch.zeros(tokens, tokens)])
