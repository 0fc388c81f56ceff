"""Backward passes: one after the other, or beside the next forward pass in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

#: Share of a batch in the first of two parts. A backward pass costs about two forward passes, so
#: the first part's takes as long as both passes of the second.
FIRST_SHARE = 0.6
#: Weights read in a step, counted for each row and token, from which on a second thread pays.
#: The default `deepseek` reads 2·10⁸, a perceptron of the same table some 10⁶.
PAYS = 5e7


class Backward(Protocol):
    """Adds up gradients of losses whose forward passes come one after the other."""

    def parts(self, rows: int) -> list[int]:
        """The sizes of the parts in which a batch of so many rows is put through the model."""

    def add(self, loss: Tensor) -> None:
        """Add the gradients of a loss, at once or later."""

    def finish(self) -> None:
        """Return when the parameters hold the sums."""


class InTurn:
    """Each backward pass ends before the next forward pass begins."""

    def parts(self, rows: int) -> list[int]:
        return [rows]

    def add(self, loss: Tensor) -> None:
        torch.autograd.backward(loss)

    def finish(self) -> None:
        pass


class Beside:
    """A backward pass runs beside the next forward and backward pass.

    A batch goes through the model in two parts, always the same, and gradients are added in the
    order of the parts: the result has the same bytes on one core as on two, and as `InTurn` gives
    with these parts. Forward passes never run at the same time, so random numbers are drawn in the
    same order.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self.threads = ThreadPoolExecutor(2, "backward")
        self.running: list[Future[Sequence[Tensor | None]]] = []

    def parts(self, rows: int) -> list[int]:
        first = round(FIRST_SHARE * rows)
        return [first, rows - first] if 0 < first < rows else [rows]

    def add(self, loss: Tensor) -> None:
        if len(self.running) == 2:
            self._collect()
        self.running.append(
            self.threads.submit(torch.autograd.grad, loss, self.parameters, allow_unused=True)
        )

    def finish(self) -> None:
        while self.running:
            self._collect()

    @torch.no_grad()
    def _collect(self) -> None:
        """Wait for the oldest pass and add what it gives."""
        gradients = self.running.pop(0).result()
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient
            elif gradient is not None:
                parameter.grad += gradient


def backward_for(module: Any, device: str, rows: int, tokens: int) -> Backward:
    """Two threads for a module on a CPU that is large enough and reads each row on its own.

    Parameters
    ----------
    rows : of a forward pass. tokens : of a row, 0 where the module has none.
    """
    weights = sum(parameter.numel() for parameter in module.parameters())
    by_row = not any(isinstance(part, _BatchNorm) for part in module.modules())
    large = rows * max(tokens, 1) * weights >= PAYS
    beside = torch.device(device).type == "cpu" and by_row and large
    return Beside(module.parameters()) if beside else InTurn()
