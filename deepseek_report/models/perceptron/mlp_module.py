"""The multilayer perceptron: the module."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.models.shared.activations import ACTIVATIONS, Activation
from deepseek_report.models.shared.architecture import describe
from deepseek_report.models.shared.encoded import EncodedModule
from deepseek_report.models.shared.output_layers import Outputs


class MLPModule(EncodedModule):
    """See `MLP` for the values; the units are those of `EncodedModule`."""

    def __init__(
        self,
        schema: Schema,
        train: Split,
        *,
        hidden: Sequence[int],
        activation: Activation,
        bins: int,
        dropout: float,
    ) -> None:
        super().__init__(schema, train, bins)
        self.hidden_units = tuple(hidden)
        sizes = (len(self.unit_features), *hidden)
        self.hidden = nn.Sequential()
        for before, after in pairwise(sizes):
            self.hidden.append(nn.Linear(before, after))
            self.hidden.append(ACTIVATIONS[activation]())
            self.hidden.append(nn.Dropout(dropout))
        self.output = Outputs(sizes[-1], schema.target, train)

    @property
    def first(self) -> nn.Linear:
        """The first hidden layer, which adds up what the columns bring."""
        return cast(nn.Linear, self.hidden[0])

    def terms(self, inputs: Tensor) -> Tensor:
        """(instance, column) original units -> (instance, column, hidden unit): what each column
        of a table adds in the first layer.
        """
        weight = self.first.weight
        shares, standard, missing = self.encoder.numbers(inputs)
        numeric = torch.cat([shares, standard.unsqueeze(-1)], dim=2)
        _, features, width = numeric.shape
        flags = features * width + len(self._flagged)
        terms = weight.new_zeros(len(inputs), self.columns, len(weight))
        by_feature = weight[:, : features * width].reshape(-1, features, width)
        added = torch.einsum("vnu,hnu->vnh", numeric, by_feature)
        gaps = missing[:, self._flagged].any(dim=0).nonzero().squeeze(1)
        lacking = torch.as_tensor(self._flagged, device=gaps.device, dtype=gaps.dtype)[gaps]
        of_flags = weight[:, features * width : flags].T[gaps]
        added[:, lacking] += missing[:, lacking].unsqueeze(-1) * of_flags
        terms[:, self.encoder.numeric] = added
        terms[:, self.encoder.coded] = weight[:, flags:].T[self.encoder.codes(inputs)]
        return terms

    def outputs_from(self, added: Tensor) -> Tensor:
        """(instance, hidden unit) sums of terms over the columns -> (instance, output)."""
        outputs: Tensor = self.output(self.hidden[1:](added + self.first.bias))
        return outputs

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
            "architectures.mlp", hidden=list(self.hidden_units), columns=len(self.unit_features)
        )
        kinds = {
            f"hidden.{i}": "linear"
            for i, layer in enumerate(self.hidden)
            if isinstance(layer, nn.Linear)
        }
        return describe(self, "MLP", summary, kinds | {"output": "output"})
