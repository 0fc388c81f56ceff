"""The routed transformer over features, words, patches or windows: the module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.modules import LayerTrace, Step, StepSums
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Structure
from deepseek_report.models.routed.branched_attention import BRANCHES, RoutedAttention
from deepseek_report.models.routed.deepseek_settings import DeepSeekSettings
from deepseek_report.models.routed.experts import Routing, SparseExperts
from deepseek_report.models.routed.residual_steps import (
    ResidualPart,
    expert_parts,
    head_parts,
    listening_to,
    pool_of,
    summed,
)
from deepseek_report.models.shared.architecture import describe
from deepseek_report.models.shared.embedding import Embedding
from deepseek_report.models.shared.neighbours import Neighbours, joined
from deepseek_report.models.shared.network_encoding import FeatureEncoder
from deepseek_report.models.shared.output_layers import Outputs
from deepseek_report.models.shared.patches import Patches
from deepseek_report.models.shared.regularisation import DropPath
from deepseek_report.models.shared.text_tokens import TextTokens
from deepseek_report.models.shared.tokens import FeatureTokens


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
        self,
        tokens: Tensor,
        head_mask: Tensor | None,
        present: Tensor | None,
        maps: bool,
        read: int | None = None,
    ) -> tuple[Tensor, Decisions]:
        """(instance, token, width) -> the same, or of the tokens read; and what was decided.

        present, maps, read : see `RoutedAttention`.
        """
        mixed, attention, routes = self.attention(
            self.attention_norm(tokens), head_mask, present, maps, read
        )
        tokens = tokens[:, : mixed.shape[1]]
        present = None if present is None else present[:, : mixed.shape[1]]
        tokens = tokens + self.drop_path(self.dropout(mixed))
        expert, routing = self.experts(self.experts_norm(tokens), present)
        tokens = tokens + self.drop_path(self.dropout(expert))
        return tokens, Decisions(attention, routes, routing)


def _by_branch(decided: Tensor) -> dict[str, Tensor]:
    """(instance, branch, …) -> {branch: (instance, …)}."""
    return {name: decided[:, at] for at, name in enumerate(BRANCHES)}


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

    def trace(
        self, inputs: Tensor, head_mask: Tensor | None = None
    ) -> tuple[Tensor, list[LayerTrace]]:
        """Logits and what each layer decided; head_mask : (layer, branch, head) or None."""
        outputs, decisions = self._run(self.embed(inputs), head_mask, maps=True)
        traces = [layer.trace(self._read_of(at)) for at, layer in enumerate(decisions)]
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

    def architecture(self) -> dict[str, Any]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        return describe(self, "DeepSeek", self._summary(), self._kinds())

    def _run(
        self,
        embedded: Tensor,
        head_mask: Tensor | None = None,
        *,
        maps: bool = False,
    ) -> tuple[Tensor, list[Decisions]]:
        """Outputs and decisions; without maps the last layer works on what is read alone."""
        state, decisions = self._read_state(embedded, head_mask, maps=maps)
        return self.output(self.norm(state)), decisions

    def _read_state(
        self,
        embedded: Tensor,
        head_mask: Tensor | None = None,
        *,
        maps: bool = False,
    ) -> tuple[Tensor, list[Decisions]]:
        """The token that the output reads (instance, width), before the last norm; decisions."""
        tokens, present = self.tokens.join(embedded)
        if not maps and not self.training:
            tokens, present = self._trimmed(tokens, present)
        decisions = []
        for position, layer in enumerate(self.layers):
            mask = None if head_mask is None else head_mask[position]
            read = None if maps else self._read_of(position)
            tokens, decided = layer(tokens, mask, present, maps, read)
            decisions.append(decided)
        return pool_of(present, reads_mean=self.reads_mean)(tokens), decisions

    def _read_of(self, layer: int) -> int | None:
        """How many of a layer's first tokens are read by what comes after it; None for all."""
        return 1 if layer == len(self.layers) - 1 and not self.reads_mean else None

    def _trimmed(self, tokens: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Without the places at the end at which no instance has a token.

        Nothing reads them, so the outputs are the same. Where a program is compiled or attention
        has a fixed number of places, all are kept.
        """
        dense = cast(RoutedLayer, self.layers[0]).attention.dense
        if present is None or not dense or torch.compiler.is_compiling():
            return tokens, present
        length = int(present.any(0).nonzero()[-1]) + 1
        return tokens[:, :length], present[:, :length]

    def _summary(self) -> Message:
        sizes = self.config.sizes
        return message(
            "architectures.deepseek",
            tokens=self.tokens.described,
            width=sizes.width,
            layers=sizes.layers,
            heads=sizes.heads,
            experts=sizes.experts,
            chosen=sizes.experts_per_token,
            shared=bool(self.config.shared_expert),
        )

    def _kinds(self) -> dict[str, str]:
        kinds = {"tokens": "embedding"}
        for position in range(len(self.layers)):
            start = f"layers.{position}"
            kinds |= {
                f"{start}.attention_norm": "normalisation",
                f"{start}.attention": "attention",
                f"{start}.attention.router": "head router",
                f"{start}.experts_norm": "normalisation",
                f"{start}.experts": "experts",
                f"{start}.experts.router": "expert router",
            }
        return kinds | {"norm": "normalisation", "output": "output"}


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
