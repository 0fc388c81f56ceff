"""Several labels in one cell, such as `sports|usa`, as one column of 0 and 1 a label."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.rounding import plural
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.split.splitting import FEWEST_OF_A_CLASS

if TYPE_CHECKING:
    import pandas as pd

#: What stands between the parts of a list that a Parquet or JSON Lines file holds in one cell.
BETWEEN = "|"
MOST_LABELS = 200


def joined(cell: Any) -> Any:
    """A list as its parts with `|` between them; anything else as it is."""
    if isinstance(cell, (list, tuple, set, np.ndarray)):
        return BETWEEN.join(str(part) for part in cell)
    return cell


def separate(
    cells: pd.Series, separator: str, where: str
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[Message, ...]]:
    """One column of "0" and "1" a label, the labels by frequency, and notes on what was left out.

    An empty cell has no label. Labels of fewer than 10 rows cannot be learnt and are left out.

    Raises
    ------
    DataError : fewer than two labels are left, or more than 200.
    """
    import pandas as pd

    texts = [str(text) for text in cells.where(cells.notna(), "")]
    rows = [{part.strip() for part in text.split(separator)} - {""} for text in texts]
    sizes = Counter(label for row in rows for label in row)
    often = sorted((label for label in sizes if _can_be_learnt(sizes[label], len(rows))), key=str)
    labels = tuple(sorted(often, key=lambda label: -sizes[label]))
    if not 2 <= len(labels) <= MOST_LABELS:
        raise data_error(
            where,
            f"{plural(len(labels), 'label')} with at least {FEWEST_OF_A_CLASS} rows",
            f"2 to {MOST_LABELS} labels",
            f"correct `dataset.label_separator` ({separator!r}), or merge labels",
        )
    rare = [label for label in sizes if label not in labels]
    note = message("preparation.rare_labels", labels=sorted(rare), fewest=FEWEST_OF_A_CLASS)
    frame = pd.DataFrame(
        {label: ["1" if label in row else "0" for row in rows] for label in labels}
    )
    return frame, labels, (note,) if rare else ()


def _can_be_learnt(n: int, rows: int) -> bool:
    return n >= FEWEST_OF_A_CLASS and rows - n >= FEWEST_OF_A_CLASS
