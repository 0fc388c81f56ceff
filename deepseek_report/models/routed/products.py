"""Products of matrices in the orientation in which they are fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def product(left: Tensor, right: Tensor) -> Tensor:
    """(batch, n, k) @ (batch, k, m) -> (batch, n, m).

    Where the result is narrow, n > m, as with the values of a head, its transpose is computed: with
    24 tokens and 8 numbers a head MKL takes 0.34 ms for 1024 products this way, and 0.85 otherwise.
    Where k is 1, numbers are multiplied one by one: 0.04 ms, not 0.57, of (8, 1) and (1, 24).
    The gradients are such products as well.
    """
    left, right = autocast(left), autocast(right)
    return _product(left, right) if torch.is_grad_enabled() else _multiplied(left, right)


def autocast(tensor: Tensor) -> Tensor:
    """The tensor in the number format of the autocast that is on, itself where none is.

    What a function with a gradient of its own reads needs it: autocast does not reach inside.
    """
    kind = tensor.device.type
    if not torch.is_autocast_enabled(kind):
        return tensor
    return tensor.to(torch.get_autocast_dtype(kind))


def _multiplied(left: Tensor, right: Tensor) -> Tensor:
    if left.shape[2] == 1:
        return left * right
    if left.shape[1] > right.shape[2]:
        return (right.transpose(1, 2) @ left.transpose(1, 2)).transpose(1, 2)
    return left @ right


class _Product(Function):
    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:
        ctx.save_for_backward(left, right)
        return _multiplied(left, right)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        left, right = ctx.saved_tensors
        to_left = _product(gradient, right.transpose(1, 2))
        return to_left, _product(left.transpose(1, 2), gradient)


_product: Callable[[Tensor, Tensor], Tensor] = _Product.apply
