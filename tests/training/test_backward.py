"""Backward passes beside forward passes: the bytes are those of one after the other."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepseek_report.training.backward import Beside, InTurn, backward_for


def network() -> nn.Sequential:
    torch.manual_seed(0)
    unused = nn.Linear(3, 3)
    net = nn.Sequential(nn.Linear(6, 32), nn.Dropout(0.5), nn.GELU(), nn.Linear(32, 1))
    net.add_module("unused", nn.Identity())
    net.register_parameter("spare", unused.weight)
    return net


def gradients(backward, parts: int) -> list[torch.Tensor | None]:
    """Of a network, after so many parts with fresh noise each."""
    net = network()
    adding = backward(net.parameters()) if backward is Beside else backward()
    inputs = torch.randn(64 * parts, 6, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    for rows in inputs.split(64):
        adding.add(net(rows).square().mean())
    adding.finish()
    return [parameter.grad for parameter in net.parameters()]


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_sums_are_the_bytes_of_passes_one_after_the_other(parts):
    beside, in_turn = gradients(Beside, parts), gradients(InTurn, parts)
    assert sum(gradient is None for gradient in beside) == 1
    for mine, other in zip(beside, in_turn, strict=True):
        assert (mine is None and other is None) or torch.equal(mine, other)


@pytest.mark.parametrize(("rows", "sizes"), [(256, [154, 102]), (2, [1, 1]), (1, [1])])
def test_a_batch_has_two_parts_that_depend_on_its_size_alone(rows, sizes):
    assert Beside([]).parts(rows) == sizes


def test_an_error_of_a_backward_pass_is_raised():
    weight = nn.Parameter(torch.ones(2))
    adding = Beside([weight])
    adding.add(torch.ones(()))
    with pytest.raises(RuntimeError, match="does not require grad"):
        adding.finish()


def test_a_second_thread_is_for_large_modules_that_read_each_row_on_its_own():
    large, small = nn.Linear(1000, 1000), nn.Linear(10, 10)
    assert isinstance(backward_for(large, "cpu", 256, 0), Beside)
    assert isinstance(backward_for(small, "cpu", 256, 0), InTurn)
    assert isinstance(backward_for(small, "cpu", 256, 2000), Beside)
    together = nn.Sequential(large, nn.BatchNorm1d(1000))
    assert isinstance(backward_for(together, "cpu", 256, 0), InTurn)
    assert isinstance(backward_for(large, "cuda:0", 256, 0), InTurn)
