"""One layer of the routed transformer, and what it decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.models.routed.branched_attention import BRANCHES, Neighbours, RoutedAttention
from deepseek_report.models.routed.deepseek_settings import DeepSeekSettings
from deepseek_report.models.routed.experts import Routing, SparseExperts


class DropPath(nn.Module):
    """Drops a residual branch for whole instances with probability p; the rest is divided by 1 − p.

    The expectation of the output is the input; in evaluation mode it is the input itself.

    Reference: Huang et al. 2016, Deep Networks with Stochastic Depth,
    doi 10.1007/978-3-319-46493-0_39.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """(instance, …) -> the same shape."""
        if not self.training or self.probability == 0.0:
            return branch
        keep = 1.0 - self.probability
        shape = (len(branch),) + (1,) * (branch.dim() - 1)
        drawn = torch.empty(shape, device=branch.device).bernoulli_(keep)
        return branch * (drawn / keep).to(branch.dtype)


@dataclass(frozen=True)
class Decisions:
    """What a layer decided: attention and routes as `RoutedAttention` returns them, experts."""

    attention: Tensor | None
    routes: Tensor
    routing: Routing

    def trace(self, read: int | None) -> LayerTrace:
        """The same as explainers read it; read : the first tokens that matter, None for all."""
        weights = self.routing.weights()
        if read is not None:
            weights[:, read:] = 0
        return LayerTrace(
            attention=None if self.attention is None else _by_branch(self.attention),
            routes=_by_branch(self.routes),
            expert_weights=weights,
        )


class RoutedLayer(nn.Module):
    """One layer: routed attention, then sparse experts, each with a norm before and a sum after."""

    def __init__(self, config: DeepSeekSettings, neighbours: Neighbours, drop_path: float) -> None:
        super().__init__()
        sizes = config.sizes
        self.attention_norm = nn.LayerNorm(sizes.width)
        self.attention = RoutedAttention(neighbours, sizes.width, sizes.heads, config.global_keys)
        self.experts_norm = nn.LayerNorm(sizes.width)
        self.experts = SparseExperts(
            sizes.width,
            sizes.expert_width,
            sizes.experts,
            sizes.experts_per_token,
            config.shared_expert,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, tokens: Tensor, present: Tensor | None, maps: bool, read: int | None = None
    ) -> tuple[Tensor, Decisions]:
        """(instance, token, width) -> the same, or of the tokens read; and what was decided.

        present, maps, read : see `RoutedAttention`.
        """
        mixed, attention, routes = self.attention(self.attention_norm(tokens), present, maps, read)
        tokens = tokens[:, : mixed.shape[1]] + self.drop_path(self.dropout(mixed))
        tokens, routing = self.feed_forward(tokens, present)
        return tokens, Decisions(attention, routes, routing)

    def feed_forward(self, tokens: Tensor, present: Tensor | None) -> tuple[Tensor, Routing]:
        """The second half of the layer: tokens after attention -> the layer's output."""
        present = None if present is None else present[:, : tokens.shape[1]]
        expert, routing = self.experts(self.experts_norm(tokens), present)
        return tokens + self.drop_path(self.dropout(expert)), routing


def _by_branch(decided: Tensor) -> dict[str, Tensor]:
    """(instance, branch, …) -> {branch: (instance, …)}."""
    return {name: decided[:, at] for at, name in enumerate(BRANCHES)}


def noting(into: list[Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    """A hook that notes what goes into a part."""

    def note(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        del part
        into.append(inputs[0])

    return note
