"""From original features to numbers a network can learn from, inside the network itself.

Every statistic is taken from the training part and kept as a buffer, so the stored weights are the
whole model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.statistics.ranking import column_quantiles


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

        Parameters
        ----------
        inputs : (instance, feature) in original units.

        Returns
        -------
        Shares (instance, numeric, bin) in [0, 1]; the standardised z (instance, numeric), mean 0
        and deviation 1 on the training part; missing (instance, numeric), 0 or 1.
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
        self.register_buffer("medians", torch.as_tensor(medians, dtype=torch.float32))
        self.register_buffer("spreads", torch.as_tensor(spreads, dtype=torch.float32))
        self.register_buffer("edges", torch.as_tensor(edges, dtype=torch.float32))
        self.register_buffer("widths", torch.as_tensor(widths, dtype=torch.float32))
        for name, statistic in _statistics(z).items():
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
