"""How the output of a routed transformer comes about, part by part.

Every layer adds to the token that is read what its heads and its experts give, and the last norm
and the output layer are linear once the norm's own scale is held as it is. So the output is a sum
over the tokens as they enter, every head of every layer, every expert and one constant: direct
contributions along the residual stream. What a head adds for *later* layers to read counts with
those.

Reference: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits,
https://transformer-circuits.pub/2021/framework (direct contributions to the logits).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from deepseek_report.artifacts.protocols.modules import Step, StepSums
from deepseek_report.models.routed.branched_attention import BRANCHES, RoutedAttention, mean_token
from deepseek_report.models.routed.experts import Routing, SparseExperts
from deepseek_report.models.shared.output_layers import Outputs, contrast

#: From (instance, token, width) to (instance, width): how the output reads the tokens.
Pool = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Heard:
    """What went into two parts of a layer while the model ran."""

    attention: list[Tensor] = field(default_factory=list)
    experts: list[Tensor] = field(default_factory=list)


@contextmanager
def listening_to(layers: nn.ModuleList) -> Iterator[Heard]:
    """Notes, by layer, the heads side by side before they are joined, and what experts read."""
    heard = Heard()
    handles = []
    for layer in layers:
        attention = cast(RoutedAttention, layer.attention)
        handles += [
            attention.output.register_forward_pre_hook(_noting(heard.attention)),
            cast(SparseExperts, layer.experts).register_forward_pre_hook(_noting(heard.experts)),
        ]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _noting(into: list[Tensor]) -> Any:
    def note(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        del part
        into.append(inputs[0])

    return note


@dataclass(frozen=True)
class ResidualPart:
    """One part of the sum: what it adds to the token that is read (instance, width)."""

    step: Step
    added: Tensor
    weight: Tensor | None = None


def head_parts(
    layer: int, attention: RoutedAttention, heads: Tensor, routes: Tensor, pool: Pool
) -> list[ResidualPart]:
    """Of every head of both branches.

    heads : (instance, token, branch · head · size) side by side. routes : (instance, branch, head).
    """
    pooled = pool(heads).unflatten(1, (attention.count, -1))
    weights = attention.output.weight.unflatten(1, (attention.count, -1))
    added = torch.einsum("iab,wab->iaw", pooled, weights)
    flat = routes.flatten(1)
    return [
        ResidualPart(
            Step(layer, "head", BRANCHES[at // attention.heads], at % attention.heads + 1),
            added[:, at],
            flat[:, at],
        )
        for at in range(attention.count)
    ]


def expert_parts(
    layer: int, experts: SparseExperts, tokens: Tensor, routing: Routing, pool: Pool
) -> list[ResidualPart]:
    """Of every expert, each weighted as its router did, and of the one that all tokens share.

    tokens : (instance, token, width) as the experts read them.
    """
    weights = routing.weights().to(tokens.dtype)
    parts = []
    for at in range(len(experts.inner)):
        hidden = gelu(tokens @ experts.inner[at] + experts.inner_bias[at]) @ experts.outer[at]
        weight = weights[..., at : at + 1]
        step = Step(layer, "expert", number=at + 1)
        parts.append(ResidualPart(step, pool(hidden * weight), pool(weight)[:, 0]))
    if experts.shared is not None:
        present = weights.sum(-1, keepdim=True) > 0
        parts.append(
            ResidualPart(Step(layer, "shared_expert"), pool(experts.shared(tokens) * present))
        )
    return parts


def summed(
    parts: list[ResidualPart], state: Tensor, norm: nn.LayerNorm, output: Outputs, target: int
) -> StepSums:
    """Every part as the last norm and the output layer read it, and the constant behind them.

    state : (instance, width) the token that is read, before the last norm. What is in it beyond the
    parts is the same for every input: the biases.
    """
    scale = torch.sqrt(state.var(1, unbiased=False, keepdim=True) + norm.eps)
    direction, constant = _direction(output, target)
    direction = direction @ output.linear.weight
    known = sum((part.added for part in parts), torch.zeros_like(state))
    rest = _through(state - known, scale, norm) @ direction
    fixed = norm.bias @ direction + constant
    added = [_through(part.added, scale, norm) @ direction for part in parts]
    nothing = torch.full((len(state),), torch.nan)
    weights = [nothing if part.weight is None else part.weight for part in parts]
    return StepSums(
        steps=(*(part.step for part in parts), Step(0, "constant")),
        added=_array([*added, rest + fixed]),
        weights=_array([*weights, nothing]),
    )


def _through(added: Tensor, scale: Tensor, norm: nn.LayerNorm) -> Tensor:
    """(instance, width) as the norm passes it on, with its scale as it is for the whole."""
    return (added - added.mean(1, keepdim=True)) / scale * norm.weight


def _direction(output: Outputs, target: int) -> tuple[Tensor, Tensor]:
    """How the explained output hangs on the numbers of the last layer: (output,) and a constant."""
    size = output.linear.out_features
    at = torch.cat([torch.zeros(1, size), torch.eye(size)]).to(output.linear.weight)
    values = contrast(output.view(output.readout(at)), target)
    constant = values[0] + (values[1:] - values[0]) @ output.linear.bias
    return values[1:] - values[0], constant


def _array(columns: list[Tensor]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(torch.stack(columns, dim=1).double().cpu().numpy())


def pool_of(present: Tensor | None, *, reads_mean: bool) -> Pool:
    """How tokens become the one that is read: the mean of those that are there, or the summary."""
    if reads_mean:
        return lambda tokens: mean_token(tokens, present)
    return lambda tokens: tokens[:, 0]
