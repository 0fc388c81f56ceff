"""What the modules over encoded columns share: everything but what comes after the encoding."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.models.shared.network_encoding import FeatureEncoder
from deepseek_report.models.shared.standard import Standard


class EncodedModule(nn.Module):
    """Encodes original features; every encoded column is a unit of width 1.

    In an image or a series every column is a unit, standardised by its channel (`Standard`), gaps
    being 0. In a table units are, in this order: for each numeric feature its bins and its
    standardised value; a flag for each numeric feature that has missing values in the training
    part; for each ordinal or categorical feature one unit a category, one for *unseen* and one for
    *missing*.
    """

    def __init__(self, schema: Schema, train: Split, bins: int) -> None:
        super().__init__()
        self.columns = len(schema.features)
        kind = kind_of(schema)
        self.standard = None if kind.named_columns else Standard(kind.layout, train.inputs)
        if self.standard is None:
            self.encoder = FeatureEncoder(schema, train, bins)
            gaps = np.isnan(train.inputs[:, self.encoder.numeric]).any(axis=0)
            self._flagged = np.flatnonzero(gaps).tolist()
        self.unit_features = self._features_of_units()

    @property
    def token_columns(self) -> tuple[tuple[int, ...], ...]:
        """Empty: these models attend to nothing."""
        return ()

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> (instance, unit, 1)."""
        if self.standard is not None:
            standard_columns: Tensor = self.standard(inputs)
            return standard_columns.unsqueeze(-1)
        shares, standard, missing = self.encoder.numbers(inputs)
        numeric = torch.cat([shares, standard.unsqueeze(-1)], dim=2).flatten(1)
        rows = torch.zeros(len(inputs), self.encoder.table_rows, device=inputs.device)
        coded = rows.scatter(1, self.encoder.codes(inputs), 1.0).to(numeric.dtype)
        return torch.cat([numeric, missing[:, self._flagged], coded], dim=1).unsqueeze(-1)

    def outputs_of(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> (instance, output), what training looks at."""
        raise NotImplementedError

    def view(self, outputs: Tensor) -> Tensor:
        """(instance, output) -> (instance, class), what the report is about."""
        return outputs

    def forward_embedded(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> logits (instance, class)."""
        return self.view(self.outputs_of(embedded))

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> logits (instance, class)."""
        return self.forward_embedded(self.embed(inputs))

    def trace(
        self, inputs: Tensor, head_mask: Tensor | None = None
    ) -> tuple[Tensor, list[LayerTrace]]:
        """Logits and an empty list: there are no heads to mask or experts to choose."""
        del head_mask
        return self(inputs), []

    def forward_with_balance(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs, and 0: there is no load to balance."""
        return self.encoded_with_balance(self.embed(inputs))

    def encoded_with_balance(self, embedded: Tensor) -> tuple[Tensor, Tensor]:
        """The same from what `embed` gives, which has no weights."""
        outputs = self.outputs_of(embedded)
        return outputs, outputs.new_zeros(())

    def _features_of_units(self) -> tuple[int, ...]:
        if self.standard is not None:
            return tuple(range(self.columns))
        numeric = self.encoder.numeric
        columns = [feature for feature in numeric for _ in range(self.encoder.bins + 1)]
        flags = [numeric[i] for i in self._flagged]
        return (*columns, *flags, *self.encoder.row_features)
