"""Text tokens: one vector for each place of a text, after a summary token."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.models.shared.embedding import Embedding

#: The unknown token of every vocabulary.
_UNKNOWN = 0


class TextTokens(Embedding):
    """Looks up the token at each place and adds the place.

    A unit has one number more than a token: 1 where there is a token, 0 after the end of the text,
    so that `join` knows which tokens are there. Token 0 is the learned summary token. While
    training, a share `masking` of the tokens is hidden behind the layout's mask token, so that the
    mask, which stands for words taken away, means something to the model.
    """

    def __init__(self, schema: Schema, width: int, masking: float) -> None:
        places = len(schema.features)
        super().__init__((places,), tuple((place,) for place in range(places)))
        self.unit_features = (-1, *range(places))
        self.mask = kind_of(schema).mask
        self.masking = 0.0 if self.mask is None else masking
        self.summary = nn.Parameter(torch.empty(width))
        self.place = nn.Parameter(torch.empty(places, width))
        self.table = nn.Parameter(torch.empty(len(schema.vocabulary), width))
        self.reset_parameters()

    @property
    def described(self) -> Message:
        return message("tokens.text", n=len(self.place), vocabulary=len(self.table))

    def reset_parameters(self) -> None:
        """Draw the tokens anew."""
        for parameter in (self.summary, self.place, self.table):
            nn.init.normal_(parameter, std=1 / math.sqrt(len(self.summary)))

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, place) positions in the vocabulary -> (instance, 1 + place, width + 1)."""
        present = ~torch.isnan(inputs)
        vectors = nn.functional.embedding(self._hidden(self._positions(inputs)), self.table)
        words = torch.where(present.unsqueeze(-1), vectors + self.place, torch.zeros_like(vectors))
        tokens = torch.cat([self.summary.expand(len(inputs), 1, -1), words], dim=1)
        marks = nn.functional.pad(present, (1, 0), value=True).unsqueeze(-1).to(tokens.dtype)
        return torch.cat([tokens, marks], dim=2)

    def join(self, units: Tensor) -> tuple[Tensor, Tensor | None]:
        """(instance, 1 + place, width + 1) -> tokens, and which of them are there."""
        return units[..., :-1], units[..., -1] > 0.5

    def _positions(self, inputs: Tensor) -> Tensor:
        known = (inputs >= 0) & (inputs < len(self.table))
        return torch.where(known, inputs, torch.full_like(inputs, _UNKNOWN)).long()

    def _hidden(self, positions: Tensor) -> Tensor:
        if not self.training or self.masking == 0.0 or self.mask is None:
            return positions
        drawn = torch.rand(positions.shape, device=positions.device) < self.masking
        return positions.masked_fill(drawn, self.mask)
