"""Which rows of a source are kept, drawn by what is to be predicted, before the rest is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
from deepseek_report.datasets.assembly.targets import EncodedTarget, TargetRule, encode_target
from deepseek_report.datasets.readers.cells import read_cells
from deepseek_report.datasets.split.splitting import draw_rows, strata_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class TargetDraw:
    """Draws rows that keep the shares of the classes, see `splitting.draw_rows`.

    columns : what is declared of columns. file : its name, for errors. n : how many rows are kept.
    answers : the target of the drawn rows, once they are drawn; its classes are those of all rows.
    """

    rule: TargetRule
    columns: Mapping[str, ColumnDeclaration]
    file: str
    n: int
    seed: int
    answers: list[EncodedTarget] = field(default_factory=list)

    def draw(self, frame: pd.DataFrame, decimal: str) -> Ints:
        """Ascending positions of the rows.

        frame : the columns of the target, of all rows. decimal : the sign before decimals.

        Raises DataError: the target cannot be used.
        """
        names = self.rule.columns
        cells = [read_cells(frame[name], name, decimal) for name in names]
        declared = [self.columns.get(name, ColumnDeclaration()) for name in names]
        answer = encode_target(cells, declared, self.rule, self.file)
        n_rows = len(answer.labels)
        nothing = np.zeros((n_rows, 0))
        every = Split(nothing, answer.labels, np.arange(n_rows), all_labels=answer.all_labels)
        rows = draw_rows(strata_of(every), self.n, self.seed)
        drawn = every.take(rows)
        self.answers = [replace(answer, labels=drawn.labels, all_labels=drawn.all_labels)]
        return rows
