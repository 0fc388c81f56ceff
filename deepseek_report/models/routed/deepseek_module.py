"""The routed transformer over features, words, patches or windows: the module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.modules import (
    REPLACEMENTS,
    LayerTrace,
    Replacement,
    Step,
    StepSums,
)
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Structure
from deepseek_report.metrics.internals.transformer_trace import Substitutes
from deepseek_report.models.routed.branched_attention import (
    BRANCHES,
    Neighbours,
    RoutedAttention,
    joined,
    mean_token,
)
from deepseek_report.models.routed.deepseek_settings import DeepSeekSettings
from deepseek_report.models.routed.experts import Routing, SparseExperts
from deepseek_report.models.shared.network_encoding import FeatureEncoder
from deepseek_report.models.shared.output_layers import Outputs, contrast, describe
from deepseek_report.models.shared.tokens import Embedding, FeatureTokens, Patches, TextTokens


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


def _heads(at: int, layer: RoutedLayer) -> list[Step]:
    heads = layer.attention.heads
    return [Step(at, "head", name, k) for name in BRANCHES for k in range(1, heads + 1)]


class _LayerPass:
    """What went through one layer: the tokens that it read, after its attention, and its output."""

    def __init__(
        self, module: DeepSeekModule, position: int, tokens: Tensor, present: Tensor | None
    ) -> None:
        self.layer, self.at = cast(RoutedLayer, module.layers[position]), position + 1
        joined: list[Tensor] = []
        with self.layer.attention.output.register_forward_pre_hook(noting(joined)):
            mixed, _, self.routes = self.layer.attention(
                self.layer.attention_norm(tokens), present, False, module.read_of(position)
            )
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
            yield from self._each(step, added, partial(self._with_new, added))
        for step, added in self._expert_parts():
            yield from self._each(step, added, (self.output - added).add)

    def _each(
        self, step: Step, added: Tensor, go_on: Callable[[Tensor], Tensor]
    ) -> Iterator[tuple[Step, Replacement, Tensor]]:
        for replacement in REPLACEMENTS:
            yield step, replacement, go_on(self.substitutes.of(added, replacement))

    def _with_new(self, added: Tensor, new: Tensor) -> Tensor:
        """The output where a part of attention adds something new."""
        return self.layer.feed_forward(self.attended - added + new, self.present)[0]

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


# --- How the output of a routed transformer comes about, part by part -----------------------------
# Every layer adds to the token that is read what its heads and its experts give, and the last norm
# and the output layer are linear once the norm's own scale is held as it is. So the output is a sum
# over the tokens as they enter, every head of every layer, every expert and one constant: direct
# contributions along the residual stream. What a head adds for *later* layers to read counts with
# those.
#
# Reference: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits,
# https://transformer-circuits.pub/2021/framework (direct contributions to the logits).

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
    with ExitStack() as hooks:
        for layer in layers:
            output = cast(RoutedAttention, layer.attention).output
            experts = cast(SparseExperts, layer.experts)
            hooks.enter_context(output.register_forward_pre_hook(noting(heard.attention)))
            hooks.enter_context(experts.register_forward_pre_hook(noting(heard.experts)))
        yield heard


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
        weight = weights[..., at : at + 1]
        step = Step(layer, "expert", number=at + 1)
        added = experts.output_of(at, tokens) * weight
        parts.append(ResidualPart(step, pool(added), pool(weight)[:, 0]))
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


def _array(columns: list[Tensor]) -> Floats:
    return np.asarray(torch.stack(columns, dim=1).double().cpu().numpy())


def pool_of(present: Tensor | None, *, reads_mean: bool) -> Pool:
    """How tokens become the one that is read: the mean of those that are there, or the summary."""
    if reads_mean:
        return lambda tokens: mean_token(tokens, present)
    return lambda tokens: tokens[:, 0]


# --- The routed transformer over features, words, patches or windows: the module ------------------


class DeepSeekModule(nn.Module):
    """See `DeepSeek`; offers what `protocols.modules.ExplainableModule` asks for.

    With more than 128 tokens `trace` hands out attention between runs of neighbouring tokens, and
    `token_columns` are those of the runs.
    """

    def __init__(self, config: DeepSeekSettings, schema: Schema, train: Split) -> None:
        super().__init__()
        self.config = config
        width, layers = config.sizes.width, config.sizes.layers
        kind = kind_of(schema)
        self.tokens = embedding_for(config, schema, train)
        neighbours = Neighbours(self.tokens.grid, config.window or kind.neighbours)
        drops = torch.linspace(0.0, config.drop_path, layers + 1)[1:].tolist()
        stack = [RoutedLayer(config, neighbours, drop) for drop in drops]
        self.layers = nn.ModuleList(stack)
        self.norm = nn.LayerNorm(width)
        self.output = Outputs(width, schema.target, train)
        pool = config.pool or ("summary" if kind.named_columns else "mean")
        self.reads_mean = pool == "mean"
        self.unit_features = self.tokens.unit_features
        self.token_columns = joined(self.tokens.token_columns, stack[0].attention.map_runs)

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, column) original units -> (instance, unit, …), as the embedding says."""
        units: Tensor = self.tokens(inputs)
        return units

    def forward_embedded(self, embedded: Tensor) -> Tensor:
        """(instance, unit, …) -> logits (instance, class)."""
        return self.output.view(self._run(embedded)[0])

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, column) original units -> logits (instance, class)."""
        return self.forward_embedded(self.embed(inputs))

    def trace(self, inputs: Tensor) -> tuple[Tensor, list[LayerTrace]]:
        """Logits and what each layer decided."""
        outputs, decisions = self._run(self.embed(inputs), maps=True)
        traces = [layer.trace(self.read_of(at)) for at, layer in enumerate(decisions)]
        return self.output.view(outputs), traces

    def forward_with_balance(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs, and the mean balance loss of the layers (1 = every expert is used alike).

        Where the summary token alone is read, the last layer counts what it sends it to.
        """
        outputs, decisions = self._run(self.embed(inputs))
        return outputs, torch.stack([layer.routing.balance() for layer in decisions]).mean()

    def reading(self, inputs: Tensor) -> Tensor:
        """(instance, token) how much of each token's last state the output reads; sums to 1."""
        present = self.tokens.join(self.embed(inputs))[1]
        run_of = cast(RoutedLayer, self.layers[0]).attention.map_runs
        read = torch.zeros(len(run_of), device=run_of.device)
        read[0] = 1.0
        if self.reads_mean:
            read = torch.ones_like(read) if present is None else present.to(read.dtype)
        read = read.expand(len(inputs), -1)
        runs = read.new_zeros(len(inputs), len(self.token_columns)).index_add(1, run_of, read)
        return runs / runs.sum(1, keepdim=True)

    def step_sums(self, inputs: Tensor, target: int) -> StepSums:
        """What the tokens, every head, every expert and a constant add; see `residual_steps`."""
        embedded = self.embed(inputs)
        tokens, present = self.tokens.join(embedded)
        pool = pool_of(present, reads_mean=self.reads_mean)
        with listening_to(self.layers) as heard:
            state, decisions = self._read_state(embedded, maps=True)
        parts = [ResidualPart(Step(0, "tokens"), pool(tokens))]
        for at, decided in enumerate(decisions):
            layer = cast(RoutedLayer, self.layers[at])
            heads = (layer.attention, heard.attention[at], decided.routes, pool)
            parts += head_parts(at + 1, *heads)
            parts += expert_parts(at + 1, layer.experts, heard.experts[at], decided.routing, pool)
        return summed(parts, state, self.norm, self.output, target)

    def architecture(self) -> dict[str, object]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        sizes = self.config.sizes
        summary = message(
            "architectures.deepseek",
            tokens=self.tokens.described,
            width=sizes.width,
            layers=sizes.layers,
            heads=sizes.heads,
            experts=sizes.experts,
            chosen=sizes.experts_per_token,
            shared=bool(self.config.shared_expert),
        )
        kinds = {"tokens": "embedding"}
        for position in range(sizes.layers):
            start = f"layers.{position}"
            kinds |= {
                f"{start}.attention_norm": "normalisation",
                f"{start}.attention": "attention",
                f"{start}.attention.router": "head router",
                f"{start}.experts_norm": "normalisation",
                f"{start}.experts": "experts",
                f"{start}.experts.router": "expert router",
            }
        kinds |= {"norm": "normalisation", "output": "output"}
        return describe(self, "DeepSeek", summary, kinds)

    def parts(self) -> list[Step]:
        """Layers, branches, heads, their weights, and experts; see `ReplacesParts`."""
        steps: list[Step] = []
        for at, stacked in enumerate(self.layers, 1):
            layer = cast(RoutedLayer, stacked)
            steps += [Step(at, "layer"), Step(at, "routes"), *_heads(at, layer)]
            steps += [Step(at, "branch", name) for name in BRANCHES]
            numbers = range(1, len(layer.experts.inner) + 1)
            steps += [Step(at, "experts"), *(Step(at, "expert", number=k) for k in numbers)]
            steps += [Step(at, "shared_expert")] if layer.experts.shared is not None else []
        return steps

    def replaced(self, inputs: Tensor) -> Iterator[tuple[Step, Replacement, Tensor]]:
        """The logits with each part replaced; only what comes after the part runs again."""
        tokens, present = self.trimmed(*self.tokens.join(self.embed(inputs)))
        for position in range(len(self.layers)):
            passed = _LayerPass(self, position, tokens, present)
            for step, replacement, changed in passed.replaced():
                state, _ = self.state_from(position + 1, changed, present)
                yield step, replacement, self.output.view(self.output(self.norm(state)))
            tokens = passed.output

    def _run(self, embedded: Tensor, *, maps: bool = False) -> tuple[Tensor, list[Decisions]]:
        """Outputs and decisions; without maps the last layer works on what is read alone."""
        state, decisions = self._read_state(embedded, maps=maps)
        return self.output(self.norm(state)), decisions

    def _read_state(
        self, embedded: Tensor, *, maps: bool = False
    ) -> tuple[Tensor, list[Decisions]]:
        """The token that the output reads (instance, width), before the last norm; decisions."""
        tokens, present = self.tokens.join(embedded)
        if not maps and not self.training:
            tokens, present = self.trimmed(tokens, present)
        return self.state_from(0, tokens, present, maps=maps)

    def state_from(
        self, first: int, tokens: Tensor, present: Tensor | None, *, maps: bool = False
    ) -> tuple[Tensor, list[Decisions]]:
        """The state that is read and the decisions, of the layers from `first` on.

        tokens : (instance, token, width) as that layer reads them.
        """
        decisions = []
        for position in range(first, len(self.layers)):
            read = None if maps else self.read_of(position)
            tokens, decided = self.layers[position](tokens, present, maps, read)
            decisions.append(decided)
        return pool_of(present, reads_mean=self.reads_mean)(tokens), decisions

    def read_of(self, layer: int) -> int | None:
        """How many of a layer's first tokens are read by what comes after it; None for all."""
        return 1 if layer == len(self.layers) - 1 and not self.reads_mean else None

    def trimmed(self, tokens: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Without the places at the end at which no instance has a token.

        Nothing reads them, so the outputs are the same. Where a program is compiled or attention
        has a fixed number of places, all are kept.
        """
        dense = cast(RoutedLayer, self.layers[0]).attention.dense
        if present is None or not dense or torch.compiler.is_compiling():
            return tokens, present
        length = int(present.any(0).nonzero()[-1]) + 1
        return tokens[:, :length], present[:, :length]


def embedding_for(config: DeepSeekSettings, schema: Schema, train: Split) -> Embedding:
    """The embedding for such columns as the schema describes."""
    return _EMBEDDINGS[kind_of(schema).structure](config, schema, train)


def _of_columns(config: DeepSeekSettings, schema: Schema, train: Split) -> Embedding:
    return FeatureTokens(schema, FeatureEncoder(schema, train, config.bins), config.sizes.width)


def _of_tokens(config: DeepSeekSettings, schema: Schema, train: Split) -> Embedding:
    del train
    return TextTokens(schema, config.sizes.width, config.masking)


def _of_grid(config: DeepSeekSettings, schema: Schema, train: Split) -> Embedding:
    return Patches(schema, train, config.sizes.width, config.patch, config.masking)


#: By what the columns are, see `DataKind.structure`.
_EMBEDDINGS: Mapping[Structure, Callable[[DeepSeekSettings, Schema, Split], Embedding]] = {
    "columns": _of_columns,
    "tokens": _of_tokens,
    "grid": _of_grid,
}
