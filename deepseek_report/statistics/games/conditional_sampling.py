"""Rows in which some columns are known and the others are what goes with them: a Gaussian copula.

Every column is turned into normal scores by its ranks, the scores are taken for jointly normal, and
what is drawn is turned back by the quantiles of the column. What is known enters through kriging of
a draw that knows nothing: y + A (z[S] − y[S]), where A = Cov(all, S) Cov(S, S)⁻¹, is a draw of the
scores given z[S] wherever y is one of all scores, and the same y serves any set S of known columns,
so that two coalitions are compared on the same luck.

Reference: Aas, Jullum & Løland 2021, doi:10.1016/j.artint.2021.103502 (Shapley values given the
copula); Journel & Huijbregts 1978, Mining Geostatistics, section VII.A (conditioning by kriging).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats

#: Known values of a column below which it is taken for constant.
_FEWEST = 2


@dataclass(frozen=True)
class GaussianCopula:
    """How the columns of a table go together.

    quantiles : of each column its values in order, (row,) each; a missing value counts as the
    lowest of all. orders : of each column without an order the codes of its categories in the order
    in which they are ranked; empty for the others. correlation : (column, column) of the scores.
    """

    quantiles: tuple[Floats, ...]
    orders: tuple[Floats, ...]
    correlation: Floats

    @classmethod
    def fitted(cls, rows: Floats, categorical: Bools) -> GaussianCopula:
        """Learn from (row, column) rows; categorical : (column,) which have no order.

        Categories are ranked by the mean of what the ordered columns have most in common (their
        first principal component) among the rows that have them; where no column has an order, by
        how frequent they are. The correlations are shrunk by Ledoit and Wolf's rule.

        Reference: Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4.
        """
        from sklearn.covariance import ledoit_wolf

        guide = _common(rows[:, ~categorical])
        orders = tuple(
            _ranked(column, guide) if is_nominal else np.zeros(0)
            for column, is_nominal in zip(rows.T, categorical, strict=True)
        )
        placed = _placed(rows, orders)
        quantiles = tuple(np.sort(column) for column in placed.T)
        scores = _scores(placed, quantiles)
        covariance = ledoit_wolf(scores)[0] if len(rows) > 1 else np.eye(rows.shape[1])
        spread = np.sqrt(np.diag(covariance))
        constant = spread <= 0
        spread[constant] = 1.0
        correlation = covariance / np.outer(spread, spread)
        correlation[constant, constant] = 1.0
        return cls(quantiles, orders, np.asarray(correlation))

    def scores(self, rows: Floats) -> Floats:
        """(row, column) normal scores; of a value that repeats in the middle of its ranks."""
        return _scores(_placed(rows, self.orders), self.quantiles)

    def draws(self, count: int, random: np.random.Generator) -> Floats:
        """(draw, column) scores with nothing known."""
        root = np.linalg.cholesky(self.correlation + 1e-9 * np.eye(len(self.correlation)))
        return np.asarray(random.normal(size=(count, len(root))) @ root.T)

    def conditioning(self, kept: Bools) -> Floats:
        """(coalition, column, column) by what the distance of known scores from drawn ones counts.

        kept : (coalition, column) which are known. Scores given these are y + matrix (z − y).
        """
        known = kept.astype(np.float64)
        inside = known[:, :, None] * self.correlation * known[:, None, :]
        places = np.arange(kept.shape[1])
        inside[:, places, places] += 1 - known + 1e-9
        inverse = np.linalg.inv(inside) * known[:, :, None] * known[:, None, :]
        return np.asarray(self.correlation @ inverse)

    def values(self, scores: Floats) -> Floats:
        """(…, column) scores as values of the columns."""
        from scipy.special import ndtr

        columns = []
        for k, quantiles in enumerate(self.quantiles):
            places = np.minimum(
                (ndtr(scores[..., k]) * len(quantiles)).astype(int), len(quantiles) - 1
            )
            values = quantiles[places]
            order = self.orders[k]
            if len(order):
                values = np.where(values < 0, np.nan, order[np.maximum(values, 0).astype(int)])
            columns.append(np.where(np.isneginf(values), np.nan, values))
        return np.stack(columns, axis=-1)


def _common(columns: Floats) -> Floats:
    """(row,) first principal component of the normal scores of ordered columns; 0 without any."""
    if not columns.shape[1] or len(columns) < _FEWEST:
        return np.zeros(len(columns))
    placed = _placed(columns, tuple(np.zeros(0) for _ in columns.T))
    scores = _scores(placed, tuple(np.sort(column) for column in placed.T))
    centred = scores - scores.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left[:, 0] * sizes[0])


def _ranked(column: Floats, guide: Floats) -> Floats:
    """Codes of the categories of a column, by the mean of the guide, and then by how many rows."""
    codes, places, counts = np.unique(
        column[~np.isnan(column)], return_inverse=True, return_counts=True
    )
    means = np.bincount(places, guide[~np.isnan(column)], minlength=len(codes)) / counts
    return np.asarray(codes[np.lexsort((codes, counts, means.round(12)))])


def _placed(rows: Floats, orders: tuple[Floats, ...]) -> Floats:
    """Rows with categories as places in their order, and missing values below all others.

    A category that is not known has the place −1.
    """
    placed = np.array(rows, dtype=np.float64)
    for k, order in enumerate(orders):
        if len(order):
            codes = {code: place for place, code in enumerate(order.tolist())}
            placed[:, k] = [codes.get(value, -1.0) for value in placed[:, k].tolist()]
    return np.where(np.isnan(placed), -np.inf, placed)


def _scores(placed: Floats, quantiles: tuple[Floats, ...]) -> Floats:
    from scipy.special import ndtri

    shares = np.empty_like(placed)
    for k, ordered in enumerate(quantiles):
        low, high = (np.searchsorted(ordered, placed[:, k], side) for side in ("left", "right"))
        shares[:, k] = np.clip((low + high) / 2, 0.5, len(ordered) - 0.5) / len(ordered)
    return np.asarray(ndtri(shares))
