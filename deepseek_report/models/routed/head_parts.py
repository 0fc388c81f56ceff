"""What a projection holds for each head, moved to where the head reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


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
