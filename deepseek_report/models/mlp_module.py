"""The multilayer perceptron: the module."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.models.architecture import describe
from deepseek_report.models.encoded import EncodedModule
from deepseek_report.models.outputs import Outputs

if TYPE_CHECKING:
    from deepseek_report.models.mlp import MLP

_ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}


class MLPModule(EncodedModule):
    """See `MLP`; the units are those of `EncodedModule`."""

    def __init__(self, config: MLP, schema: Schema, train: Split) -> None:
        super().__init__(schema, train, config.bins)
        self.config = config
        sizes = (len(self.unit_features), *config.hidden)
        self.hidden = nn.Sequential()
        for before, after in pairwise(sizes):
            self.hidden.append(nn.Linear(before, after))
            self.hidden.append(_ACTIVATIONS[config.activation]())
            self.hidden.append(nn.Dropout(config.dropout))
        self.output = Outputs(sizes[-1], schema.target, train)

    def outputs_of(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> (instance, output)."""
        outputs: Tensor = self.output(self.hidden(embedded.squeeze(-1)))
        return outputs

    def view(self, outputs: Tensor) -> Tensor:
        """(instance, output) -> (instance, class)."""
        return self.output.view(outputs)

    def architecture(self) -> dict[str, Any]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        summary = message(
            "architectures.mlp", hidden=list(self.config.hidden), columns=len(self.unit_features)
        )
        kinds = {
            f"hidden.{i}": "linear"
            for i, layer in enumerate(self.hidden)
            if isinstance(layer, nn.Linear)
        }
        return describe(self, "MLP", summary, kinds | {"output": "output"})
