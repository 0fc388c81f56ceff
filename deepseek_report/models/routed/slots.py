"""Rows sent to several groups each, computed group by group, and brought back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from deepseek_report.models.routed.products import autocast


@dataclass(frozen=True)
class Slots:
    """One slot for each group that a row is sent to; slots stand in the order of the groups.

    order : (slot,) which slot this was where the slots of a row stand side by side. row : (slot,)
    the row that it holds. place : (row, k) the slots of each row. sizes : slots of each group.
    """

    order: Tensor
    row: Tensor
    place: Tensor
    sizes: Sequence[int]

    @classmethod
    def of(cls, which: Tensor, groups: int) -> Slots:
        """From the numbers of the groups that each row is sent to, (row, k)."""
        group_of = which.flatten()
        order = _stable_order(group_of)
        place = torch.empty_like(order)
        place.scatter_(0, order, torch.arange(len(order), device=order.device))
        sizes = torch.bincount(group_of, minlength=groups).tolist()
        return cls(order, order // which.shape[1], place.view_as(which), sizes)

    def dispatch(self, rows: Tensor) -> Tensor:
        """(row, width) -> (slot, width)."""
        return _dispatch(rows, self) if torch.is_grad_enabled() else _gathered(rows, self)

    def combine(self, slots: Tensor) -> Tensor:
        """(slot, width) -> (row, width), the sum of the slots of a row."""
        return _combine(slots, self) if torch.is_grad_enabled() else _summed(slots, self)

    def linear(self, slots: Tensor, matrices: Tensor, biases: Tensor | None = None) -> Tensor:
        """(slot, n), (group, n, m), (group, m) -> (slot, m), each slot by its group's matrix."""
        slots, matrices = autocast(slots), autocast(matrices)
        biases = None if biases is None else autocast(biases)
        multiply = _linear if torch.is_grad_enabled() else _multiplied
        return multiply(slots, matrices, biases, self.sizes)


def _stable_order(groups: Tensor) -> Tensor:
    """The order by group, ties as they stand; on a CPU by numpy, whose radix sort is faster."""
    if groups.device.type != "cpu":
        return groups.argsort(stable=True)
    return torch.from_numpy(groups.to(torch.int16).numpy().argsort(kind="stable"))


def _gathered(rows: Tensor, slots: Slots) -> Tensor:
    return rows.index_select(0, slots.row)


def _summed(slot_rows: Tensor, slots: Slots) -> Tensor:
    first, *others = slots.place.unbind(1)
    total = slot_rows.index_select(0, first)
    for place in others:
        total += slot_rows.index_select(0, place)
    return total


def _multiplied(
    slots: Tensor, matrices: Tensor, biases: Tensor | None, sizes: Sequence[int]
) -> Tensor:
    """One product a group, written to its part of one tensor."""
    out = slots.new_empty(len(slots), matrices.shape[2])
    parts = zip(slots.split(sizes), matrices.unbind(0), out.split(sizes), strict=True)
    if biases is None:
        for part, matrix, place in parts:
            torch.mm(part, matrix, out=place)
    else:
        for (part, matrix, place), bias in zip(parts, biases.unbind(0), strict=True):
            torch.addmm(bias, part, matrix, out=place)
    return out


class _Dispatch(Function):
    """Its gradient is the sum of a row's slots, which is cheaper than adding up by index."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, slots: Slots) -> Tensor:
        ctx.slots = slots
        return _gathered(rows, slots)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.slots.combine(gradient), None


_dispatch: Callable[..., Tensor] = _Dispatch.apply


class _Combine(Function):
    """The other way round than `_Dispatch`."""

    @staticmethod
    def forward(ctx: Any, slot_rows: Tensor, slots: Slots) -> Tensor:
        ctx.slots = slots
        return _summed(slot_rows, slots)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.slots.dispatch(gradient), None


_combine: Callable[..., Tensor] = _Combine.apply


class _Linear(Function):
    """Autograd itself would build the gradient of each part as large as the whole."""

    @staticmethod
    def forward(
        ctx: Any, slots: Tensor, matrices: Tensor, biases: Tensor | None, sizes: Sequence[int]
    ) -> Tensor:
        ctx.save_for_backward(slots, matrices)
        ctx.sizes, ctx.biased = sizes, biases is not None
        return _multiplied(slots, matrices, biases, sizes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        slots, matrices = ctx.saved_tensors
        to_slots = _linear(gradient, matrices.transpose(1, 2), None, ctx.sizes)
        to_matrices = _outer(slots, gradient, ctx.sizes)
        parts = gradient.split(ctx.sizes)
        to_biases = torch.stack([part.sum(0) for part in parts]) if ctx.biased else None
        return to_slots, to_matrices, to_biases, None


_linear: Callable[..., Tensor] = _Linear.apply


class _Outer(Function):
    """(slot, n), (slot, m) -> (group, n, m), the sum of the outer products of a group's slots."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, sizes: Sequence[int]) -> Tensor:
        ctx.save_for_backward(left, right)
        ctx.sizes = sizes
        out = left.new_empty(len(sizes), left.shape[1], right.shape[1])
        for a, b, place in zip(left.split(sizes), right.split(sizes), out.unbind(0), strict=True):
            torch.mm(a.t(), b, out=place)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        left, right = ctx.saved_tensors
        to_left = _linear(right, gradient.transpose(1, 2), None, ctx.sizes)
        return to_left, _linear(left, gradient, None, ctx.sizes), None


_outer: Callable[..., Tensor] = _Outer.apply
