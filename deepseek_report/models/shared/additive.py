"""Models that begin by adding up columns: what a value adds is computed once for all its rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.models.shared.module_classifier import BATCH, VALUES, TorchClassifier

Codes = NDArray[np.int8]

#: With more different values than this in a column the rows are evaluated one by one.
_MOST = 8
#: Columns whose values are counted before all others are looked at.
_GLANCED_AT = 8


class AdditiveClassifier(TorchClassifier):
    """Answers for mixtures of a few rows from the terms of these rows.

    Methods that take columns away ask about hundreds of rows in which every column has one of two
    values, or of a few: the instance's and those of its references. The output of an additive
    model, and the first layer of a perceptron, is a sum of one term a column, so these terms are
    all that must be computed of single columns. The module offers `terms` (instance, column) ->
    (instance, column, width) and `outputs_from` (instance, width) -> (instance, output), see
    `NAMModule` and `MLPModule`.
    """

    batch, values = 1024, 2**21

    def _batch(self, rows: Tensor) -> Tensor:
        """(instance, column) -> logits (instance, class)."""
        few = few_values(rows.cpu().numpy())
        if few is None:
            size = max(min(BATCH, VALUES // rows.shape[1]), 1)
            return torch.cat([super(AdditiveClassifier, self)._batch(p) for p in rows.split(size)])
        values, codes = few
        terms = self.module.terms(torch.as_tensor(values, device=self.device))
        which = torch.as_tensor(codes, device=self.device)
        added = terms[0].sum(dim=0).expand(len(rows), -1)
        for k, term in enumerate(terms[1:], start=1):
            added = added + (which == k).to(term.dtype) @ (term - terms[0])
        logits: Tensor = self.module.view(self.module.outputs_from(added))
        return logits

    def mixing(
        self, row: Floats, references: Floats, owners: Ints
    ) -> Callable[[Bools, Ints], Floats]:
        """See `AnswersMixtures`: the terms of the rows, summed for each player."""
        with torch.inference_mode():
            rows = torch.as_tensor(np.vstack([row, references]), dtype=torch.float32)
            terms = self.module.terms(rows.to(self.device))
            nothing, more = terms[1:].sum(dim=1), terms[:1] - terms[1:]
            players = torch.as_tensor(owners, device=self.device)
            gains = more.new_zeros(len(more), int(owners.max()) + 1, more.shape[2])
            gains.index_add_(1, players, more)

        def answer(kept: Bools, which: Ints) -> Floats:
            self.calls += len(kept)
            logits = np.empty((len(kept), len(self.schema.target.classes)))
            with torch.inference_mode():
                for reference, (base, gain) in enumerate(zip(nothing, gains, strict=True)):
                    asked = which == reference
                    there = torch.as_tensor(kept[asked], dtype=base.dtype, device=self.device)
                    outputs = self.module.outputs_from(base + there @ gain)
                    logits[asked] = self.module.view(outputs).cpu().numpy()
            return self.probabilities_of(logits)

        return answer


def few_values(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], Codes] | None:
    """The different values of every column, and which of them each row has.

    Returns
    -------
    Values (value, column), where a column with fewer repeats its first; and codes (row, column),
    so that `values[codes[i, j], j]` is `rows[i, j]`. None where a column has more than 8 values,
    or there are hardly fewer values than rows.
    """
    most = min(_MOST, len(rows) // 2)
    if any(len(np.unique(column)) > most for column in rows.T[:_GLANCED_AT]):
        return None
    columns = np.arange(rows.shape[1])
    codes = np.zeros(rows.shape, dtype=np.int8)
    left = np.ones(rows.shape, dtype=bool)
    values: list[NDArray[np.float32]] = []
    while left.any():
        if len(values) == most:
            return None
        value = rows[left.argmax(axis=0), columns]
        same = left & ((rows == value) | (np.isnan(rows) & np.isnan(value)))
        codes[same] = len(values)
        left &= ~same
        values.append(value)
    return (np.stack(values), codes) if values else None
