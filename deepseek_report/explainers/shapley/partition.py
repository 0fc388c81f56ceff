"""How players are halved again and again, so that many of them can be explained with few calls.

A partition is an order of all players and the places where it is cut: every part is an interval of
that order, and is cut in two at its middle. Players that belong together stand close together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of

#: Sorts the players of one part; the first half and the second half become its two parts.
Sorter = Callable[[Ints], Ints]


def partition_order(
    schema: Schema, background: Floats, effects: Floats | None = None, together: int = 64
) -> Ints:
    """(player,) an order in which halving gives parts that belong together.

    Texts, images and series: along the longest side of a part, so that neighbours stay together.
    Tables: by correlation among the background rows. Where `effects` says how much each column
    does (see `screening`), parts of more than `together` columns are halved by that instead, so
    that the few columns that matter are reached by few cuts.
    """
    places = kind_of(schema).places()
    if places is not None:
        return halved(len(places), lambda part: _along_longest(part, places))
    columns = standardised(background)

    def sort(part: Ints) -> Ints:
        if effects is not None and len(part) > together:
            return part[np.argsort(-effects[part], kind="stable")]
        return _by_correlation(part, columns)

    return halved(columns.shape[1], sort)


def halved(count: int, sort: Sorter) -> Ints:
    """The order that results when every part is sorted and cut in two until single players."""
    waiting, done = [np.arange(count)], []
    while waiting:
        part = waiting.pop()
        if len(part) < 3:
            done.append(part)
            continue
        part = sort(part)
        middle = middle_of(0, len(part))
        waiting += [part[middle:], part[:middle]]
    return np.concatenate(done)


def middle_of(start: Any, stop: Any) -> Any:
    """Where the interval from `start` to `stop` is cut; integers, or arrays of them."""
    return (start + stop + 1) // 2


def groups_of(order: Ints, most: int, effects: Floats | None = None) -> Ints:
    """(player,) which of at most `most` parts each player is in, after halving again and again.

    The part with the greatest sum of `effects` is halved first, without them the largest one; ties
    are cut from the beginning of the order on.
    """
    weights = np.ones(len(order)) if effects is None else effects[order]
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    bounds = [(0, len(order))]
    while len(bounds) < min(most, len(order)):
        at = max(range(len(bounds)), key=lambda k: _weight(bounds[k], sums))
        start, stop = bounds[at]
        middle = middle_of(start, stop)
        bounds[at : at + 1] = [(start, middle), (middle, stop)]
    groups = np.empty(len(order), dtype=np.int64)
    for group, (start, stop) in enumerate(bounds):
        groups[order[start:stop]] = group
    return groups


def _weight(part: tuple[int, int], sums: Floats) -> float:
    """What a part weighs; a single player cannot be halved and comes last."""
    start, stop = part
    return float(sums[stop] - sums[start]) if stop - start > 1 else -1.0


def _along_longest(part: Ints, places: Floats) -> Ints:
    inside = places[part]
    axis = int(np.ptp(inside, axis=0).argmax())
    return part[np.argsort(inside[:, axis], kind="stable")]


def _by_correlation(part: Ints, columns: Floats) -> Ints:
    """Columns that go with the column nearest to the first principal component come first.

    A divisive clustering by principal directions, whatever the sign of a correlation; linear in
    the number of columns.

    Reference: Boley 1998, doi:10.1023/A:1009740529316.
    """
    inside = columns[:, part]
    if len(part) < len(inside):  # the loadings of the columns are in proportion to their products
        loadings = np.linalg.eigh(inside.T @ inside)[1][:, -1]
    else:
        loadings = np.linalg.eigh(inside @ inside.T)[1][:, -1] @ inside
    pivot = int(np.abs(loadings).argmax())
    correlation = np.abs(inside[:, pivot] @ inside)
    return part[np.argsort(-np.round(correlation, 9), kind="stable")]


def standardised(rows: Floats) -> Floats:
    """(row, column) with mean 0 and variance 1; missing values and constant columns become 0."""
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, rows, 0.0)
    centred = np.where(known, rows - filled.sum(axis=0) / count, 0.0)
    spread = np.sqrt((centred**2).mean(axis=0))
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0))
