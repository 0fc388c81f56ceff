"""AdamW, in one call for all parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.adamw import adamw


class Optimiser(Protocol):
    """What training asks of an optimiser, a part of what `torch.optim.Optimizer` offers.

    param_groups : of each group its "params" and its "lr", which the schedule sets.
    """

    param_groups: list[dict[str, Any]]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""

    def step(self) -> Any:
        """Change the parameters by their gradients."""


class AdamW:
    """The numbers of `torch.optim.AdamW` with `fused=True`; decay acts on matrices alone.

    It calls the same function of torch. The class of torch loads torch's compiler as soon as it is
    made, which costs a second and 30 MiB.

    state : {number of a parameter: {"step", "exp_avg", "exp_avg_sq"}}; none before its first step.

    Reference: Loshchilov & Hutter 2019, doi 10.48550/arXiv.1711.05101.
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, decay: float) -> None:
        everything = list(parameters)
        matrices = [p for p in everything if p.dim() >= 2]
        others = [p for p in everything if p.dim() < 2]
        self.param_groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": decay, "lr": rate},
            {"params": others, "weight_decay": 0.0, "lr": rate},
        ]
        self.number = {id(p): i for i, p in enumerate((*matrices, *others))}
        self.state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        del set_to_none
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters that have a gradient."""
        for group in self.param_groups:
            trained = [p for p in group["params"] if p.grad is not None]
            slots = [self._slots(p) for p in trained]
            adamw(
                trained,
                [p.grad for p in trained],
                _each(slots, "exp_avg"),
                _each(slots, "exp_avg_sq"),
                [],
                _each(slots, "step"),
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=1e-8,
                maximize=False,
            )

    def _slots(self, parameter: Tensor) -> dict[str, Tensor]:
        number = self.number[id(parameter)]
        if number not in self.state:
            self.state[number] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return self.state[number]


def _each(slots: Sequence[dict[str, Tensor]], name: str) -> list[Tensor]:
    return [slot[name] for slot in slots]
