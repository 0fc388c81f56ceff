"""A local and a global attention branch in parallel, their heads weighted by a learned router."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear

from deepseek_report.models.routed.long_attention import (
    Band,
    Heads,
    attend_band,
    attend_runs,
    run_means,
)
from deepseek_report.models.routed.products import product
from deepseek_report.models.shared.neighbours import Neighbours, outside_band, runs


def split_heads(projected: Tensor, kinds: int, heads: int) -> tuple[Tensor, ...]:
    """(instance, token, kind · head · size) -> for each kind (instance · head, token, size).

    The gradient is written to one tensor in the order of the projection: autograd itself would put
    those of the kinds side by side first, and then in that order.
    """
    if torch.is_grad_enabled():
        return _split(projected, kinds, heads)
    return _moved(projected, kinds, heads)


def _moved(projected: Tensor, kinds: int, heads: int) -> tuple[Tensor, ...]:
    rows, length, width = projected.shape
    size = width // kinds // heads
    parts = projected.view(rows, length, kinds, heads, size).permute(2, 0, 3, 1, 4)
    return parts.reshape(kinds, rows * heads, length, size).unbind(0)


class _Split(Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, kinds: int, heads: int) -> tuple[Tensor, ...]:
        ctx.heads = heads
        return _moved(projected, kinds, heads)

    @staticmethod
    def backward(ctx: Any, *parts: Tensor) -> tuple[Tensor, None, None]:
        return _join(ctx.heads, *parts), None, None


class _Join(Function):
    """The other way round than `_Split`."""

    @staticmethod
    def forward(ctx: Any, heads: int, *parts: Tensor) -> Tensor:
        ctx.kinds, ctx.heads = len(parts), heads
        rows, length, size = parts[0].shape
        out = parts[0].new_empty(rows // heads, length, len(parts), heads, size)
        for kind, part in enumerate(parts):
            out[:, :, kind] = part.unflatten(0, (-1, heads)).transpose(1, 2)
        return out.flatten(2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, *_split(gradient, ctx.kinds, ctx.heads)


_split: Callable[..., tuple[Tensor, ...]] = _Split.apply
_join: Callable[..., Tensor] = _Join.apply


BRANCHES = ("local", "global")
#: Up to so many tokens both branches are computed as whole matrices.
DENSE = 256
#: At most so many rows and columns has a map of attention that is handed out.
MAPS = 128
#: Numbers in the maps that a processor computes at a time, so that they fit the cache of a core:
#: the 77 MB of 256 instances of 97 tokens, all at once, take four times as long.
_AT_ONCE = 2**20


class RoutedAttention(nn.Module):
    """Self-attention with two branches and one weight per instance and head.

    In the *global* branch every token sees every token. In the *local* branch a token sees those at
    most `window` places away (columns of a table, words, windows of a series; rows and columns of
    patches); the summary token sees all and is seen by all. A router reads the mean token of the
    instance and gives each head of both branches a weight; the weights of an instance sum to 1.

    `output = W_o · concat_h (n_heads · route_h · softmax(q_h k_h^T / √d) v_h)`, so equal routes
    give plain multi-head attention.

    With more than 256 tokens the local branch is computed in blocks along its band, which gives the
    same numbers in memory of O(tokens · window). With more than `global_keys` tokens the global
    branch reads the means of runs of neighbours instead of single tokens, each weighted by how
    many it stands for: O(tokens · global_keys). Tokens that are not there are never read, and do
    not count in the router's mean.
    """

    far: Tensor
    run_of: Tensor
    map_runs: Tensor

    def __init__(self, neighbours: Neighbours, width: int, heads: int, global_keys: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.router = nn.Linear(width, 2 * heads)
        tokens = len(neighbours) + 1
        self.dense = tokens <= min(DENSE, global_keys)
        self.register_buffer("map_runs", runs(tokens, MAPS), persistent=False)
        if self.dense:
            self.register_buffer("far", outside_band(neighbours))
        else:
            self.band = Band(neighbours)
            self.register_buffer("run_of", runs(tokens, global_keys), persistent=False)

    def forward(
        self,
        tokens: Tensor,
        head_mask: Tensor | None = None,
        present: Tensor | None = None,
        maps: bool = True,
        read: int | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Mix the tokens.

        Parameters
        ----------
        tokens : (instance, token, width). head_mask : (branch, head) of 0 and 1, or None.
        present : (instance, token) bool, None where all are there. maps : whether to hand out the
            attention. read : how many of the first tokens are mixed, None for all; where attention
            is not `dense` or handed out, all are.

        Returns
        -------
        Mixed tokens (instance, token, width); attention (instance, branch, head, query, key) or
        None, see `LayerTrace`; routes (instance, branch, head), which sum to 1 before the mask.
        """
        by_head = None if present is None else self._by_head(present)
        heads = Heads(*self._heads(tokens, None if maps or not self.dense else read), by_head)
        routes = self._routes(tokens, present)
        if head_mask is not None:
            routes = routes * head_mask.reshape(-1)
        mixed, attention = self._attend(heads, len(tokens), maps)
        mixed = mixed * (self.count * routes).reshape(-1, 1, 1)
        out = self.output(self._side_by_side(mixed))
        branch_and_head = (-1, len(BRANCHES), self.heads)
        if attention is not None:
            attention = attention.view(*branch_and_head, *attention.shape[1:])
        return out, attention, routes.view(branch_and_head)

    @property
    def count(self) -> int:
        """Heads of both branches together."""
        return len(BRANCHES) * self.heads

    def _by_head(self, present: Tensor) -> Tensor:
        """(instance, token) -> (instance · branch · head, token)."""
        return present.repeat_interleave(self.count, dim=0)

    def _heads(self, tokens: Tensor, read: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """(instance, token, width) -> three times (instance · branch · head, token, head width).

        read : the first tokens alone for which there are queries.
        """
        if read is None:
            query, key, value = split_heads(self.project(tokens), 3, self.count)
        else:
            width = tokens.shape[2]
            weight, bias = self.project.weight, self.project.bias
            asking = linear(tokens[:, :read], weight[:width], bias[:width])
            (query,) = split_heads(asking, 1, self.count)
            key, value = split_heads(linear(tokens, weight[width:], bias[width:]), 2, self.count)
        return query / math.sqrt(query.shape[-1]), key, value

    def _side_by_side(self, mixed: Tensor) -> Tensor:
        """(instance · branch · head, token, head width) -> (instance, token, width)."""
        _, length, size = mixed.shape
        by_head = mixed.unflatten(0, (-1, self.count)).transpose(1, 2)
        side_by_side: Tensor = by_head.reshape(-1, length, self.count * size)
        return side_by_side

    def _attend(self, heads: Heads, rows: int, maps: bool) -> tuple[Tensor, Tensor | None]:
        """Mixed values (instance · branch · head, token, head width), and the maps if wanted."""
        if not self.dense:
            return self._attend_long(heads, rows, maps)
        at_once = self._at_once(heads)
        if len(heads.query) <= at_once:
            return self._attend_dense(heads, maps)
        parts = [self._attend_dense(part, maps) for part in heads.split(at_once)]
        mixed = torch.cat([mixed for mixed, _ in parts])
        maps_of_parts = [attention for _, attention in parts if attention is not None]
        return mixed, torch.cat(maps_of_parts) if maps else None

    def _at_once(self, heads: Heads) -> int:
        """Rows of `heads` whose maps are computed together: whole instances."""
        rows, read, _ = heads.query.shape
        if heads.query.device.type != "cpu":
            return max(rows, 1)
        return max(_AT_ONCE // (self.count * read * heads.key.shape[1]), 1) * self.count

    def _attend_dense(self, heads: Heads, maps: bool) -> tuple[Tensor, Tensor | None]:
        attention = self._attention(heads)
        mixed = product(attention, heads.value)
        return mixed, run_means(attention, self.map_runs, heads.present) if maps else None

    def _attention(self, heads: Heads) -> Tensor:
        """(instance · branch · head, query, key), rows sum to 1."""
        scores = product(heads.query, heads.key.transpose(1, 2))
        read, length = scores.shape[1:]
        by_branch = scores.view(-1, len(BRANCHES), self.heads, read, length)
        with torch.no_grad():  # what is added is constant
            by_branch[:, 0].add_(self.far[0, :read, :length])
            if heads.present is not None:
                seen = heads.present.view(-1, self.count, 1, length)[:, :1].unsqueeze(1)
                by_branch.masked_fill_(~seen, -math.inf)
        return torch.softmax(scores, -1)

    def _attend_long(self, heads: Heads, rows: int, maps: bool) -> tuple[Tensor, Tensor | None]:
        """The two branches one after the other, neither as a whole matrix."""
        to_maps = self.map_runs if maps else None
        near, near_map = attend_band(heads.part(0, rows), self.band, to_maps)
        wide, wide_map = attend_runs(heads.part(1, rows), self.run_of, to_maps)
        mixed = torch.stack([near, wide], dim=1).flatten(0, 2)
        if near_map is None or wide_map is None:
            return mixed, None
        return mixed, torch.stack([near_map, wide_map], dim=1).flatten(0, 2)

    def _routes(self, tokens: Tensor, present: Tensor | None) -> Tensor:
        """(instance, branch · head) weights, rows sum to 1."""
        scores: Tensor = self.router(mean_token(tokens, present))
        return torch.softmax(scores.float(), -1).to(tokens.dtype)


def mean_token(tokens: Tensor, present: Tensor | None) -> Tensor:
    """(instance, token, width) -> (instance, width), the mean of those that are there."""
    if present is None:
        return tokens.mean(1)
    weights = present.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weights).sum(1) / weights.sum(1)
