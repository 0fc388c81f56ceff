"""The routed transformer over feature tokens: the module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.protocols import LayerTrace
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.models.architecture import describe
from deepseek_report.models.attention import BRANCHES, RoutedAttention
from deepseek_report.models.encoding import Encoder
from deepseek_report.models.experts import SparseExperts
from deepseek_report.models.outputs import Outputs
from deepseek_report.models.regularisation import DropPath
from deepseek_report.models.tokens import FeatureTokens

if TYPE_CHECKING:
    from deepseek_report.models.deepseek import DeepSeek


class RoutedLayer(nn.Module):
    """One layer: routed attention, then sparse experts, each with a norm before and a sum after."""

    def __init__(self, config: DeepSeek, tokens: int, drop_path: float) -> None:
        super().__init__()
        width = config.width
        self.attention_norm = nn.LayerNorm(width)
        self.attention = RoutedAttention(tokens, width, config.heads, config.window)
        self.experts_norm = nn.LayerNorm(width)
        self.experts = SparseExperts(
            width,
            config.expert_width,
            config.experts,
            config.experts_per_token,
            config.shared_expert,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, tokens: Tensor, head_mask: Tensor | None
    ) -> tuple[Tensor, LayerTrace, Tensor]:
        """(instance, token, width) -> the same, what was decided, and the balance loss."""
        mixed, attention, routes = self.attention(self.attention_norm(tokens), head_mask)
        tokens = tokens + self.drop_path(self.dropout(mixed))
        expert, weights, balance = self.experts(self.experts_norm(tokens))
        tokens = tokens + self.drop_path(self.dropout(expert))
        trace = LayerTrace(
            attention={name: attention[:, b] for b, name in enumerate(BRANCHES)},
            routes={name: routes[:, b] for b, name in enumerate(BRANCHES)},
            expert_weights=weights,
        )
        return tokens, trace, balance


class DeepSeekModule(nn.Module):
    """See `DeepSeek`; offers what `artifacts.protocols.ExplainableModule` asks for."""

    def __init__(self, config: DeepSeek, schema: Schema, train: Split) -> None:
        super().__init__()
        self.config = config
        features = len(schema.features)
        self.unit_features = (-1, *range(features))
        self.tokens = FeatureTokens(schema, Encoder(schema, train, config.bins), config.width)
        drops = torch.linspace(0.0, config.drop_path, config.layers + 1)[1:].tolist()
        self.layers = nn.ModuleList(RoutedLayer(config, features + 1, drop) for drop in drops)
        self.norm = nn.LayerNorm(config.width)
        self.output = Outputs(config.width, schema.target, train)

    @property
    def token_columns(self) -> tuple[tuple[int, ...], ...]:
        """For each attention token the position of its feature; empty for the summary token."""
        return tuple(() if feature < 0 else (feature,) for feature in self.unit_features)

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> (instance, 1 + feature, width)."""
        tokens: Tensor = self.tokens(inputs)
        return tokens

    def forward_embedded(self, embedded: Tensor) -> Tensor:
        """(instance, 1 + feature, width) -> logits (instance, class)."""
        return self.output.view(self._run(embedded)[0])

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> logits (instance, class)."""
        return self.forward_embedded(self.embed(inputs))

    def trace(
        self, inputs: Tensor, head_mask: Tensor | None = None
    ) -> tuple[Tensor, list[LayerTrace]]:
        """Logits and what each layer decided; head_mask : (layer, branch, head) or None."""
        outputs, traces, _ = self._run(self.embed(inputs), head_mask)
        return self.output.view(outputs), traces

    def forward_with_balance(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs, and the mean balance loss of the layers (1 = every expert is used alike)."""
        outputs, _, balance = self._run(self.embed(inputs))
        return outputs, balance

    def architecture(self) -> dict[str, Any]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        return describe(self, "deepseek", self._summary(), self._kinds())

    def _run(
        self, embedded: Tensor, head_mask: Tensor | None = None
    ) -> tuple[Tensor, list[LayerTrace], Tensor]:
        tokens, traces, losses = embedded, [], []
        for position, layer in enumerate(self.layers):
            mask = None if head_mask is None else head_mask[position]
            tokens, trace, balance = layer(tokens, mask)
            traces.append(trace)
            losses.append(balance)
        pooled = tokens[:, 0] if self.config.pool == "summary" else tokens.mean(1)
        return self.output(self.norm(pooled)), traces, torch.stack(losses).mean()

    def _summary(self) -> str:
        c = self.config
        shared = " and one that all share" if c.shared_expert else ""
        features = len(self.unit_features) - 1
        return (
            f"A transformer over {features} feature tokens of width {c.width} "
            f"and a summary token: {c.layers} layers, each with {c.heads} local and {c.heads} "
            f"global attention heads weighted per instance by a router, and {c.experts} experts of "
            f"which {c.experts_per_token} work on each token{shared}."
        )

    def _kinds(self) -> dict[str, str]:
        kinds = {"tokens": "feature tokens"}
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
