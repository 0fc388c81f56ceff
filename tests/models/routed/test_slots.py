"""Rows sent to groups, products, parts of heads: against slow loops; gradients against numbers."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from deepseek_report.models.routed.branched_attention import split_heads
from deepseek_report.models.routed.experts import Slots, SparseExperts, product

WHICH = torch.tensor([[2, 0], [0, 3], [2, 3], [0, 2], [3, 2]])
GROUPS = 5  # groups 1 and 4 get no row


@pytest.fixture
def slots() -> Slots:
    return Slots.of(WHICH, GROUPS)


def drawn(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)


def by_group(rows: torch.Tensor, matrices: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
    """(row, m), the sum over the groups of each row of what their matrix and bias give."""
    return torch.stack(
        [
            sum((row @ matrices[g] + biases[g] for g in which), torch.zeros(1))
            for row, which in zip(rows, WHICH.tolist(), strict=True)
        ]
    )


def test_slots_stand_in_the_order_of_groups_and_keep_that_of_the_rows(slots):
    assert slots.sizes == [3, 0, 4, 3, 0]
    assert slots.row.tolist() == [0, 1, 3, 0, 2, 3, 4, 1, 2, 4]
    assert torch.equal(slots.row[slots.place], torch.arange(5)[:, None].expand(5, 2))


def test_each_slot_is_multiplied_by_the_matrix_of_its_group(slots):
    rows, matrices, biases = drawn(5, 3), drawn(GROUPS, 3, 4), drawn(GROUPS, 4)
    slow = by_group(rows, matrices, biases)
    torch.testing.assert_close(
        slots.combine(slots.linear(slots.dispatch(rows), matrices, biases)), slow
    )
    with torch.no_grad():
        quick = slots.combine(slots.linear(slots.dispatch(rows), matrices, biases))
    torch.testing.assert_close(quick, slow.detach())


def test_first_and_second_derivatives_are_those_of_differences(slots):
    def whole(rows, matrices, biases):
        return slots.combine(slots.linear(slots.dispatch(rows), matrices, biases).sin())

    parts = drawn(5, 3), drawn(GROUPS, 3, 2), drawn(GROUPS, 2)
    assert gradcheck(whole, parts)
    assert gradgradcheck(whole, parts)


def test_absent_tokens_get_nothing_and_leave_the_others_as_they_are():
    torch.manual_seed(0)
    layer = SparseExperts(6, 5, experts=4, chosen=2, shared=True)
    tokens = torch.randn(3, 7, 6, requires_grad=True)
    present = torch.arange(7) < torch.tensor([7, 4, 1])[:, None]
    out, routing = layer(tokens, present)
    alone, _ = layer(tokens[present].unsqueeze(0))
    torch.testing.assert_close(out[present], alone[0])
    assert (out[~present] == 0).all()
    assert (routing.weights()[~present] == 0).all()
    out.sum().backward()
    assert (tokens.grad[~present] == 0).all()


def test_under_autocast_gradients_come_back_in_the_format_of_the_weights():
    torch.manual_seed(0)
    layer = SparseExperts(8, 4, experts=4, chosen=2, shared=False)
    tokens = torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, _ = layer(tokens)
    out.float().sum().backward()
    assert layer.inner.grad.dtype == torch.float32
    torch.testing.assert_close(out.float(), layer(tokens)[0], atol=0.05, rtol=0.05)


@pytest.mark.parametrize("shape", [(5, 3, 2), (2, 3, 5), (4, 3, 4), (3, 1, 5), (5, 1, 1)])
def test_a_product_and_its_derivatives_are_those_of_torch(shape):
    n, k, m = shape
    torch.manual_seed(0)
    left = torch.randn(2, n, k, dtype=torch.float64, requires_grad=True)
    right = torch.randn(2, k, m, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(product(left, right), left @ right)
    with torch.no_grad():
        torch.testing.assert_close(product(left, right), left @ right)
    assert gradcheck(product, (left, right))
    assert gradgradcheck(product, (left, right))


@pytest.mark.parametrize(("kinds", "heads"), [(3, 2), (2, 4), (1, 1)])
def test_each_head_gets_its_part_of_each_kind_and_derivatives_go_back_there(kinds, heads):
    torch.manual_seed(0)
    projected = torch.randn(2, 3, kinds * heads * 2, dtype=torch.float64, requires_grad=True)
    parts = split_heads(projected, kinds, heads)
    assert len(parts) == kinds
    by_head = projected.view(2, 3, kinds, heads, 2)
    for kind, part in enumerate(parts):
        for row in range(2):
            for head in range(heads):
                expected = by_head[row, :, kind, head]
                torch.testing.assert_close(part[row * heads + head], expected)
    with torch.no_grad():
        for part, again in zip(parts, split_heads(projected, kinds, heads), strict=True):
            torch.testing.assert_close(part, again)
    assert gradcheck(lambda rows: split_heads(rows, kinds, heads), projected)
    assert gradgradcheck(lambda rows: split_heads(rows, kinds, heads), projected)
