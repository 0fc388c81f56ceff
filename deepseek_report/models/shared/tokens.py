"""Feature tokens: one vector for each original feature, after a summary token."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.models.shared.embedding import Embedding
from deepseek_report.models.shared.network_encoding import FeatureEncoder


class FeatureTokens(Embedding):
    """Turns original features into tokens (instance, 1 + feature, width).

    Token 0 is the learned summary token; token 1 + i belongs to feature i. A numeric feature's
    token is linear in its encoded value; an ordinal one's is the sum of the steps up to its
    category, so that neighbours are alike; a categorical one's is looked up.
    """

    position: Tensor
    ordinal_steps: Tensor

    def __init__(self, schema: Schema, encoder: FeatureEncoder, width: int) -> None:
        features = len(schema.features)
        super().__init__((features,), tuple((feature,) for feature in range(features)))
        self.unit_features = (-1, *range(features))
        self.encoder = encoder
        numeric = len(encoder.numeric)
        self.summary = nn.Parameter(torch.empty(width))
        self.bias = nn.Parameter(torch.empty(features, width))
        self.shares = nn.Parameter(torch.empty(numeric, encoder.bins, width))
        self.slopes = nn.Parameter(torch.empty(numeric, width))
        self.missing = nn.Parameter(torch.empty(numeric, width))
        self.table = nn.Parameter(torch.empty(encoder.table_rows, width))
        order = torch.tensor(encoder.numeric + encoder.coded, dtype=torch.long)
        self.register_buffer("position", torch.argsort(order))
        self.register_buffer("ordinal_steps", _step_matrix(schema, encoder))
        self.reset_parameters()

    @property
    def described(self) -> Message:
        return message("tokens.features", n=len(self.bias))

    def reset_parameters(self) -> None:
        """Draw the tokens anew; what no training row touches (missing, unseen) starts at zero."""
        width = len(self.summary)
        for parameter in (self.summary, self.bias):
            nn.init.normal_(parameter, std=1 / math.sqrt(width))
        nn.init.normal_(self.shares, std=1 / math.sqrt(width))
        nn.init.normal_(self.slopes, std=0.5 / math.sqrt(width))
        nn.init.normal_(self.table, std=1 / math.sqrt(width))
        nn.init.zeros_(self.missing)
        with torch.no_grad():
            self.table[_special_rows(self.encoder)] = 0.0

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> (instance, 1 + feature, width)."""
        coded = nn.functional.embedding(self.encoder.codes(inputs), self.ordinal_steps @ self.table)
        features = torch.cat([self._numeric(inputs), coded], dim=1)
        features = features.index_select(1, self.position) + self.bias
        return torch.cat([self.summary.expand(len(inputs), 1, -1), features], dim=1)

    def _numeric(self, inputs: Tensor) -> Tensor:
        """(instance, feature) -> (instance, numeric, width), without the bias."""
        shares, standard, missing = self.encoder.numbers(inputs)
        numbers = torch.cat([shares, standard.unsqueeze(2), missing.unsqueeze(2)], dim=2)
        vectors = torch.cat([self.shares, self.slopes.unsqueeze(1), self.missing.unsqueeze(1)], 1)
        return torch.bmm(numbers.transpose(0, 1), vectors).transpose(0, 1)


def _special_rows(encoder: FeatureEncoder) -> Tensor:
    """Rows of the table for "unseen" and "missing"."""
    unseen = encoder.offsets + encoder.sizes
    return torch.cat([unseen, unseen + 1])


def _step_matrix(schema: Schema, encoder: FeatureEncoder) -> Tensor:
    """(row, row) identity, but ones up to the category in the block of an ordinal feature."""
    matrix = torch.eye(encoder.table_rows)
    for column, position in enumerate(encoder.coded):
        if schema.features[position].kind == "ordinal":
            start, size = int(encoder.offsets[column]), int(encoder.sizes[column])
            block = torch.ones(size, size).tril()
            matrix[start : start + size, start : start + size] = block
    return matrix
