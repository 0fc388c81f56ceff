"""From original features to numbers a network can learn from, inside the network itself.

Every statistic is taken from the training part and kept as a buffer, so the stored weights are the
whole model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.artifacts.schema import Feature, Layout, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.statistics.ranking import column_quantiles

# --- What stands between the layers of our networks -----------------------------------------------

Activation = Literal["gelu", "relu", "silu", "tanh"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True)
class Layers:
    """What a network over encoded columns is built of; see `MLP` and `NAM` for the values."""

    hidden: Sequence[int]
    activation: Activation
    bins: int
    dropout: float


# What the modules over encoded columns share: everything but what comes after the encoding.


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

    def trace(self, inputs: Tensor) -> tuple[Tensor, list[LayerTrace]]:
        """Logits and an empty list: there are no heads to look at or experts to choose."""
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


# --- Pixels and measurements as numbers near zero, by the statistics of each channel --------------


class Standard(nn.Module):
    """`(x − mean) / deviation` of a column's channel, over the training part; gaps become 0.

    The last axis of the layout is the channel. A constant channel has deviation 1.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, layout: Layout, train: Floats) -> None:
        super().__init__()
        channels = layout.shape[-1]
        by_channel = train.reshape(-1, channels)
        known = np.isfinite(by_channel)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, by_channel, 0.0).sum(axis=0) / count
        square = np.where(known, (by_channel - mean) ** 2, 0.0).sum(axis=0) / count
        deviation = np.where(square > 0, np.sqrt(square), 1.0)
        columns = np.arange(train.shape[1]) % channels
        for name, statistic in (("mean", mean), ("deviation", deviation)):
            values = torch.as_tensor(statistic[columns], dtype=torch.float32)
            self.register_buffer(name, values)

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, column) original units -> (instance, column), finite."""
        values = (inputs - self.mean) / self.deviation
        return torch.where(torch.isnan(values), torch.zeros_like(values), values)


# --- From original features to numbers a network can learn from, inside the network itself --------


class FeatureEncoder(nn.Module):
    """Encodes numeric features piecewise linearly, and gives every category its own index.

    A numeric value x becomes `z = asinh((x − median) / spread)`, which is linear near the median
    and logarithmic in the tails, and then `bins` numbers: the share of each quantile bin of z that
    lies below the value, in [0, 1]. Beyond the range of the training part nothing changes any more.
    A missing value takes the median, and raises a flag of its own.

    An ordinal or categorical value becomes a row number of one table for all features. A feature
    with m categories has m + 2 rows: its categories, *unseen* (never met in the training part) and
    *missing*.

    Reference: Gorishniy et al. 2022, On Embeddings for Numerical Features in Tabular Deep Learning,
    doi 10.48550/arXiv.2203.05556 (the piecewise-linear encoding).
    """

    medians: Tensor
    spreads: Tensor
    edges: Tensor
    widths: Tensor
    lowest: Tensor
    highest: Tensor
    mean: Tensor
    deviation: Tensor
    rows: Tensor
    offsets: Tensor
    sizes: Tensor

    def __init__(self, schema: Schema, train: Split, bins: int) -> None:
        super().__init__()
        self.numeric = [i for i, f in enumerate(schema.features) if f.is_numeric]
        self.coded = [i for i, f in enumerate(schema.features) if not f.is_numeric]
        self.bins = bins
        self._fit_numeric(train.inputs[:, self.numeric])
        self._fit_coded([schema.features[i] for i in self.coded], train.inputs[:, self.coded])

    @property
    def table_rows(self) -> int:
        """Rows of the table that `codes` points into."""
        return len(self.rows)

    @property
    def row_features(self) -> list[int]:
        """For each row of the table the position of its feature."""
        sizes = [int(size) for size in self.sizes]
        return [f for f, size in zip(self.coded, sizes, strict=True) for _ in range(size + 2)]

    def numbers(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode the numeric features.

        inputs : (instance, feature) in original units.
        Returns shares (instance, numeric, bin) in [0, 1]; the standardised z (instance, numeric),
        mean 0 and deviation 1 on the training part; missing (instance, numeric), 0 or 1.
        """
        return self.numbers_of(inputs[:, self.numeric], slice(None))

    def numbers_of(self, values: Tensor, which: Tensor | slice) -> tuple[Tensor, Tensor, Tensor]:
        """The same for some of the numeric features: values (instance, some), which they are."""
        medians, spreads = self.medians[which], self.spreads[which]
        missing = torch.isnan(values)
        values = torch.where(missing, medians.to(values.dtype), values)
        z = (values - medians).div_(spreads).asinh_().to(self.edges.dtype)
        z = torch.minimum(torch.maximum(z, self.lowest[which]), self.highest[which])
        shares = (z.unsqueeze(-1) - self.edges[which]).div_(self.widths[which]).clamp_(0.0, 1.0)
        standard = (z - self.mean[which]) / self.deviation[which]
        return shares, standard, missing.to(z.dtype)

    def codes(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original -> (instance, coded) row numbers of the table."""
        return self.codes_of(inputs[:, self.coded], slice(None))

    def codes_of(self, values: Tensor, which: Tensor | slice) -> Tensor:
        """The same for some of the coded features: values (instance, some), which they are."""
        sizes = self.sizes[which]
        missing = torch.isnan(values)
        positions = torch.where(missing, torch.zeros_like(values), values).round().long()
        known = (positions >= 0) & (positions < sizes)
        positions = torch.where(known, positions, sizes)
        positions = torch.where(missing, sizes + 1, positions)
        rows: Tensor = self.rows[positions + self.offsets[which]]
        return rows

    def _fit_numeric(self, values: Floats) -> None:
        medians, spreads = _centre_and_spread(values)
        z = np.arcsinh((values - medians) / spreads)
        edges, widths = _quantile_bins(z, self.bins)
        statistics = {"medians": medians, "spreads": spreads, "edges": edges, "widths": widths}
        for name, statistic in (statistics | _statistics(z)).items():
            self.register_buffer(name, torch.as_tensor(statistic, dtype=torch.float32))

    def _fit_coded(self, features: Sequence[Feature], values: Floats) -> None:
        sizes = [len(feature.categories) for feature in features]
        offsets = np.concatenate([[0], np.cumsum([size + 2 for size in sizes])]).astype(np.int64)
        rows = np.arange(offsets[-1])
        for column, (size, offset) in enumerate(zip(sizes, offsets, strict=False)):
            seen = np.isin(np.arange(size), values[:, column])
            rows[offset : offset + size][~seen] = offset + size
        self.register_buffer("rows", torch.as_tensor(rows))
        self.register_buffer("offsets", torch.as_tensor(offsets[:-1]))
        self.register_buffer("sizes", torch.as_tensor(np.asarray(sizes, dtype=np.int64)))


def _present(column: Floats) -> Floats:
    """The values that are there; one 0 where there are none."""
    known = column[np.isfinite(column)]
    return known if len(known) else np.zeros(1)


def _centre_and_spread(values: Floats) -> tuple[Floats, Floats]:
    """(feature,) median, and half the interquartile range (else the deviation, else 1)."""
    low, medians, high = column_quantiles(values, np.array([0.25, 0.5, 0.75]))
    spreads = (high - low) / 2
    for column in np.flatnonzero(~(spreads > 0)):
        spreads[column] = _present(values[:, column]).std() or 1.0
    return medians, spreads


def _quantile_bins(z: Floats, bins: int) -> tuple[Floats, Floats]:
    """(feature, bin) lower edge and width; bins without width never fill."""
    edges, widths = np.full((z.shape[1], bins), np.inf), np.ones((z.shape[1], bins))
    for column, own in enumerate(column_quantiles(z, np.linspace(0, 1, bins + 1)).T):
        cuts = np.unique(own)
        edges[column, : len(cuts) - 1] = cuts[:-1]
        widths[column, : len(cuts) - 1] = np.diff(cuts)
    return edges, widths


def _statistics(z: Floats) -> dict[str, Floats]:
    """(feature,) range, mean and deviation; a constant feature has deviation 1."""
    columns = [_present(z[:, column]) for column in range(z.shape[1])]
    return {
        "lowest": np.array([column.min() for column in columns]),
        "highest": np.array([column.max() for column in columns]),
        "mean": np.array([column.mean() for column in columns]),
        "deviation": np.array([column.std() or 1.0 for column in columns]),
    }
