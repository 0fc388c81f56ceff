"""Pixels and measurements as numbers near zero, by the statistics of each channel."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Layout


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
