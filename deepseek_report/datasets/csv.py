"""A table of the user's own, from a CSV, TSV or Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.files import sha256_file
from deepseek_report.artifacts.protocols import Nature, Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly import Source, assemble, encode
from deepseek_report.datasets.card import Description
from deepseek_report.datasets.columns import Code, Column, message, nearest
from deepseek_report.datasets.encoding import TargetRule
from deepseek_report.datasets.reading import TextFormat, file_problem, read_header, read_table
from deepseek_report.datasets.splitting import Duplicates, SplitRule
from deepseek_report.errors import DataError

_DECISIONS = (
    "The labels are decisions that people or systems made, not outcomes: whatever bias these "
    "decisions had is in the labels, and a model that predicts them well repeats it."
)


@dataclass(frozen=True)
class TableFile:
    """A table of your own from a CSV, TSV or Parquet file; what is not declared is inferred.

    path : the file, from the folder that the command runs in. target : the column to predict.
    favourable : its class that is good for the person concerned. positive : its class whose
        probability is explained. labels_are_decisions : the label is a decision, not an outcome.
    sensitive : columns to compare groups by. use_sensitive : whether the model is given them.
    columns : what is known about single columns, see `columns.Column`.
    id_column, drop : columns that are not features.
    separator, encoding, decimal, missing_values : how a text file is written; empty cells and the
        usual marks such as `NA` are missing in any case.
    duplicates, rows, validation_share, test_share : see `splitting.SplitRule`.
    """

    path: str | None = None
    target: str | None = None
    favourable: Code | None = None
    positive: Code | None = None
    labels_are_decisions: bool = False
    sensitive: tuple[str, ...] = ()
    use_sensitive: bool = True
    columns: dict[str, Column] = field(default_factory=dict)
    id_column: str | None = None
    drop: tuple[str, ...] = ()
    max_categories: Annotated[int, Field(ge=2, le=10_000)] = 100
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    missing_values: tuple[str, ...] = ()
    rows: Annotated[int, Field(ge=30)] | None = None
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    duplicates: Duplicates = "together"
    title: str = ""
    description: str = ""
    source: str = ""
    licence: str = ""
    citation: str = ""
    doi: str = ""
    period: str = ""
    population: str = ""
    decision: str = ""
    limits: tuple[str, ...] = ()

    # --- before loading ---------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What is wrong, as far as the config, the file's name and its first line can tell."""
        found = [*self._undeclared(), *self.rule.problems()]
        if self.path is None:
            return found
        if (problem := file_problem(Path(self.path))) is not None:
            return [*found, problem]
        try:
            names = read_header(Path(self.path), self.form)
        except DataError as error:
            return [*found, str(error)]
        return [*found, *self._unknown_columns(names)]

    @property
    def nature(self) -> Nature:
        return Nature("table", "classification")

    def source_digest(self) -> str:
        """SHA-256 of the file.

        Raises
        ------
        DataError : there is no such file.
        """
        path = self._existing()
        return sha256_file(path)

    @property
    def rule(self) -> SplitRule:
        return SplitRule(self.validation_share, self.test_share, self.duplicates, self.rows)

    @property
    def form(self) -> TextFormat:
        return TextFormat(self.separator, self.encoding, self.decimal, self.missing_values)

    def _undeclared(self) -> list[str]:
        return [
            message("dataset", f"`{name}` is not set", allowed, f"add `dataset.{name}=…`")
            for name, allowed in (("path", "the path of a file"), ("target", "a column"))
            if getattr(self, name) is None
        ]

    def _existing(self) -> Path:
        problem = "; ".join(self._undeclared()) or file_problem(Path(str(self.path)))
        if problem:
            raise DataError(problem)
        return Path(str(self.path))

    def _unknown_columns(self, names: Sequence[str]) -> list[str]:
        """Names in the config that are not columns, and columns with two roles."""
        asked = [
            *([("target", self.target)] if self.target is not None else []),
            *([("id_column", self.id_column)] if self.id_column is not None else []),
            *(("sensitive", name) for name in self.sensitive),
            *(("drop", name) for name in self.drop),
            *(("columns", name) for name in self.columns),
        ]
        unknown = [
            message(
                str(self.path),
                f"`dataset.{where}` names `{name}`, which is not a column",
                "a column of the file",
                nearest(name, names),
            )
            for where, name in asked
            if name not in names
        ]
        return [*unknown, *self._two_roles()]

    def _two_roles(self) -> list[str]:
        left_out = {*self.drop, self.id_column} - {None}
        used = {self.target, *self.sensitive} - {None}
        both = sorted(str(name) for name in left_out & used)
        if self.target in self.sensitive:
            both.append(str(self.target))
        return [
            message(
                "dataset",
                f"`{name}` has two roles",
                "one of target, sensitive, and left out (`drop`, `id_column`)",
                "remove it from one; `dataset.use_sensitive=false` hides groups from the model",
            )
            for name in both
        ]

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, infer what is not declared, split, describe and check.

        Raises
        ------
        DataError : the file or what is declared about it cannot be used.
        """
        progress.start("Load the data", 3)
        path = self._existing()
        frame = read_table(path, self.form)
        names = [str(name) for name in frame.columns]
        problems = [*self.rule.problems(), *self._unknown_columns(names)]
        if problems:
            raise DataError("\n".join(problems))
        progress.advance()
        source = self._source(path)
        table = encode(frame.drop(columns=self._left_out), source)
        progress.advance()
        dataset = assemble(table, source, self.rule, seed, self.use_sensitive)
        progress.advance()
        return dataset

    @property
    def _left_out(self) -> list[str]:
        ids = [self.id_column] if self.id_column is not None else []
        return list(dict.fromkeys([*self.drop, *ids]))

    def _source(self, path: Path) -> Source:
        columns = dict(self.columns)
        for name in self.sensitive:
            columns[name] = replace(columns.get(name, Column()), sensitive=True)
        rule = TargetRule(
            str(self.target), self.favourable, self.positive, self.labels_are_decisions
        )
        return Source(
            file=path.name,
            sha256=sha256_file(path),
            description=self._description(path),
            columns=columns,
            target=rule,
            max_categories=self.max_categories,
            decimal=self.decimal,
            notes=self._notes(),
        )

    def _description(self, path: Path) -> Description:
        return Description(
            name=path.stem,
            title=self.title or path.stem,
            description=self.description,
            source=self.source,
            licence=self.licence,
            citation=self.citation,
            doi=self.doi,
            period=self.period,
            population=self.population,
            decision=self.decision,
            limits=(*self.limits, *([_DECISIONS] if self.labels_are_decisions else [])),
        )

    def _notes(self) -> tuple[str, ...]:
        if not self._left_out:
            return ()
        names = ", ".join(f"“{name}”" for name in self._left_out)
        return (f"Left out as the config asks: {names}.",)
