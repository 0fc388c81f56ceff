"""Which columns rise and fall together."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.statistics.ranking import spearman, thin

#: Rows on which columns are compared with one another: near |ρ| = 0.9 the standard error of a rank
#: correlation of so many is about 0.001.
MOST_COMPARED_ROWS = 50_000
#: Cells and rows of each part in which columns that tell the label are searched.
_MOST_CELLS, _MOST_ROWS, _FEWEST_ROWS = 4_000_000, 20_000, 1_000


def compared_rows(whole: Split) -> Split:
    """The rows on which columns are compared with one another."""
    if len(whole) <= MOST_COMPARED_ROWS:
        return whole
    return whole.take(thin(len(whole), MOST_COMPARED_ROWS))


def rows_searched(n_columns: int) -> int:
    """The most rows of a part in which columns that tell the label are searched."""
    return min(max(_MOST_CELLS // max(n_columns, 1), _FEWEST_ROWS), _MOST_ROWS)


CORRELATED = 0.9
#: With more columns than this, only so many are compared with one another.
MOST_COMPARED = 1000


def most_telling(whole: Split, columns: Ints, most: int) -> Ints:
    """At most so many of these columns: those whose ranks go most with the label, ascending."""
    if len(columns) <= most:
        return columns
    import pandas as pd

    ranks = pd.DataFrame(whole.inputs[:, columns]).rank(pct=True).fillna(0.5).to_numpy()
    ranks = ranks - ranks.mean(axis=0)
    outcomes = pd.get_dummies(whole.labels).to_numpy(dtype=np.float64)
    if outcomes.shape[1] > most:
        outcomes = whole.labels[:, None].astype(np.float64)
    outcomes = outcomes - outcomes.mean(axis=0)
    scale = np.maximum(np.linalg.norm(ranks, axis=0), 1e-12)
    strength = np.abs(outcomes.T @ ranks / scale) / np.linalg.norm(outcomes, axis=0)[:, None]
    return np.sort(columns[np.argsort(-strength.max(axis=0), kind="stable")[:most]])


def correlated_pairs(schema: Schema, whole: Split, kept: Ints) -> list[dict[str, Any]]:
    """Pairs among these columns with |ρ| of at least 0.9, strongest first."""
    rho = spearman(whole.inputs[:, kept])
    strong = np.argwhere(np.triu(np.abs(rho) >= CORRELATED, k=1))
    strongest_first = sorted(strong.tolist(), key=lambda pair: (-abs(rho[*pair]), pair))
    return [
        {
            "a": schema.names[kept[i]],
            "b": schema.names[kept[j]],
            "label_a": schema.labels[kept[i]],
            "label_b": schema.labels[kept[j]],
            "spearman": round(float(rho[i, j]), 4),
        }
        for i, j in strongest_first
    ]
