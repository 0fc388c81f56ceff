"""A table of the user's own, from a CSV, TSV, Parquet or Excel file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import (
    EncodedTable,
    TableSource,
    assemble,
    encode,
    with_metadata,
)
from deepseek_report.datasets.assembly.cell_encoding import EncodedTarget, TargetDraw
from deepseek_report.datasets.assembly.column_declarations import error_text, not_columns
from deepseek_report.datasets.assembly.data_declarations import DeclaredTable, OwnFile, task_in_file
from deepseek_report.datasets.readers import table_file
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.errors import DataError


@dataclass(frozen=True)
class TableFile(DeclaredTable, OwnFile):
    """A table of your own from a CSV, TSV, Parquet or Excel file; what is not declared is inferred.

    separator, encoding, decimal, missing_values, sheet : how the file is written, see
        `file_form.FileForm`; empty cells and the usual marks such as `NA` are missing in any case.
    bounds : how much the file may hold, see `file_form.ReadLimits`.

    The other fields, among them `target` and `task`, are those of `DeclaredTable`. Where `rows` are
    drawn, only these are encoded and checked: what the others hold is not looked at.
    """

    wanted: ClassVar[tuple[tuple[str, str], ...]] = (*OwnFile.wanted, ("target", "a column"))

    # --- before loading ---------------------------------------------------------------------------

    def _rules(self) -> list[str]:
        return [*self.rule.problems(), *self.target_problems()]

    @property
    def nature(self) -> DataTraits:
        """The task as declared, or as the target column of the file shows it."""
        if not self.targets:
            return DataTraits()
        task = task_in_file(
            Path(str(self.path)), self.form, self.target_rule, table_file.read_column
        )
        return DataTraits("table", task, groups=self.kinds_of_groups)

    def _unknown_columns(self, names: Sequence[str]) -> list[str]:
        first = [("target", name) for name in self.targets]
        if self.id_column is not None:
            first.append(("id_column", self.id_column))
        named = self.named_columns(first, self.own_columns)
        both = sorted(str(name) for name in {*self.left_out} & {*self.targets, *self.compared})
        both.extend(name for name in self.targets if name in self.compared)
        both.extend(name for name in self.sensitive if name in self.compare_by)
        two_roles = [
            error_text(
                "dataset",
                f"`{name}` has two roles",
                "one of target, sensitive, compare_by, and left out (`drop`, `id_column`, "
                "`entity`, `time`)",
                "remove it from one; `dataset.use_sensitive=false` hides groups from the model",
            )
            for name in both
        ]
        return [*not_columns(str(self.path), named, names), *two_roles]

    @property
    def form(self) -> FileForm:
        """How the file is written; where rows are drawn, it is read piece by piece."""
        return replace(super().form, drawn=self.rows is not None)

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, infer what is not declared, split, describe and check.

        Raises DataError: the file or what is declared about it cannot be used.
        """
        progress.start("Load the data", 3)
        read, answer = self._read(self.existing(), seed)
        progress.advance()
        table = self._encoded(read, answer)
        progress.advance()
        dataset = assemble(table, self._source(read), self.rule, seed, self.use_sensitive)
        progress.advance()
        return dataset

    def _read(self, path: Path, seed: int) -> tuple[table_file.ReadTable, EncodedTarget | None]:
        if self.rows is None:
            read = table_file.read_table(path, self.form)
            self._check_columns(read.frame.columns)
            return read, None
        self._check_columns(table_file.read_header(path, self.form))
        target = TargetDraw(self.target_rule, self.declared_columns, path.name, self.rows, seed)
        read = table_file.read_drawn(path, self.form, self.targets, target.draw)
        return read, target.answers[0]

    def _check_columns(self, names: Iterable[object]) -> None:
        known = [str(name) for name in names]
        if problems := [*self._rules(), *self._unknown_columns(known)]:
            raise DataError("\n".join(problems))

    def _encoded(self, read: table_file.ReadTable, answer: EncodedTarget | None) -> EncodedTable:
        """The table, with what is known of its rows beside their features; uses the frame up."""
        metadata = self.metadata(read.frame, self.existing().name, read.decimal, read.rows)
        for name in self.left_out:
            read.frame.pop(name)
        table = encode(read.frame, self._source(read), read.rows, answer)
        table = with_metadata(table, metadata, self.rule)
        if read.rows is None:
            return table
        rows = replace(table.rows, instance_ids=read.rows)
        return replace(table, rows=rows, n_source=read.n_rows)

    def _source(self, read: table_file.ReadTable) -> TableSource:
        path = self.existing()
        columns = [name for name in self.left_out if name not in self.metadata_columns.values()]
        left_out = (message("preparation.left_out", columns=columns),) if columns else ()
        return TableSource(
            file=path.name,
            sha256=read.sha256,
            description=self.described(path.stem),
            columns=self.declared_columns,
            target=self.target_rule,
            max_categories=self.max_categories,
            decimal=read.decimal,
            notes=(*read.notes, *left_out),
            relations=self.relations,
            also_inputs=self.also_inputs,
        )
