"""An additive model as a classifier: what a value adds is computed once for all its rows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepseek_report.models.shared.module_classifier import TorchClassifier

Codes = NDArray[np.int8]

#: With more different values than this in a column the rows are evaluated one by one.
_MOST = 8


class AdditiveClassifier(TorchClassifier):
    """Answers for mixtures of a few rows from the terms of these rows.

    Methods that take columns away ask about hundreds of rows in which every column has one of two
    values, or of a few: the instance's and those of its references. As the output of an additive
    model is a sum of one term a column, these terms are all that must be computed. The module
    offers `terms` and `outputs_from`, see `NAMModule`.
    """

    def _batch(self, rows: Tensor) -> Tensor:
        """(instance, column) -> logits (instance, class)."""
        few = few_values(rows.cpu().numpy())
        if few is None:
            return super()._batch(rows)
        values, codes = few
        terms = self.module.terms(torch.as_tensor(values, device=self.device))
        which = torch.as_tensor(codes, device=self.device)
        added = sum((which == k).to(term.dtype) @ term for k, term in enumerate(terms))
        logits: Tensor = self.module.view(self.module.outputs_from(added))
        return logits


def few_values(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], Codes] | None:
    """The different values of every column, and which of them each row has.

    Returns
    -------
    Values (value, column), where a column with fewer repeats its first; and codes (row, column),
    so that `values[codes[i, j], j]` is `rows[i, j]`. None where a column has more than 8 values,
    or there are hardly fewer values than rows.
    """
    columns = np.arange(rows.shape[1])
    codes = np.zeros(rows.shape, dtype=np.int8)
    left = np.ones(rows.shape, dtype=bool)
    values: list[NDArray[np.float32]] = []
    while left.any():
        if len(values) == min(_MOST, len(rows) // 2):
            return None
        value = rows[left.argmax(axis=0), columns]
        same = left & ((rows == value) | (np.isnan(rows) & np.isnan(value)))
        codes[same] = len(values)
        left &= ~same
        values.append(value)
    return (np.stack(values), codes) if values else None
