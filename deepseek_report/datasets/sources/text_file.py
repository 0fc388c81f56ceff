"""Texts of the user's own, from a CSV, TSV, Parquet or JSON Lines file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.rounding import plural
from deepseek_report.artifacts.schema import Attribute, AttributeKind
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import Origin
from deepseek_report.datasets.assembly.cell_encoding import (
    EncodedTarget,
    encode_feature,
    read_target,
)
from deepseek_report.datasets.assembly.column_declarations import (
    ColumnDeclaration,
    config_problems,
    data_error,
    error_text,
    group_by,
    grouped,
    nearest,
    not_columns,
)
from deepseek_report.datasets.assembly.data_declarations import (
    OwnFile,
    TableDeclarations,
    task_in_file,
)
from deepseek_report.datasets.assembly.texts import Corpus, TextRule, assemble_texts
from deepseek_report.datasets.readers.cells import read_cells
from deepseek_report.datasets.readers.file_form import Decimal, FileForm
from deepseek_report.datasets.readers.json_lines import (
    SUFFIXES,
    is_json_lines,
    read_json_lines,
    read_keys,
)
from deepseek_report.datasets.readers.table_file import ReadTable, read_table
from deepseek_report.datasets.splitting import FEWEST_OF_A_CLASS
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


#: What stands between the parts of a list that a Parquet or JSON Lines file holds in one cell.
BETWEEN = "|"
MOST_LABELS = 200


def joined(cell: object) -> object:
    """A list as its parts with `|` between them; anything else as it is."""
    if isinstance(cell, (list, tuple, set, np.ndarray)):
        return BETWEEN.join(str(part) for part in cell)
    return cell


def separate(
    cells: pd.Series, separator: str, where: str
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[Message, ...]]:
    """One column of "0" and "1" a label, the labels by frequency, and notes on what was left out.

    An empty cell has no label. Labels of fewer than 10 rows cannot be learnt and are left out.

    Raises DataError: fewer than two labels are left, or more than 200.
    """
    import pandas as pd

    rows = [{part.strip() for part in text.split(separator)} - {""} for text in strings(cells)]
    sizes = Counter(label for row in rows for label in row)
    most = len(rows) - FEWEST_OF_A_CLASS
    often = sorted(label for label, n in sizes.items() if FEWEST_OF_A_CLASS <= n <= most)
    labels = tuple(sorted(often, key=lambda label: -sizes[label]))
    if not 2 <= len(labels) <= MOST_LABELS:
        raise data_error(
            where,
            f"{plural(len(labels), 'label')} with at least {FEWEST_OF_A_CLASS} rows",
            f"2 to {MOST_LABELS} labels",
            f"correct `dataset.label_separator` ({separator!r}), or merge labels",
        )
    rare = sorted(label for label in sizes if label not in labels)
    note = message("preparation.rare_labels", labels=rare, fewest=FEWEST_OF_A_CLASS)
    columns = {label: ["1" if label in row else "0" for row in rows] for label in labels}
    return pd.DataFrame(columns), labels, (note,) if rare else ()


_MOST_GROUPS = 1000


@dataclass(frozen=True)
class TextRows(OwnFile):
    """A file with a text in each row, which may be JSON Lines."""

    also: ClassVar[tuple[str, ...]] = SUFFIXES

    def _names(self, path: Path) -> list[str]:
        return read_keys(path, self.form) if is_json_lines(path) else super()._names(path)

    def _read_checked(self) -> tuple[str, ReadTable]:
        """The file's name, and all of its rows.

        Raises DataError: the file or what is declared about it cannot be used.
        """
        path = self.existing()
        read = read_texts(path, self.form)
        if problems := [*self._rules(), *self._unknown_columns([*map(str, read.frame.columns)])]:
            raise DataError("\n".join(problems))
        return path.name, read


@dataclass(frozen=True)
class TextFile(TableDeclarations, TextRule, TextRows):
    """Texts of your own from a CSV, TSV, Parquet, Excel or JSON Lines file.

    text : the column of texts.
    label_separator : what divides the labels where one target column holds several ("sports|usa");
        every label is predicted, and `report_label` is the one that the report is about.
    tokenizer, max_length, vocabulary, hide : see `texts.TextRule`.
    separator, encoding, decimal, missing_values, sheet : see `file_form.FileForm`.
    bounds : how much the file may hold, see `file_form.ReadLimits`.

    The other fields, among them `target`, `task`, `sensitive` and `compare_by`, are those of
    `TableDeclarations`; what happens to texts that say the same (`duplicates`) stands at
    `texts.assemble_texts`.
    """

    wanted: ClassVar[tuple[tuple[str, str], ...]] = (
        *OwnFile.wanted,
        *(("text", "a column"), ("target", "a column")),
    )

    text: str | None = None
    label_separator: Annotated[str, Field(min_length=1, max_length=8)] | None = None

    # --- before loading ---------------------------------------------------------------------------

    @property
    def nature(self) -> DataTraits:
        return self.traits()

    def traits(self) -> DataTraits:
        """The task as declared, or as the target column of the file shows it."""
        if self.label_separator is not None:
            return DataTraits("text", "multi_label", groups=self._kinds)
        if not self.targets:
            return DataTraits("text", groups=self._kinds)
        task = task_in_file(Path(str(self.path)), self.form, self.target_rule, _read_column)
        return DataTraits("text", task, groups=self._kinds)

    @property
    def _kinds(self) -> frozenset[AttributeKind]:
        """Those of the declared columns, and the length of the text."""
        return self.kinds_of_groups | {"other"}

    def source_digest(self) -> str:
        """SHA-256 of the file, and what decides the tokens."""
        return self.digest(super().source_digest())

    def target_problems(self) -> list[str]:
        if self.label_separator is None:
            return super().target_problems()
        return config_problems(
            (
                len(self.targets) > 1,
                "several target columns with a label separator",
                "one column",
                "name the column that holds all labels, or remove `dataset.label_separator`",
            ),
            (
                self.task not in {"auto", "multi_label"},
                f"a label separator with task {self.task}",
                "multi_label",
                "remove one of the two",
            ),
        )

    def _rules(self) -> list[str]:
        return [*self.rule.problems(), *self.tokenizer_problems(), *self.target_problems()]

    def _unknown_columns(self, names: Sequence[str]) -> list[str]:
        first = [("target", name) for name in self.targets]
        if self.text is not None:
            first.insert(0, ("text", self.text))
        named = self.named_columns(first)
        roles = [name for where, name in named if where != "columns"]
        twice = sorted({name for name in roles if roles.count(name) > 1})
        allowed = "one of text, target, sensitive, compare_by, entity, time"
        do = "remove it from one"
        return [
            *not_columns(str(self.path), named, names),
            *(error_text("dataset", f"`{name}` has two roles", allowed, do) for name in twice),
        ]

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, leave out copies, split, cut into tokens, describe and check.

        Raises DataError: the file or what is declared about it cannot be used.
        """
        progress.start("Load the data", 2)
        file, read = self._read_checked()
        corpus = self._corpus(read.frame, file, read.decimal)
        progress.advance()
        dataset = assemble_texts(corpus, self._origin(file, read), self, self.rule, seed)
        progress.advance()
        return replace(dataset, read=self.digest(read.sha256))

    def _origin(self, file: str, read: ReadTable) -> Origin:
        return Origin(file, read.sha256, self.described(Path(file).stem), read.notes)

    def _corpus(self, frame: pd.DataFrame, file: str, decimal: Decimal) -> Corpus:
        groups = grouped(self._group(frame[name], file, decimal) for name in self.compared)
        answer = self._answer(frame, file, decimal)
        metadata = self.metadata(frame, file, decimal)
        texts = strings(frame[self.text])
        return Corpus(texts, answer, *groups, answer.notes, metadata=metadata)

    def _group(self, series: pd.Series, file: str, decimal: Decimal) -> tuple[Attribute, Ints]:
        name = str(series.name)
        column = self.declared_columns[name]
        cells = read_cells(series, name, decimal)
        feature, values = encode_feature(cells, column, f"{file}, column `{name}`", _MOST_GROUPS)
        attribute, codes = group_by(feature, values, column)
        return replace(attribute, source=None), codes

    def _answer(self, frame: pd.DataFrame, file: str, decimal: Decimal) -> EncodedTarget:
        rule = self.target_rule
        notes: tuple[Message, ...] = ()
        columns = self.declared_columns
        if self.label_separator is not None:
            frame, labels, notes = separate(
                frame[self.targets[0]], self.label_separator, f"{file}, column `{self.targets[0]}`"
            )
            name = self._reported(labels)
            rule = replace(rule, name=name, task="multi_label", labels=labels)
            columns = {label: ColumnDeclaration(label=label) for label in labels}
        answer = read_target(frame, columns, rule, file, decimal)
        return replace(answer, notes=(*answer.notes, *notes))

    def _reported(self, labels: Sequence[str]) -> str:
        """The label that the report is about: the declared one, else the most frequent."""
        reported = labels[0] if self.report_label is None else self.report_label
        if reported not in labels:
            raise data_error(
                "dataset",
                f"`dataset.report_label` is `{reported}`, which is not a frequent label",
                ", ".join(labels[:12]),
                nearest(reported, labels),
            )
        return reported


def strings(column: pd.Series) -> list[str]:
    """The cells of a column of texts; an empty one is an empty text."""
    return [str(text) for text in column.where(column.notna(), "")]


def read_texts(path: Path, form: FileForm) -> ReadTable:
    """All rows; lists in cells become their parts, one `|` between them."""
    read = read_json_lines(path, form) if is_json_lines(path) else read_table(path, form)
    frame = read.frame.apply(lambda cells: cells.map(joined) if cells.dtype == object else cells)
    return replace(read, frame=frame)


def _read_column(path: Path, form: FileForm, name: str) -> tuple[pd.Series, Decimal]:
    """One column as it is read when all are; `problems` tells where there is none."""
    read = read_texts(path, form)
    if name not in read.frame:
        raise data_error(str(path), f"`{name}` is not a column", "a column", "correct it")
    return read.frame[name], read.decimal
