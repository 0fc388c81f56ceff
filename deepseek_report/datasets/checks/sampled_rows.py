"""On how many rows the checks look where all would tell hardly more: rows at even distances."""

from __future__ import annotations

from deepseek_report.artifacts.split import Split
from deepseek_report.statistics.ranking import thin

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
