"""Attention over many tokens without a matrix of all pairs: a band in blocks, and means of runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad

from deepseek_report.models.shared.neighbours import Neighbours

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

    Parameters
    ----------
    heads : of one branch. map_runs : (token,) run of each token in the map; None: no map.

    Returns
    -------
    Mixed values (instance, head, token, head width); the map (instance, head, run, run) or None.
    """
    first, rest = heads.value[..., :1, :], heads.value[..., 1:, :]
    top = _summary_row(heads)
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
    members_present = _present(heads).to(heads.key.dtype).unsqueeze(-1) * members
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

    Parameters
    ----------
    attention : (…, query, key). map_runs : (token,). present : (…, token) or None; rows of tokens
        that are not there become 0.
    """
    if len(map_runs) == int(map_runs[-1]) + 1:
        return attention if present is None else attention * present.unsqueeze(-1)
    runs = one_hot(map_runs).to(attention)
    return _mean_of_queries(attention @ runs, map_runs, present)


def _present(heads: Heads) -> Tensor:
    """(…, token) bool, without the leading axes where all tokens are there."""
    if heads.present is not None:
        return heads.present
    return torch.ones(heads.key.shape[-2], dtype=torch.bool, device=heads.key.device)


def _summary_row(heads: Heads) -> Tensor:
    """(…, 1, token) what the summary token looks at."""
    scores = heads.query[..., :1, :] @ heads.key.transpose(-1, -2)
    return torch.softmax(_hide(scores, heads.present), -1)


def _hide(scores: Tensor, present: Tensor | None) -> Tensor:
    return scores if present is None else scores.masked_fill(~present.unsqueeze(-2), -math.inf)


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
