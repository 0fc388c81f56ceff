"""A local and a global attention branch in parallel, their heads weighted by a learned router."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import one_hot, pad

from deepseek_report.models.routed.experts import Kept, product

# --- Which tokens stand near one another, and runs of neighbours that are told or read as one -----


@dataclass(frozen=True)
class Neighbours:
    """Tokens on a grid, in C order: `shape` (token,) or (row, column); the summary is not counted.

    Two tokens are near if no coordinate differs by more than `window`.
    """

    shape: tuple[int, ...]
    window: int

    def __len__(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def reach(self) -> int:
        """How many places apart in C order near tokens can stand."""
        steps = [math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape))]
        sides = [min(self.window, side - 1) for side in self.shape]
        return max(sum(side * step for side, step in zip(sides, steps, strict=True)), 1)

    def near(self, query: Tensor, key: Tensor) -> Tensor:
        """Whether two places are near; the places broadcast, and those outside are near to none."""
        near = (query >= 0) & (query < len(self)) & (key >= 0) & (key < len(self))
        for side in reversed(self.shape):
            near = near & ((query % side - key % side).abs() <= self.window)
            query, key = query // side, key // side
        return near


def outside_band(neighbours: Neighbours) -> Tensor:
    """(branch, query, key) 0 where a query may look and −∞ where not; token 0 is the summary."""
    tokens = len(neighbours) + 1
    place = torch.arange(tokens) - 1
    near = neighbours.near(place[:, None], place[None, :])
    near[0, :] = near[:, 0] = True
    local = torch.zeros(tokens, tokens).masked_fill(~near, -math.inf)
    return torch.stack([local, torch.zeros(tokens, tokens)])


def runs(tokens: int, most: int) -> Tensor:
    """(token,) number of the run of neighbours that a token is in; the summary is a run of its own.

    Each other run has ⌈(tokens − 1) / (most − 1)⌉ tokens, the last maybe fewer, so that there are
    at most `most`; with so many tokens or fewer each is its own.
    """
    size = math.ceil((tokens - 1) / (most - 1))
    place = torch.arange(tokens)
    return torch.where(place == 0, place, 1 + (place - 1) // max(size, 1))


def joined(token_columns: Sequence[tuple[int, ...]], run_of: Tensor) -> tuple[tuple[int, ...], ...]:
    """The columns of each run: those of its tokens together."""
    columns_of_runs: list[list[int]] = [[] for _ in range(int(run_of[-1]) + 1)]
    for run, columns in zip(run_of.tolist(), token_columns, strict=True):
        columns_of_runs[run].extend(columns)
    return tuple(tuple(columns) for columns in columns_of_runs)


# Attention over many tokens without a matrix of all pairs: a band in blocks, and means of runs.

#: Blocks are at least so long, so that narrow bands do not become many tiny products.
_SHORTEST = 16


@dataclass(frozen=True)
class Heads:
    """What heads attend with.

    query (scaled), key, value : (row, token, head width), a row being one head of one instance;
    token 0 is the summary. present : (row, token) bool, or None where all are there.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    present: Tensor | None

    def split(self, size: int) -> Iterator[Heads]:
        """At most `size` rows at a time."""
        for start in range(0, max(len(self.query), 1), size):
            part = slice(start, start + size)
            present = None if self.present is None else self.present[part]
            yield Heads(self.query[part], self.key[part], self.value[part], present)

    def part(self, branch: int, instances: int) -> Heads:
        """One of the two branches, tensors as (instance, head, token, …)."""
        query, key, value = (
            tensor.view(instances, 2, -1, *tensor.shape[1:])[:, branch]
            for tensor in (self.query, self.key, self.value)
        )
        present = self.present
        if present is not None:
            present = present.view(instances, -1, present.shape[1])[:, :1]
        return Heads(query, key, value, present)


class Band(nn.Module):
    """Tokens (without the summary) cut into blocks that reach as far as a token sees.

    A token then sees tokens of its own block and the two beside it alone.

    keys : (block, 3 · size) place of every key that a block looks at, also outside of all places.
    seen : (block, query, key) whether the two are near.
    """

    keys: Tensor
    seen: Tensor

    def __init__(self, neighbours: Neighbours) -> None:
        super().__init__()
        self.size = max(neighbours.reach, _SHORTEST)
        self.blocks = math.ceil(len(neighbours) / self.size)
        start = torch.arange(self.blocks)[:, None] * self.size
        keys = start + torch.arange(-self.size, 2 * self.size)
        queries = start + torch.arange(self.size)
        near = neighbours.near(queries[:, :, None], keys[:, None, :])
        self.register_buffer("keys", keys, persistent=False)
        self.register_buffer("seen", near, persistent=False)

    def cut(self, tokens: Tensor) -> Tensor:
        """(…, token, width) -> (…, block, size, width), filled up with 0."""
        filled = pad(tokens, (0, 0, 0, self.blocks * self.size - tokens.shape[-2]))
        blocks: Tensor = filled.unflatten(-2, (self.blocks, self.size))
        return blocks

    def around(self, tokens: Tensor) -> Tensor:
        """(…, token, width) -> (…, block, width, 3 · size): each block with the two beside it."""
        after = (self.blocks + 1) * self.size - tokens.shape[-2]
        return pad(tokens, (0, 0, self.size, after)).unfold(-2, 3 * self.size, self.size)


def attend_band(heads: Heads, band: Band, map_runs: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Attention to near tokens and the summary, which itself sees all; exact.

    heads : of one branch. map_runs : (token,) run of each token in the map; None: no map.
    Returns mixed values (instance, head, token, head width); the map (instance, head, run, run) or
    None.
    """
    first, rest = heads.value[..., :1, :], heads.value[..., 1:, :]
    scores = heads.query[..., :1, :] @ heads.key.transpose(-1, -2)
    if heads.present is not None:
        scores = scores.masked_fill(~heads.present.unsqueeze(-2), -math.inf)
    top = torch.softmax(scores, -1)
    near = _band_weights(heads, band)
    inner = near[..., 1:] @ band.around(rest).transpose(-1, -2)
    mixed = inner + near[..., :1] * first.unsqueeze(-2)
    mixed = mixed.flatten(-3, -2)[..., : rest.shape[-2], :]
    out = torch.cat([top @ heads.value, mixed], dim=-2)
    return out, None if map_runs is None else _band_map(top, near, band, (heads, map_runs))


def attend_runs(
    heads: Heads, run_of: Tensor, map_runs: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Attention of all tokens to the means of runs; a run of n tokens counts n times.

    Where every run is one token this is plain attention. Arguments and result as `attend_band`;
    `run_of` : (token,) the run that a token is read in.
    """
    members = one_hot(run_of).to(heads.key.dtype)
    members_present = members
    if heads.present is not None:
        members_present = heads.present.to(members.dtype).unsqueeze(-1) * members
    counts = members_present.sum(-2)
    share = members_present / counts.clamp(min=1).unsqueeze(-2)
    key, value = (share.transpose(-1, -2) @ tensor for tensor in (heads.key, heads.value))
    scores = heads.query @ key.transpose(-1, -2) + counts.log().unsqueeze(-2)
    weights = torch.softmax(scores, -1)
    out = weights @ value
    if map_runs is None:
        return out, None
    to_map = share.transpose(-1, -2) @ one_hot(map_runs).to(share.dtype)
    return out, _mean_of_queries(weights @ to_map, map_runs, heads.present)


def run_means(attention: Tensor, map_runs: Tensor, present: Tensor | None) -> Tensor:
    """A map of whole attention: summed over the keys of a run, averaged over its queries.

    attention : (…, query, key). map_runs : (token,). present : (…, token) or None; rows of tokens
        that are not there become 0.
    """
    if len(map_runs) == int(map_runs[-1]) + 1:
        return attention if present is None else attention * present.unsqueeze(-1)
    runs = one_hot(map_runs).to(attention)
    return _mean_of_queries(attention @ runs, map_runs, present)


def _band_weights(heads: Heads, band: Band) -> Tensor:
    """(…, block, query, 1 + 3 · size) weight of the summary, then of the keys around."""
    query = band.cut(heads.query[..., 1:, :])
    to_summary = query @ heads.key[..., :1, :].transpose(-1, -2).unsqueeze(-3)
    scores = query @ band.around(heads.key[..., 1:, :])
    seen = band.seen
    if heads.present is not None:
        near_present = band.around(heads.present[..., 1:].unsqueeze(-1).to(scores.dtype))
        seen = seen & (near_present > 0)
    scores = scores.masked_fill(~seen, -math.inf)
    return torch.softmax(torch.cat([to_summary, scores], -1), -1)


def _band_map(top: Tensor, near: Tensor, band: Band, rest: tuple[Heads, Tensor]) -> Tensor:
    """(…, run, run) of a band, without ever making it whole."""
    heads, map_runs = rest
    runs = int(map_runs[-1]) + 1
    last = len(map_runs) - 1
    run_of_key = map_runs[(band.keys + 1).clamp(1, last)]
    inner = near[..., 1:]
    to_runs = inner.new_zeros(*inner.shape[:-1], runs)
    to_runs.scatter_add_(-1, run_of_key[:, None, :].expand_as(inner), inner)
    to_runs[..., 0] += near[..., 0]
    rows = to_runs.flatten(-3, -2)[..., :last, :]
    first = top @ one_hot(map_runs).to(top)
    return _mean_of_queries(torch.cat([first, rows], -2), map_runs, heads.present)


def _mean_of_queries(rows: Tensor, map_runs: Tensor, present: Tensor | None) -> Tensor:
    """(…, query, run) -> (…, run, run), the mean over the queries of a run that are there."""
    members = one_hot(map_runs).to(rows)
    if present is not None:
        members = members * present.unsqueeze(-1).to(rows.dtype)
    counts = members.sum(-2).unsqueeze(-1)
    mean: Tensor = members.transpose(-1, -2) @ rows / counts.clamp(min=1)
    return mean


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
    def forward(ctx: Kept, projected: Tensor, kinds: int, heads: int) -> tuple[Tensor, ...]:
        ctx.heads = heads
        return _moved(projected, kinds, heads)

    @staticmethod
    def backward(ctx: Kept, *parts: Tensor) -> tuple[Tensor, None, None]:
        return _join(ctx.heads, *parts), None, None


class _Join(Function):
    """The other way round than `_Split`."""

    @staticmethod
    def forward(ctx: Kept, heads: int, *parts: Tensor) -> Tensor:
        ctx.kinds, ctx.heads = len(parts), heads
        rows, length, size = parts[0].shape
        out = parts[0].new_empty(rows // heads, length, len(parts), heads, size)
        for kind, part in enumerate(parts):
            out[:, :, kind] = part.unflatten(0, (-1, heads)).transpose(1, 2)
        return out.flatten(2)

    @staticmethod
    def backward(ctx: Kept, gradient: Tensor) -> tuple[Tensor | None, ...]:
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
        present: Tensor | None = None,
        maps: bool = True,
        read: int | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Mix the tokens.

        tokens : (instance, token, width). present : (instance, token) bool, None where all are
            there. maps : whether to hand out the attention. read : how many of the first tokens are
            mixed, None for all; where attention is not `dense` or handed out, all are.
        Returns mixed tokens (instance, token, width); attention (instance, branch, head, query,
        key) or None, see `LayerTrace`; routes (instance, branch, head), which sum to 1.
        """
        scores: Tensor = self.router(mean_token(tokens, present))
        routes = torch.softmax(scores.float(), -1).to(tokens.dtype)
        if read is None or maps or not self.dense:
            by_head = None if present is None else present.repeat_interleave(self.count, dim=0)
            heads = Heads(*self._heads(tokens), by_head)
            mixed, attention = self._attend(heads, len(tokens), maps)
        else:
            mixed, attention = self._attend_few(tokens, present, read), None
        mixed = mixed * (self.count * routes).reshape(-1, 1, 1)
        side_by_side = mixed.unflatten(0, (-1, self.count)).transpose(1, 2).flatten(2)
        out = self.output(side_by_side)
        branch_and_head = (-1, len(BRANCHES), self.heads)
        if attention is not None:
            attention = attention.view(*branch_and_head, *attention.shape[1:])
        return out, attention, routes.view(branch_and_head)

    @property
    def count(self) -> int:
        """Heads of both branches together."""
        return len(BRANCHES) * self.heads

    def _heads(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(instance, token, width) -> three times (instance · branch · head, token, head width)."""
        query, key, value = split_heads(self.project(tokens), 3, self.count)
        return query / math.sqrt(query.shape[-1]), key, value

    def _attend_few(self, tokens: Tensor, present: Tensor | None, read: int) -> Tensor:
        """The mixed values of the first tokens alone, as `_attend` gives them; dense.

        Each query is taken back through the projection of the keys, `q · W_k x = W_kᵀ q · x`, and
        tokens are averaged before they are projected to values, so that neither keys nor values of
        all tokens are made. The bias of the keys moves all scores of a query alike: it has no part.
        For one of 24 tokens this takes a ninth of the time.

        Reference: DeepSeek-AI 2024, DeepSeek-V2, doi 10.48550/arXiv.2405.04434, section 2.1.2.
        """
        rows, length, width = tokens.shape
        size = width // self.count
        weights = self.project.weight.view(3, self.count, size, width)
        bias = self.project.bias.view(3, self.count, 1, size)
        asking = tokens[:, :read].reshape(1, rows * read, width)
        query = (asking @ weights[0].transpose(1, 2) + bias[0]) / math.sqrt(size)
        sought = (query @ weights[1]).view(self.count, rows, read, width).transpose(0, 1)
        scores = sought.reshape(rows, self.count * read, width) @ tokens.transpose(1, 2)
        by_branch = scores.view(rows, len(BRANCHES), self.heads, read, length)
        by_branch = by_branch + self.far[:, None, :read, :length]
        if present is not None:
            by_branch = by_branch.masked_fill(~present[:, None, None, None], -math.inf)
        read_of = torch.softmax(by_branch, -1).view(rows, self.count * read, length) @ tokens
        by_head = read_of.view(rows, self.count, read, width).transpose(0, 1)
        values = by_head.reshape(self.count, rows * read, width) @ weights[2].transpose(1, 2)
        values = (values + bias[2]).view(self.count, rows, read, size).transpose(0, 1)
        return values.reshape(rows * self.count, read, size)

    def _attend(self, heads: Heads, rows: int, maps: bool) -> tuple[Tensor, Tensor | None]:
        """Mixed values (instance · branch · head, token, head width), and the maps if wanted."""
        if not self.dense:
            return self._attend_long(heads, rows, maps)
        read, length = heads.query.shape[1], heads.key.shape[1]
        at_once = max(_AT_ONCE // (self.count * read * length), 1) * self.count  # whole instances
        if heads.query.device.type != "cpu" or len(heads.query) <= at_once:
            return self._attend_dense(heads, maps)
        parts = [self._attend_dense(part, maps) for part in heads.split(at_once)]
        mixed = torch.cat([mixed for mixed, _ in parts])
        maps_of_parts = [attention for _, attention in parts if attention is not None]
        return mixed, torch.cat(maps_of_parts) if maps else None

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


def mean_token(tokens: Tensor, present: Tensor | None) -> Tensor:
    """(instance, token, width) -> (instance, width), the mean of those that are there."""
    if present is None:
        return tokens.mean(1)
    weights = present.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weights).sum(1) / weights.sum(1)
