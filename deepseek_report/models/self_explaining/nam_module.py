"""The neural additive model: the module."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.models.shared.network_encoding import ACTIVATIONS, EncodedModule, Layers
from deepseek_report.models.shared.output_layers import Outputs, contrast, describe

#: Training rows at a time when the mean contributions are taken.
_BATCH = 2048


class GroupedLinear(nn.Module):
    """One linear layer a group, all in one multiplication."""

    def __init__(self, groups: int, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, before, after))
        self.bias = nn.Parameter(torch.empty(groups, 1, after))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform within 1 / √inputs, as torch's linear layer."""
        most = 1 / math.sqrt(self.weight.shape[1])
        nn.init.uniform_(self.weight, -most, most)
        nn.init.uniform_(self.bias, -most, most)

    def forward(self, values: Tensor) -> Tensor:
        """(group, instance, before) -> (group, instance, after)."""
        return torch.baddbmm(self.bias, values, self.weight)


class NAMModule(EncodedModule):
    """See `NAM` for the values; the units are those of `EncodedModule`.

    The networks of all numeric features end in `hidden[-1]` numbers each. These, the flags of
    missing values and the one-hot categories are what the last layer adds up, so what a column
    contributes is the part of that sum which comes from its own numbers.
    """

    owners: Tensor

    def __init__(
        self, schema: Schema, train: Split, layers: Layers, feature_dropout: float
    ) -> None:
        super().__init__(schema, train, layers.bins)
        hidden = self.hidden_units = tuple(layers.hidden)
        self.feature_dropout = feature_dropout
        self._train = train.inputs
        self._means: Tensor | None = None
        self.register_load_state_dict_post_hook(  # type: ignore[no-untyped-call]
            lambda *_: self.reset_parameters()
        )
        numeric = self.encoder.numeric
        self.networks = nn.Sequential()
        for before, after in pairwise((layers.bins + 1, *hidden)):
            self.networks.append(GroupedLinear(len(numeric), before, after))
            self.networks.append(ACTIVATIONS[layers.activation]())
        self.networks.append(nn.Dropout(layers.dropout))
        ends = [feature for feature in numeric for _ in range(hidden[-1])]
        flags = [numeric[i] for i in self._flagged]
        owners = torch.tensor([*ends, *flags, *self.encoder.row_features], dtype=torch.long)
        self.register_buffer("owners", owners, persistent=False)
        self.output = Outputs(len(owners), schema.target, train)

    def reset_parameters(self) -> None:
        """Forget the mean contributions, which belong to other weights."""
        self._means = None

    def train(self, mode: bool = True) -> NAMModule:
        """Training changes the weights, so what was computed with them is forgotten."""
        if mode:
            self._means = None
        super().train(mode)
        return self

    def outputs_of(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> (instance, output)."""
        hidden = self._hidden(embedded)
        if self.training and self.feature_dropout:  # features left out; the others are scaled up
            kept = nn.functional.dropout(
                hidden.new_ones(len(hidden), self.columns), self.feature_dropout
            )
            hidden = hidden * kept[:, self.owners]
        outputs: Tensor = self.output(hidden)
        return outputs

    def view(self, outputs: Tensor) -> Tensor:
        """(instance, output) -> (instance, class)."""
        return self.output.view(outputs)

    def terms(self, values: Tensor, columns: Tensor) -> Tensor:
        """(instance, some column) original units -> (instance, some column, output): what each
        of these adds.
        """
        inputs = values.new_full((len(values), self.columns), torch.nan)
        inputs[:, columns] = values
        hidden, weight = self._hidden(self.embed(inputs)), self.output.linear.weight.T
        terms = hidden.new_zeros(len(inputs), self.columns, weight.shape[1])
        return terms.index_add_(1, self.owners, hidden.unsqueeze(-1) * weight)[:, columns]

    def outputs_from(self, added: Tensor) -> Tensor:
        """(instance, output) sums of terms over the columns -> (instance, output)."""
        outputs: Tensor = self.output.readout(added + self.output.linear.bias)
        return outputs

    def intrinsic(self, inputs: Tensor, target: int) -> tuple[Tensor, Tensor]:
        """What each feature adds, less what it adds on average over the training part.

        Returns values (instance, feature) and the mean output of the training part (instance,);
        their sum is the output exactly. See `IntrinsicModule`.
        """
        with torch.no_grad():
            means = self._mean_hidden(inputs.device)
            weight = contrast(self.output.view(self.output.linear.weight.T), target)
            weight = weight * (self.output.spread if self.output.scaled else 1.0)
            parts = (self._hidden(self.embed(inputs)) - means) * weight
            values = parts.new_zeros(len(inputs), self.columns)
            values.index_add_(1, self.owners, parts)
            base = contrast(self.view(self.output(means.unsqueeze(0))), target)
        return values, base.expand(len(inputs))

    def architecture(self) -> dict[str, object]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        summary = message(
            "architectures.nam",
            numeric=len(self.encoder.numeric),
            coded=len(self.encoder.coded),
            hidden=list(self.hidden_units),
        )
        kinds = {
            f"networks.{i}": "one linear layer a feature"
            for i, layer in enumerate(self.networks)
            if isinstance(layer, GroupedLinear)
        }
        return describe(self, "NAM", summary, {**kinds, "output": "sum of the features"})

    def _hidden(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> (instance, hidden): what the last layer adds up."""
        units = embedded.squeeze(-1)
        n, numeric = len(units), len(self.encoder.numeric)
        ends = units[:, :0]
        if numeric:
            read = units[:, : numeric * (self.encoder.bins + 1)].reshape(n, numeric, -1)
            hidden = self.networks(read.transpose(0, 1)).transpose(0, 1)
            ends = (hidden * self._present(units).unsqueeze(-1)).flatten(1)
        return torch.cat([ends, units[:, numeric * (self.encoder.bins + 1) :]], dim=1)

    def _present(self, units: Tensor) -> Tensor:
        """(instance, numeric) 1, and 0 where a flag says that the value is missing."""
        first = len(self.encoder.numeric) * (self.encoder.bins + 1)
        flags = units[:, first : first + len(self._flagged)]
        present = units.new_ones(len(units), len(self.encoder.numeric))
        flagged = torch.tensor(self._flagged, dtype=torch.long, device=units.device)
        return present.index_add(1, flagged, -flags)

    def _mean_hidden(self, device: torch.device) -> Tensor:
        """(hidden,) mean over the training part; kept until the weights change."""
        if self.training or self._means is None or self._means.device != device:
            total = torch.zeros(len(self.owners), dtype=torch.float64, device=device)
            for start in range(0, len(self._train), _BATCH):
                rows = torch.as_tensor(self._train[start : start + _BATCH], dtype=torch.float32)
                total += self._hidden(self.embed(rows.to(device))).double().sum(0)
            self._means = (total / len(self._train)).float()
        return self._means
