"""What the embeddings of all kinds of data have in common."""

from __future__ import annotations

from torch import Tensor, nn

from deepseek_report.artifacts.message import Message


class Embedding(nn.Module):
    """From columns to units (`forward`), and from units to tokens (`join`).

    unit_features : see `ExplainableModule`. token_columns : for each token its columns; the first
    token is the summary, which has none. grid : how the other tokens stand, (token,) or
    (row, column).
    """

    unit_features: tuple[int, ...]

    def __init__(self, grid: tuple[int, ...], columns: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.grid = grid
        self.token_columns: tuple[tuple[int, ...], ...] = ((), *columns)

    @property
    def described(self) -> Message:
        """What the tokens are, with their number: "23 features"."""
        raise NotImplementedError

    def join(self, units: Tensor) -> tuple[Tensor, Tensor | None]:
        """(instance, unit, …) -> tokens (instance, token, width), the summary first; and
        (instance, token) bool, which of them are there, or None where all are.
        """
        return units, None
