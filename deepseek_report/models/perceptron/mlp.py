"""The multilayer perceptron: its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import ALL_TASKS, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of, kinds_of_structure
from deepseek_report.models.shared.loading import ModulePlugin

if TYPE_CHECKING:
    from deepseek_report.models.shared.module_classifier import TorchClassifier

#: Features from which on it is faster to add up what the few values of a column put into the first
#: layer than to encode and multiply every row.
WIDE = 200
#: Bins of all numeric features together, so that training is linear in them at the most.
_MOST_BINS = 2**14


@dataclass(frozen=True)
class MLP(ModulePlugin):
    """A multilayer perceptron over encoded columns: small, fast, with gradients.

    hidden : units of each hidden layer, from input to output; activation : between layers; bins :
    quantile bins of a numeric feature, fewer where all features together would have more than
    16 384; dropout : share of hidden units dropped while training.
    """

    name = "mlp"
    capabilities = frozenset({"module", "gradients"})
    modalities = kinds_of_structure("columns", "grid")
    tasks = ALL_TASKS

    hidden: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = (128, 64)
    activation: Literal["gelu", "relu", "silu", "tanh"] = "gelu"
    bins: Annotated[int, Field(ge=1, le=256)] = 16
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2

    def new_module(self, schema: Schema, train: Split, seed: int) -> ExplainableModule:
        from deepseek_report.models.perceptron.mlp_module import MLPModule
        from deepseek_report.models.shared.network_encoding import Layers

        features = sum(feature.is_numeric for feature in schema.features)
        bins = min(self.bins, max(_MOST_BINS // max(features, 1), 1))
        return MLPModule(schema, train, Layers(self.hidden, self.activation, bins, self.dropout))

    def wrap(self, module: ExplainableModule, schema: Schema, device: str) -> TorchClassifier:
        """The trained module as a classifier of numpy arrays; of a wide table one that adds up."""
        if not kind_of(schema).named_columns or len(schema.features) < WIDE:
            return super().wrap(module, schema, device)
        from deepseek_report.models.shared.additive import AdditiveClassifier

        return AdditiveClassifier(module, schema, self.name, self.capabilities, device)
