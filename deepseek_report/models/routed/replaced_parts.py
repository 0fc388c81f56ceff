"""A routed transformer without one of its parts: nothing, a mean or another row in its place.

Every part adds to the tokens that pass through: a head what the output projection makes of it, an
expert what it gives times its weight. So a part is replaced by taking away what it adds and adding
something else, and only the layers after it run again.

References: Geiger et al. 2021, Causal Abstractions of Neural Networks, doi
10.48550/arXiv.2106.02997 (interchange); Li & Janson 2024, Optimal ablation for interpretability,
doi 10.48550/arXiv.2409.09951 (why zero, mean and another row's output differ).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from deepseek_report.artifacts.protocols.modules import REPLACEMENTS, Replacement, Step
from deepseek_report.metrics.internals.transformer_trace import Substitutes
from deepseek_report.models.routed.branched_attention import BRANCHES
from deepseek_report.models.routed.routed_layer import Decisions, RoutedLayer, noting
from deepseek_report.models.shared.output_layers import Outputs
from deepseek_report.models.shared.tokens import Embedding


class RoutedStack(Protocol):
    """What is asked of the routed transformer whose parts are replaced."""

    tokens: Embedding
    layers: nn.ModuleList
    norm: nn.LayerNorm
    output: Outputs

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, column) original units -> (instance, unit, …)."""

    def trimmed(self, tokens: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Without the places at the end at which no instance has a token."""

    def state_from(
        self, first: int, tokens: Tensor, present: Tensor | None
    ) -> tuple[Tensor, list[Decisions]]:
        """The state that is read, and the decisions, of the layers from `first` on."""

    def read_of(self, layer: int) -> int | None:
        """How many of a layer's first tokens are read by what comes after it; None for all."""


def parts_of(module: RoutedStack) -> list[Step]:
    """The parts that can be replaced, layer by layer."""
    steps: list[Step] = []
    for at, stacked in enumerate(module.layers, 1):
        layer = cast(RoutedLayer, stacked)
        steps += [Step(at, "layer"), Step(at, "routes"), *_heads(at, layer)]
        steps += [Step(at, "branch", name) for name in BRANCHES]
        numbers = range(1, len(layer.experts.inner) + 1)
        steps += [Step(at, "experts"), *(Step(at, "expert", number=k) for k in numbers)]
        steps += [Step(at, "shared_expert")] if layer.experts.shared is not None else []
    return steps


def _heads(at: int, layer: RoutedLayer) -> list[Step]:
    heads = layer.attention.heads
    return [Step(at, "head", name, k) for name in BRANCHES for k in range(1, heads + 1)]


def outputs_without(
    module: RoutedStack, inputs: Tensor
) -> Iterator[tuple[Step, Replacement, Tensor]]:
    """The outputs (instance, output) with each part replaced; see `ReplacesParts`."""
    tokens, present = module.trimmed(*module.tokens.join(module.embed(inputs)))
    for position in range(len(module.layers)):
        passed = _LayerPass(module, position, tokens, present)
        for step, replacement, changed in passed.replaced():
            state, _ = module.state_from(position + 1, changed, present)
            yield step, replacement, module.output(module.norm(state))
        tokens = passed.output


class _LayerPass:
    """What went through one layer: the tokens that it read, after its attention, and its output."""

    def __init__(
        self, module: RoutedStack, position: int, tokens: Tensor, present: Tensor | None
    ) -> None:
        self.layer, self.at = cast(RoutedLayer, module.layers[position]), position + 1
        joined: list[Tensor] = []
        handle = self.layer.attention.output.register_forward_pre_hook(noting(joined))
        try:
            mixed, _, self.routes = self.layer.attention(
                self.layer.attention_norm(tokens), present, False, module.read_of(position)
            )
        finally:
            handle.remove()
        self.heads = joined[0]
        self.read = tokens[:, : mixed.shape[1]]
        self.present = None if present is None else present[:, : mixed.shape[1]]
        self.substitutes = Substitutes(self.present)
        self.attended = self.read + mixed
        self.output, self.routing = self.layer.feed_forward(self.attended, self.present)

    def replaced(self) -> Iterator[tuple[Step, Replacement, Tensor]]:
        """The layer's output with each of its parts replaced."""
        whole = self.output - self.read
        yield from self._each(Step(self.at, "layer"), whole, lambda new: self.read + new)
        yield from self._routes()
        for step, added in self._attention_parts():
            yield from self._each(step, added, self._after_attention(added))
        for step, added in self._expert_parts():
            yield from self._each(step, added, (self.output - added).add)

    def _each(
        self, step: Step, added: Tensor, go_on: Callable[[Tensor], Tensor]
    ) -> Iterator[tuple[Step, Replacement, Tensor]]:
        for replacement in REPLACEMENTS:
            yield step, replacement, go_on(self.substitutes.of(added, replacement))

    def _after_attention(self, added: Tensor) -> Callable[[Tensor], Tensor]:
        def go_on(new: Tensor) -> Tensor:
            return self.layer.feed_forward(self.attended - added + new, self.present)[0]

        return go_on

    def _routes(self) -> Iterator[tuple[Step, Replacement, Tensor]]:
        """With the weights of the heads as they are on average, and as they are in another row."""
        by_head = self.heads.unflatten(2, (self.layer.attention.count, -1))
        weights = self.routes.flatten(1)[:, None, :, None]
        for replacement in REPLACEMENTS[1:]:
            other = Substitutes().of(weights, replacement)
            changed = by_head * (other / weights.clamp(min=torch.finfo(weights.dtype).tiny))
            added = linear(changed.flatten(2) - self.heads, self.layer.attention.output.weight)
            output = self.layer.feed_forward(self.attended + added, self.present)[0]
            yield Step(self.at, "routes"), replacement, output

    def _attention_parts(self) -> Iterator[tuple[Step, Tensor]]:
        """What each head and each branch adds to the tokens (instance, token, width)."""
        attention = self.layer.attention
        by_head = self.heads.unflatten(2, (attention.count, -1))
        weights = attention.output.weight.unflatten(1, (attention.count, -1))
        added = [by_head[:, :, k] @ weights[:, k].t() for k in range(attention.count)]
        yield from zip(_heads(self.at, self.layer), added, strict=True)
        for k, name in enumerate(BRANCHES):
            heads = added[k * attention.heads : (k + 1) * attention.heads]
            yield Step(self.at, "branch", name), torch.stack(heads).sum(0)

    def _expert_parts(self) -> Iterator[tuple[Step, Tensor]]:
        """What each expert adds, all routed ones together, and the one that all tokens share."""
        experts, tokens = self.layer.experts, self.layer.experts_norm(self.attended)
        weights = self.routing.weights().to(tokens.dtype)
        routed = torch.zeros_like(tokens)
        for k in range(len(experts.inner)):
            added = experts.output_of(k, tokens) * weights[..., k : k + 1]
            routed = routed + added
            yield Step(self.at, "expert", number=k + 1), added
        yield Step(self.at, "experts"), routed
        if experts.shared is not None:
            known = weights.sum(-1, keepdim=True) > 0
            yield Step(self.at, "shared_expert"), experts.shared(tokens) * known
