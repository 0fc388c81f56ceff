"""The multilayer perceptron: the module."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.models.shared.network_encoding import ACTIVATIONS, EncodedModule, Layers
from deepseek_report.models.shared.output_layers import Outputs, describe


class MLPModule(EncodedModule):
    """See `MLP` for the values; the units are those of `EncodedModule`.

    _places : (column, 2) of a table the number of each column among the numeric and among the coded
    features, -1 for nowhere. _flags : (numeric,) the number of its flag of missing values, or -1.
    """

    _places: Tensor
    _flags: Tensor

    def __init__(self, schema: Schema, train: Split, layers: Layers) -> None:
        super().__init__(schema, train, layers.bins)
        self.hidden_units = tuple(layers.hidden)
        sizes = (len(self.unit_features), *layers.hidden)
        self.hidden = nn.Sequential()
        for before, after in pairwise(sizes):
            self.hidden.append(nn.Linear(before, after))
            self.hidden.append(ACTIVATIONS[layers.activation]())
            self.hidden.append(nn.Dropout(layers.dropout))
        self.output = Outputs(sizes[-1], schema.target, train)
        if self.standard is None:
            numeric, coded = self.encoder.numeric, self.encoder.coded
            places, flags = torch.full((self.columns, 2), -1), torch.full((len(numeric),), -1)
            places[numeric, 0] = torch.arange(len(numeric))
            places[coded, 1] = torch.arange(len(coded))
            flags[self._flagged] = torch.arange(len(self._flagged))
            self.register_buffer("_places", places, persistent=False)
            self.register_buffer("_flags", flags, persistent=False)

    @property
    def first(self) -> nn.Linear:
        """The first hidden layer, which adds up what the columns bring."""
        return cast(nn.Linear, self.hidden[0])

    def terms(self, values: Tensor, columns: Tensor) -> Tensor:
        """(instance, some column) original units -> (instance, some column, hidden unit): what
        these columns of a table add in the first layer.
        """
        weight, encoder = self.first.weight, self.encoder
        numeric, coded = self._places[columns].unbind(1)
        is_numeric = numeric >= 0
        terms = weight.new_empty(len(values), len(columns), len(weight))
        which = numeric[is_numeric]
        shares, standard, missing = encoder.numbers_of(values[:, is_numeric], which)
        units = torch.cat([shares, standard.unsqueeze(-1)], dim=2)
        first_flag = len(encoder.numeric) * units.shape[2]
        by_feature = weight[:, :first_flag].unflatten(1, (-1, units.shape[2]))
        added = torch.einsum("vnu,hnu->vnh", units, by_feature[:, which])
        flags = self._flags[which]
        lacking = (missing.any(dim=0) & (flags >= 0)).nonzero().squeeze(1)
        of_flags = weight[:, first_flag + flags[lacking]].T
        added[:, lacking] += missing[:, lacking].unsqueeze(-1) * of_flags
        terms[:, is_numeric] = added
        of_codes = weight[:, first_flag + len(self._flagged) :].T
        codes = encoder.codes_of(values[:, ~is_numeric], coded[~is_numeric])
        terms[:, ~is_numeric] = of_codes[codes]
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

    def architecture(self) -> dict[str, object]:
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
