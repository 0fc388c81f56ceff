"""Which tokens stand near one another, and runs of neighbours that are told or read as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


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
