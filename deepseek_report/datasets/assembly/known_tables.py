"""From a table whose columns are known to a data set, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import TableSource, assemble, encode
from deepseek_report.datasets.split.splitting import SplitRule

if TYPE_CHECKING:
    import pandas as pd


def load_table(
    read: Callable[[], pd.DataFrame],
    source: TableSource,
    rule: SplitRule,
    seed: int,
    progress: Progress,
    use_sensitive: bool = True,
) -> Dataset:
    """Read a table whose columns are known, and make a data set of it, step by step.

    Raises
    ------
    DataError : the table cannot be used as declared.
    """
    progress.start("Load the data", 3)
    frame = read()
    progress.advance()
    table = encode(frame, source)
    progress.advance()
    dataset = assemble(table, source, rule, seed, use_sensitive)
    progress.advance()
    return dataset
