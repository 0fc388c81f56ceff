"""Which columns say most about what is predicted, so that wide data stay affordable."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints


def most_telling(columns: Floats, labels: Ints, most: int) -> Ints:
    """Positions of the columns whose class means differ most against their spread, ascending.

    The F statistic of a one-way analysis of variance; a missing value counts as the column's mean.

    columns : (instance, column). labels : (instance,) classes. most : how many columns.

    >>> noise_and_label = np.array([[3.0, 0.0], [1.0, 0.1], [2.0, 0.9], [2.0, 1.0]])
    >>> most_telling(noise_and_label, np.array([0, 0, 1, 1]), most=1).tolist()
    [1]
    """
    if columns.shape[1] <= most:
        return np.arange(columns.shape[1])
    known = ~np.isnan(columns)
    total = np.where(known, columns, 0.0).sum(axis=0)
    filled = np.where(known, columns, total / np.maximum(known.sum(axis=0), 1))
    member = (labels[:, None] == np.unique(labels)).astype(np.float64)
    sizes = member.sum(axis=0)
    means = (member.T @ filled) / sizes[:, None]
    between = sizes @ (means - filled.mean(axis=0)) ** 2
    within = ((filled - filled.mean(axis=0)) ** 2).sum(axis=0) - between
    telling = np.divide(between, within, out=np.zeros_like(between), where=within > 1e-12)
    return np.sort(np.argsort(-telling, kind="stable")[:most])


def most_correlated(columns: Floats, values: Floats, most: int) -> Ints:
    """Positions of the columns with the largest |correlation| with a number, ascending.

    A missing value counts as the column's mean.

    columns : (instance, column). values : (instance,) the number. most : how many columns.
    """
    if columns.shape[1] <= most:
        return np.arange(columns.shape[1])
    known = ~np.isnan(columns)
    means = np.where(known, columns, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, columns - means, 0.0)
    scale = np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
    strength = np.abs((values - values.mean()) @ centred) / scale
    return np.sort(np.argsort(-strength, kind="stable")[:most])
