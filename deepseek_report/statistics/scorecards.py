"""How far single columns, and pairs of them, tell a class: by the rates of their bins.

Columns are cut into bins, the rate of a class in each bin is taken from the rows that are learnt
from, and how well these rates order other rows is measured. Nothing here is a model of its own
beyond the scorecard: a logistic regression of the bins' log-odds ("weight of evidence").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.statistics.ranking import binary_auc, column_quantiles, thin

#: A number is cut into so many bins of about equal size, and for pairs into so many.
BINS, PAIR_LEVELS = 16, 8
_PAIR_BINS = 4
#: Tables of columns that are counted at once.
_TABLES_AT_ONCE = 64
#: The rate of a class in a bin is drawn toward the mean by so many rows.
_PRIOR_ROWS = 5.0
#: Ridge of the scorecard, on log-odds of bins.
_RIDGE = 1.0
_STEPS = 25
_TIE = 1e-12


@dataclass(frozen=True)
class BinnedPart:
    """Rows whose columns are cut into bins.

    codes : (row, column) bin of each cell; the last bin, `width - 1`, is that of missing cells.
    labels : (row,) classes 0, 1, …
    """

    codes: Ints
    labels: Ints
    width: int

    def take(self, columns: Ints) -> BinnedPart:
        """Some of the columns."""
        return BinnedPart(self.codes[:, columns], self.labels, self.width)

    def thinned(self, most: int) -> BinnedPart:
        """At most so many of the rows, evenly spread."""
        rows = thin(len(self.labels), most)
        return BinnedPart(self.codes[rows], self.labels[rows], self.width)

    def counts(self, class_index: int) -> tuple[Floats, Floats]:
        """(column, bin) rows of the class, and all rows."""
        inside = self.labels == class_index
        own, rest = (self._count(rows) for rows in (inside, ~inside))
        return own, own + rest

    def _count(self, rows: Bools) -> Floats:
        n_columns = self.codes.shape[1]
        cells = self.codes[rows] + np.arange(n_columns) * self.width
        counts = np.bincount(cells.ravel(), minlength=n_columns * self.width)
        return counts.reshape(n_columns, self.width).astype(np.float64)


def cut(
    learnt: tuple[Floats, Ints], judged: tuple[Floats, Ints], categories: Ints
) -> tuple[BinnedPart, BinnedPart]:
    """The rows that rates are learnt from and those that they are judged on, cut alike.

    learnt, judged : (row, column) values, NaN is missing, with (row,) labels.
    categories : (column,) how many categories a column has; 0 says that it holds numbers, which are
        cut at quantiles of the rows that are learnt from.
    """
    width = max(BINS, int(categories.max(initial=0))) + 1
    numbers = categories == 0
    edges = column_quantiles(learnt[0][:, numbers], np.arange(1, BINS) / BINS)
    edges[:, np.isnan(learnt[0][:, numbers]).all(axis=0)] = np.nan
    edges[1:][edges[1:] == edges[:-1]] = np.nan  # (edge, column) ascending, one that repeats as NaN

    def binned(values: Floats, labels: Ints) -> BinnedPart:
        missing = np.isnan(values)
        codes = np.where(missing | numbers, 0.0, values).astype(np.int64)
        codes[:, numbers] = _bins(values[:, numbers], edges)
        codes[missing] = width - 1
        return BinnedPart(codes, labels, width)

    return binned(*learnt), binned(*judged)


def _bins(values: Floats, edges: Floats) -> Ints:
    """(row, column) how many edges lie below each cell; 0 for missing cells."""
    bins = np.zeros(values.shape, dtype=np.int64)
    for edge in edges:
        bins += values > edge
    return bins


def bin_rates(learnt: BinnedPart, class_index: int) -> Floats:
    """(column, bin) rate of the class, drawn toward its mean; the mean where a bin is empty."""
    own, total = learnt.counts(class_index)
    mean = float((learnt.labels == class_index).mean())
    return np.asarray((own + _PRIOR_ROWS * mean) / (total + _PRIOR_ROWS))


def areas_alone(learnt: BinnedPart, judged: BinnedPart, class_index: int) -> Floats:
    """(column,) area under the ROC curve of the class on the judged rows, of each column alone.

    Rows are ordered by the rate of the class in their bin among the rows learnt from; 0.5 where
    the judged rows have no such class, or no other.
    """
    own, total = judged.counts(class_index)
    return area_of_bins(bin_rates(learnt, class_index), own, total - own)


def area_of_bins(rates: Floats, own: Floats, others: Floats) -> Floats:
    """(column,) area under the ROC curve where whole bins are ordered by their rates.

    Bins of equal rate are one bin. Parameters: (column, bin) each; rows of the class and others.

    >>> area_of_bins(np.array([[0.1, 0.9]]), np.array([[1.0, 3.0]]), np.array([[3.0, 1.0]])).item()
    0.75
    """
    order = np.argsort(rates, axis=1, kind="stable")
    rates, own, others = (np.take_along_axis(each, order, axis=1) for each in (rates, own, others))
    width = rates.shape[1]
    places = np.arange(width)
    begins = np.diff(rates, axis=1, prepend=-1.0) > _TIE
    ends = np.roll(begins, -1, axis=1)
    ends[:, -1] = True
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, places, width - 1)[:, ::-1], axis=1)[:, ::-1]
    up_to = np.cumsum(others, axis=1)
    before = np.take_along_axis(up_to - others, first, axis=1)
    below = (before + np.take_along_axis(up_to, last, axis=1)) / 2
    pairs = own.sum(axis=1) * others.sum(axis=1)
    hits = (own * below).sum(axis=1)
    return np.asarray(np.divide(hits, pairs, out=np.full(len(own), 0.5), where=pairs > 0))


def missing_areas(judged: BinnedPart, class_index: int) -> Floats:
    """(column,) area under the ROC curve of whether a cell is missing, in its better direction."""
    own, total = judged.counts(class_index)
    others = total - own
    with_it, without = (each[:, -1] / np.maximum(each.sum(axis=1), 1.0) for each in (own, others))
    return np.asarray(0.5 + np.abs(with_it - without) / 2)


def area_error(area: Floats, own: float, others: float) -> Floats:
    """Standard error of an area under the ROC curve, from the area and the two sizes alone.

    Reference: Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747.

    >>> round(float(area_error(np.array(0.9), 60, 60)), 3)
    0.029
    """
    pair_of_own, pair_of_others = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area)
        + (own - 1) * (pair_of_own - area**2)
        + (others - 1) * (pair_of_others - area**2)
    )
    return np.sqrt(np.maximum(variance, 0.0) / max(own * others, 1))


def scorecard_area(learnt: BinnedPart, judged: BinnedPart, class_index: int) -> float:
    """Area under the ROC curve of a scorecard of all these columns, on the judged rows.

    A ridge logistic regression of the log-odds of each cell's bin. 0.5 without columns.

    Reference: Good 1950, Probability and the Weighing of Evidence; Siddiqi 2006, Credit Risk
    Scorecards.
    """
    if not learnt.codes.shape[1]:
        return 0.5
    rates = bin_rates(learnt, class_index)
    log_odds = np.log(rates / (1 - rates))
    columns = np.arange(len(rates))
    design, others = (log_odds[columns, part.codes] for part in (learnt, judged))
    middle = design.mean(axis=0)
    weights = _ridge_logistic(design - middle, learnt.labels == class_index)
    scores = (others - middle) @ weights
    return binary_auc(scores, judged.labels == class_index, undefined=0.5)


def _ridge_logistic(design: Floats, happened: Bools) -> Floats:
    """Coefficients of the columns by Newton's method; the intercept is not held down."""
    whole = np.column_stack([design, np.ones(len(design))])
    ridge = np.full(whole.shape[1], _RIDGE)
    ridge[-1] = 0.0
    weights = np.zeros(whole.shape[1])
    for _ in range(_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(whole @ weights, -30, 30)))
        slope = whole.T @ (happened - expected) - ridge * weights
        spread = np.maximum(expected * (1 - expected), 1e-6)
        step = np.linalg.solve(whole.T @ (whole * spread[:, None]) + np.diag(ridge + 1e-9), slope)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(weights[:-1])


def areas_together(
    learnt: BinnedPart, judged: BinnedPart, categories: Ints, class_index: int, tables: Ints
) -> Floats:
    """(table,) area under the ROC curve of some columns together, by the rates of a table's cells.

    Numbers are cut into four bins; of categories the eight most frequent are kept, the rest is one.

    tables : (table, column) positions of the two or three columns of each.
    """
    levels, columns = _coarse(learnt, categories), np.arange(len(categories))
    places = (PAIR_LEVELS + 1) ** np.arange(tables.shape[1])

    def cells(part: BinnedPart, some: Ints) -> BinnedPart:
        codes = levels[columns, part.codes][:, some] @ places
        return BinnedPart(codes, part.labels, int(places[-1]) * (PAIR_LEVELS + 1))

    areas = [
        areas_alone(cells(learnt, some), cells(judged, some), class_index)
        for some in np.split(tables, range(_TABLES_AT_ONCE, len(tables), _TABLES_AT_ONCE))
    ]
    return np.concatenate(areas)


def _coarse(learnt: BinnedPart, categories: Ints) -> Ints:
    """(column, bin) the level of a table that each bin falls in; missing is the last."""
    n_bins = learnt.width - 1
    levels = np.full((len(categories), learnt.width), PAIR_LEVELS, dtype=np.int64)
    for column, n_categories in enumerate(categories):
        sizes = np.bincount(learnt.codes[:, column], minlength=learnt.width)[:-1]
        if n_categories:
            rank = np.argsort(np.argsort(-sizes, kind="stable"))
            levels[column, :-1] = np.minimum(rank, PAIR_LEVELS - 1)
        else:
            used = int(np.flatnonzero(sizes).max(initial=0)) + 1
            level = np.arange(n_bins) * _PAIR_BINS // used
            levels[column, :-1] = np.minimum(level, _PAIR_BINS - 1)
    return levels


def likeliest_triples(learnt: BinnedPart, categories: Ints, class_index: int, most: int) -> Ints:
    """(triple, 3) columns that may tell a class together and not in twos, the likeliest first.

    Every column is cut in two sides, -1 and 1 (a number at its median, a category against all
    others, a missing cell is 0); what three columns tell beyond pairs shows in the correlation of
    the product of their sides with the class. At most one triple for each first column.

    categories : (column,) see `cut`. most : how many triples.
    """
    sides, owners = _sides(learnt, categories)
    happened = (learnt.labels == class_index).astype(np.float32)
    centred = happened - happened.mean()
    kept: list[tuple[float, list[int]]] = []
    for first in range(sides.shape[1] - 2):
        rest = sides[:, first + 1 :]
        products = np.abs((rest * (centred * sides[:, first])[:, None]).T @ rest)
        later = owners[first + 1 :]
        apart = (later[:, None] < later) & (later != owners[first])[:, None]
        second, third = np.unravel_index(np.argmax(np.where(apart, products, -1.0)), apart.shape)
        if apart[second, third]:
            columns = [int(owners[first]), int(later[second]), int(later[third])]
            kept.append((float(products[second, third]), columns))
    kept.sort(key=lambda triple: -triple[0])
    return np.array([columns for _, columns in kept[:most]], dtype=np.int64).reshape(-1, 3)


#: Sides of all columns among which triples are searched, and of one that has categories.
_MOST_SIDES, _SIDES_OF_CATEGORIES = 64, 3


def _sides(part: BinnedPart, categories: Ints) -> tuple[NDArray[np.float32], Ints]:
    """(row, side) of -1, 0 and 1, and (side,) the column of each."""
    sides, owners = [], []
    for column, n_categories in enumerate(categories.tolist()):
        codes = part.codes[:, column]
        known = codes < part.width - 1
        if not known.any():
            continue
        if n_categories:
            often = np.argsort(-np.bincount(codes[known]), kind="stable")
            halves = [
                codes == level
                for level in often[: min(n_categories - 1, _SIDES_OF_CATEGORIES)].tolist()
            ]
        else:
            halves = [codes > np.median(codes[known]) - 0.5]
        sides += [np.where(known, np.where(half, 1, -1), 0) for half in halves]
        owners += [column] * len(halves)
    kept = slice(0, _MOST_SIDES)
    return np.array(sides[kept], dtype=np.float32).T, np.array(owners[kept], dtype=np.int64)


def chance_of_highest(
    learnt: BinnedPart, judged: BinnedPart, class_index: int, area: float, resamples: int
) -> float:
    """p-value of the highest area of all columns alone: how often other labels give one as high.

    The judged rows get the labels of one another; the rates stay those of the rows learnt from. It
    holds for all columns at once, however few rows the class has.

    Reference: Westfall & Young 1993, Resampling-Based Multiple Testing; for the added one Phipson &
    Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    rates = bin_rates(learnt, class_index)
    own = int((judged.labels == class_index).sum())
    total = judged.counts(class_index)[1]
    cells = judged.codes + np.arange(judged.codes.shape[1]) * judged.width
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(resamples):
        chosen = cells[rng.choice(len(cells), own, replace=False)].ravel()
        inside = np.bincount(chosen, minlength=total.size).reshape(total.shape).astype(np.float64)
        hits += bool(area_of_bins(rates, inside, total - inside).max() >= area - _TIE)
    return (hits + 1) / (resamples + 1)


def asked_in_turn(
    learnt: BinnedPart, judged: BinnedPart, class_index: int, depth: int, fewest: int
) -> tuple[BinnedPart, BinnedPart, tuple[int, ...]]:
    """The leaves of the tree that tells a class best by so many questions about bins, by CART.

    Each question divides the rows of a node where the Gini impurity falls most; of questions alike
    the first column is asked, at its lowest bin. depth : questions in a row. fewest : rows that are
    learnt from in a leaf.

    Returns the leaf of each row, as the one column of either part, and the columns asked about.

    Reference: Breiman et al. 1984, Classification and Regression Trees.
    """
    leaves = [np.zeros(len(part.labels), dtype=np.int64) for part in (learnt, judged)]
    columns: set[int] = set()
    n_leaves = 1
    for _ in range(depth):
        for leaf in range(n_leaves):
            rows = leaves[0] == leaf
            node = BinnedPart(learnt.codes[rows], learnt.labels[rows], learnt.width)
            question = _best_question(node, class_index, fewest)
            if question is None:
                continue
            column, limit = question
            columns.add(column)
            for part, leaf_of in zip((learnt, judged), leaves, strict=True):
                leaf_of[(leaf_of == leaf) & (part.codes[:, column] > limit)] = n_leaves
            n_leaves += 1
    of_learnt, of_judged = (
        BinnedPart(leaf_of[:, None], part.labels, n_leaves + 1)
        for part, leaf_of in zip((learnt, judged), leaves, strict=True)
    )
    return of_learnt, of_judged, tuple(sorted(columns))


def _best_question(node: BinnedPart, class_index: int, fewest: int) -> tuple[int, float] | None:
    """The column to ask about, and the limit between two of its bins; None where none is left."""
    own, rows = node.counts(class_index)
    if not 0 < own[0].sum() < rows[0].sum():
        return None
    left, left_own = rows.cumsum(axis=1), own.cumsum(axis=1)
    right, right_own = left[:, -1:] - left, left_own[:, -1:] - left_own
    possible = (rows > 0) & (left >= fewest) & (right >= max(fewest, 1))
    if not possible.any():
        return None
    purity = sum(
        (hits**2 + (all_ - hits) ** 2) / np.maximum(all_, 1)
        for hits, all_ in ((left_own, left), (right_own, right))
    )
    column, code = np.unravel_index(np.argmax(np.where(possible, purity, -np.inf)), rows.shape)
    following = int(np.flatnonzero(rows[column, code + 1 :])[0]) + code + 1
    return int(column), float(code + following) / 2
