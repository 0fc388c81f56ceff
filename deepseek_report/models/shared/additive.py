"""Models that begin by adding up columns: what a value adds is computed once for all its rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.models.shared.module_classifier import TorchClassifier, rows_of_batch
from deepseek_report.statistics.copies import same_values

Codes = NDArray[np.int8]

#: With more different values than this in a column the rows are evaluated one by one.
_MOST = 32
#: Rows times columns whose terms are computed at once.
_TERMS = 2**17
#: Varying columns whose values are counted before all others are looked at, evenly spaced.
_GLANCED_AT = 8


class AdditiveClassifier(TorchClassifier):
    """Answers for mixtures of a few rows from the terms of these rows.

    Methods that take columns away ask about hundreds of rows in which every column has one of two
    values, or of a few: the instance's and those of its references. The output of an additive
    model, and the first layer of a perceptron, is a sum of one term a column, so these terms are
    all that must be computed of single columns. The module offers `terms` of some columns,
    (instance, column) and (column,) which they are -> (instance, column, width), and `outputs_from`
    (instance, width) -> (instance, output), see `NAMModule` and `MLPModule`.
    """

    mixes = True

    def rows_at_once(self, columns: int) -> int:
        """More than other modules get: mostly terms of a few columns are computed."""
        return max(min(1024, 2**21 // max(columns, 1)), 1)

    def _batch(self, rows: Tensor) -> Tensor:
        """(instance, column) -> logits (instance, class)."""
        few = few_values(rows.cpu().numpy())
        if few is None:
            parts = rows.split(rows_of_batch(rows.shape[1]))
            return torch.cat([super(AdditiveClassifier, self)._batch(part) for part in parts])
        values, varied, codes = few
        first = self._terms(values[:1], np.arange(rows.shape[1]))[0]
        added = first.sum(dim=0).expand(len(rows), -1)
        more = self._terms(values[1:, varied], varied) - first[varied]
        for k, gain in enumerate(more, start=1):
            columns = np.flatnonzero((codes == k).any(axis=0))
            which = torch.as_tensor(codes[:, columns] == k, dtype=gain.dtype, device=self.device)
            added = added + which @ gain[columns]
        logits: Tensor = self.module.view(self.module.outputs_from(added))
        return logits

    def mixing(
        self, row: Floats, references: Floats, owners: Ints
    ) -> Callable[[Bools, Ints], Floats]:
        """See `Classifier`: the terms of the rows, summed for each player."""
        with torch.inference_mode():
            terms = self._terms(np.vstack([row, references]), np.arange(len(row)))
            nothing, more = terms[1:].sum(dim=1), terms[:1] - terms[1:]
            players = torch.as_tensor(owners, device=self.device)
            gains = more.new_zeros(len(more), int(owners.max()) + 1, more.shape[2])
            gains.index_add_(1, players, more)

        def answer(kept: Bools, which: Ints) -> Floats:
            self.calls += len(kept)
            logits = np.empty((len(kept), len(self.schema.target.classes)))
            with torch.inference_mode():
                for reference, (base, gain) in enumerate(zip(nothing, gains, strict=True)):
                    own = which == reference
                    stays = torch.as_tensor(kept[own], dtype=base.dtype, device=self.device)
                    outputs = self.module.outputs_from(base + stays @ gain)
                    logits[own] = self.module.view(outputs).cpu().numpy()
            return self.probabilities_of(logits)

        return answer

    def moving(self, rows: Floats) -> Callable[[Ints, Ints, Floats], Floats]:
        """See `Classifier`: the terms of the rows are added up once."""
        every, size = np.arange(rows.shape[1]), max(1, _TERMS // rows.shape[1])
        starts = range(0, len(rows), size)
        with torch.inference_mode():
            parts = [self._terms(rows[at : at + size], every).sum(dim=1) for at in starts]
            sums = torch.cat(parts)

        def answer(which: Ints, columns: Ints, values: Floats) -> Floats:
            self.calls += len(which)
            of = torch.as_tensor(which, device=self.device)
            at = (which[:, None] * rows.shape[1] + columns).ravel()
            cells, copies = np.unique(at, return_inverse=True)
            places = np.divmod(cells, rows.shape[1])
            again = torch.as_tensor(copies, device=self.device)
            with torch.inference_mode():
                own = self._cells(rows[places], places[1])[again]
                gains = self._cells(values.ravel(), columns.ravel()) - own
                moved = gains.unflatten(0, columns.shape).sum(dim=1)
                outputs = self.module.outputs_from(sums[of] + moved)
                return self.probabilities_of(self.module.view(outputs).double().cpu().numpy())

        return answer

    def _cells(self, values: Floats, columns: Ints) -> Tensor:
        """(cell,) values, and the column of each -> (cell, width), computed column by column."""
        order = np.argsort(columns, kind="stable")
        own, first, place = np.unique(columns[order], return_index=True, return_inverse=True)
        nth = np.arange(len(order)) - first[place]
        grid = np.broadcast_to(values[order][first], (nth.max(initial=0) + 1, len(own))).copy()
        grid[nth, place] = values[order]
        back = np.argsort(order)
        at = (torch.as_tensor(index[back], device=self.device) for index in (nth, place))
        return self._terms(grid, own)[tuple(at)]

    def _terms(self, values: Array, columns: Ints) -> Tensor:
        """(row, some column) values, and which columns -> (row, some column, width)."""
        rows = torch.as_tensor(values, dtype=torch.float32, device=self.device)
        terms: Tensor = self.module.terms(rows, torch.as_tensor(columns, device=self.device))
        return terms


def few_values(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], Ints, Codes] | None:
    """The different values of every column, and which of them each row has.

    Returns values (value, column), the first row's before all others, where a column with fewer
    repeats its first; the positions of the columns that vary; and codes (row, varying column), so
    that `values[codes[i, j], varied[j]]` is `rows[i, varied[j]]`. None where a column has more than
    32 values, or there are hardly fewer values than rows.
    """
    most = min(_MOST, len(rows) // 2)
    if most < 1:
        return None
    missing = np.isnan(rows)
    left = (rows != rows[0]) & ~(missing & missing[0])
    varied = np.flatnonzero(left.any(axis=0))
    glanced = varied[:: max(1, len(varied) // _GLANCED_AT)]
    if any(len(np.unique(rows[:, column])) > most for column in glanced):
        return None
    inside, left = rows[:, varied], left[:, varied]
    columns, codes = np.arange(len(varied)), np.zeros(inside.shape, dtype=np.int8)
    values = [rows[0]]
    while left.any():
        if len(values) == most:
            return None
        value = inside[left.argmax(axis=0), columns]
        same = left & same_values(inside, value)
        codes[same] = len(values)
        left &= ~same
        whole = rows[0].copy()
        whole[varied] = value
        values.append(whole)
    return np.stack(values), varied, codes
