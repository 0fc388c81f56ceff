"""A table that was given in Python: rows to judge the model on, and those beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.datasets import DatasetPart, DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.protocols.traits import GivenInPython, not_held
from deepseek_report.artifacts.schema import TaskName
from deepseek_report.artifacts.split import PARTS, DataIssue, Dataset, Split
from deepseek_report.datasets.assembly.assemble import (
    Origin,
    TableSource,
    assemble,
    encode,
    with_metadata,
)
from deepseek_report.datasets.assembly.cell_encoding import TargetRule, task_of
from deepseek_report.datasets.assembly.column_declarations import error_text, not_columns
from deepseek_report.datasets.assembly.data_declarations import DeclaredTable
from deepseek_report.datasets.assembly.row_metadata import RowMetadata
from deepseek_report.datasets.assembly.texts import assemble_texts
from deepseek_report.datasets.readers.cells import observed, read_cells
from deepseek_report.datasets.sources.text_file import TextFile
from deepseek_report.datasets.splitting import GroupConstraint, Share, SplitRule, assign_parts, tied
from deepseek_report.errors import DataError
from deepseek_report.statistics.copies import copied_rows

if TYPE_CHECKING:
    import pandas as pd


#: What messages call the table.
ROWS = "the rows given"
_TRAIN, _VALIDATION, _TEST = range(3)
_DRAWN: dict[frozenset[int], str] = {
    frozenset(): "The three parts are those that were given in Python.",
    frozenset({_VALIDATION}): (
        "No validation rows were given, so {validation} of the rows given as test rows, drawn at "
        "random, stand in their place and are not tested."
    ),
    frozenset({_TRAIN}): (
        "No training rows were given, so {train} of the rows given as test rows, drawn at random, "
        "are what explanations compare with, and are not tested."
    ),
    frozenset({_TRAIN, _VALIDATION}): (
        "Neither training nor validation rows were given, so of the rows given as test rows, drawn "
        "at random, {train} are what explanations compare with and {validation} are validation "
        "rows; these are not tested."
    ),
}


TrainingRows = Literal["given", "unknown", "recognised"]


@dataclass(frozen=True)
class GivenRows:
    """Rows that a person gave, the test rows first.

    frame : features and target columns. parts : (row,) position in `PARTS`; those of the test part
    give rows to a part that is not there. notices : what was put right of how they were given.
    """

    frame: pd.DataFrame
    parts: Ints
    notices: tuple[Text, ...] = ()

    def predicted(self, target: str, rule: TargetRule) -> tuple[TaskName, int | None]:
        """What is predicted, and of how many classes."""
        cells = read_cells(self.frame[target], target)
        task = task_of(cells, rule)
        return task, len(observed(cells)) if task == "classification" else None

    def training_rows(self, fits: bool) -> TrainingRows:
        """Whether training rows are among them; `fits`: the model looks fitted to the test rows."""
        if _TRAIN not in self.lacking:
            return "given"
        return "recognised" if fits else "unknown"

    @property
    def lacking(self) -> frozenset[int]:
        """Which of the training and the validation part was not given."""
        return frozenset({_TRAIN, _VALIDATION} - set(self.parts.tolist()))


_FITTED_TO_TEST = DataIssue(
    "rows_of_training",
    "high",
    message("data.rows_of_training.text"),
    recommendation=message("data.rows_of_training.do"),
)
_NOT_LOOKED = DataIssue(
    "training_rows_unknown",
    "low",
    message("data.training_rows_unknown.text"),
    recommendation=message("data.training_rows_unknown.do"),
)


@dataclass(frozen=True)
class HoldsRows(GivenInPython, DatasetPart):
    """What data sets around `GivenRows` have in common.

    sha256 : of the rows. validation_share, test_share : how test rows are shared out where no
    other rows were given. Rows are counted from 0 as they were given: test rows first, then
    validation and training rows. training_rows : "unknown" where none were given, so that they
    cannot be looked for among the test rows; "recognised" where none were given and the model
    answers the test rows as it would answer rows that it was fitted to.
    """

    sha256: str = ""
    validation_share: Share = 0.2
    test_share: Share = 0.6
    training_rows: TrainingRows = "given"

    def issues(self, dataset: Dataset) -> tuple[DataIssue, ...]:
        """What was found in the data, and what cannot be looked for in them."""
        if self.training_rows == "recognised":
            return (_FITTED_TO_TEST, *dataset.issues)
        return dataset.issues if self.training_rows == "given" else (*dataset.issues, _NOT_LOOKED)

    @property
    def rows_held(self) -> GivenRows:
        """The rows; raises DataError: the plug-in was built from a config."""
        if self.held is None:
            raise DataError("; ".join(self.problems()))
        rows: GivenRows = self.held
        return rows


@dataclass(frozen=True)
class GivenTable(HoldsRows, DeclaredTable):
    """A table that was given in Python (`deepseek_report.report`).

    passed_along : columns that are no features, and that the model is given all the same. The other
    fields, among them `target`, are those of `HoldsRows` and of `DeclaredTable`.
    """

    passed_along: tuple[str, ...] = ()

    # --- before loading ---------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What is wrong with what is declared of the rows."""
        if self.held is None:
            instead = "write them to a file and choose dataset=csv"
            return [not_held("the rows", plural=True, instead=instead)]
        return [*self.rule.problems(), *self.target_problems(), *self._unknown_columns()]

    @property
    def nature(self) -> DataTraits:
        """Known whole, since the rows are here."""
        if self.held is None or not self.targets or set(self.targets) - set(self.held.frame):
            return DataTraits()
        task, classes = self.rows_held.predicted(self.targets[0], self.target_rule)
        return DataTraits("table", task, groups=self.kinds_of_groups, classes=classes)

    def source_digest(self) -> str:
        """SHA-256 of the rows as they were given."""
        return self.sha256

    def _unknown_columns(self) -> list[str]:
        named = self.named_columns((), self.own_columns)
        features = [name for name in self.rows_held.frame if name not in self.targets]
        used = {*self.left_out} & {*self.compared}
        used |= {*self.sensitive} & {*self.compare_by}
        return [
            *not_columns(ROWS, named, features),
            *(
                error_text(
                    ROWS,
                    f"`{name}` has two roles",
                    "one of sensitive, compare_by, drop, entity, time",
                    "remove it from one; `dataset.use_sensitive=false` hides groups from the model",
                )
                for name in sorted(used)
            ),
        ]

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Encode the rows, draw the parts that were not given, describe and check.

        Raises DataError: the rows cannot be used as declared.
        """
        if problems := self.problems():
            raise DataError("\n".join(problems))
        progress.start("Read the rows", 2)
        source = self._source()
        frame = self.rows_held.frame
        table = encode(frame.drop(columns=self.left_out), source)
        progress.advance()
        metadata = self.metadata(frame, ROWS, ".")
        table = with_metadata(table, metadata, self.rule)
        copied = copied_rows(table.rows.inputs)
        together = share_out(table.rows, copied, self.rows_held, self.rule, seed, metadata)
        table = replace(table, copied=copied, together=together)
        dataset = assemble(table, source, self.rule, seed, self.use_sensitive)
        progress.advance()
        return replace(dataset, issues=self.issues(dataset))

    def _source(self) -> TableSource:
        """Every column is a feature, since the model may read it: none is left out by its look."""
        left_out = ", ".join(f"“{name}”" for name in self.left_out)
        notes: list[Text] = [f"Left out as asked: {left_out}."] if left_out else []
        if self.passed_along:
            notes.append(message("preparation.passed_along", columns=list(self.passed_along)))
        return TableSource(
            file=ROWS,
            sha256=self.sha256,
            description=self.described("Rows given in Python"),
            columns=self.declared_columns,
            reads_all=True,
            target=self.target_rule,
            max_categories=self.max_categories,
            notes=(*notes, *self.rows_held.notices),
            relations=self.relations,
            also_inputs=self.also_inputs,
        )


def share_out(
    rows: Split, copied: Ints, held: GivenRows, rule: SplitRule, seed: int, metadata: RowMetadata
) -> GroupConstraint:
    """The parts as they were given; rows for those that are missing are drawn from the test rows.

    rows : those of `held` that are used, by their position in it. copied : (row,) copies of one
    another. metadata : of `held`. Copies, and rows of one entity, are drawn together.
    """
    part, lacking = held.parts[rows.instance_ids], held.lacking
    own = None if metadata.units is None else metadata.units[rows.instance_ids]
    if lacking:
        places = np.flatnonzero(part == _TEST)
        test, random = tied(rows, copied, rule, own).take(places), np.random.default_rng([seed, 2])
        part[places] = assign_parts(test.labels, test.entities, _shares(rule, lacking), random)
    counts = {name: str((part == i).sum()) for i, name in enumerate(PARTS)}
    drawn = GroupConstraint(units=own, parts=part, method=_DRAWN[lacking].format(**counts))
    return metadata.named(drawn)


def _shares(rule: SplitRule, lacking: frozenset[int]) -> tuple[float, float, float]:
    """How the test rows are shared out among themselves and the parts that are missing."""
    train = rule.shares[0] if _TRAIN in lacking else 0.0
    validation = rule.validation_share if _VALIDATION in lacking else 0.0
    return train, validation, 1 - train - validation


@dataclass(frozen=True)
class GivenTexts(HoldsRows, TextFile):
    """Texts that were given in Python (`deepseek_report.report`).

    The fields are those of `HoldsRows` and of `text_file.TextFile`, of which those about a file
    have no meaning here.
    """

    def problems(self) -> list[str]:
        """What is wrong with what is declared of the texts."""
        if self.held is None:
            instead = "write them to a file and choose dataset=text_file"
            return [not_held("the texts", plural=True, instead=instead)]
        return [*self._rules(), *self._unknown_columns(list(self.rows_held.frame))]

    @property
    def nature(self) -> DataTraits:
        """Known whole, since the texts are here."""
        if self.held is None:
            return DataTraits("text")
        task, classes = self.rows_held.predicted(self.targets[0], self.target_rule)
        return DataTraits("text", task, groups=self._kinds, classes=classes)

    def source_digest(self) -> str:
        """SHA-256 of the texts as they were given, and what decides the tokens."""
        return self.digest(self.sha256)

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Cut into tokens, draw the parts that were not given, describe and check.

        Raises DataError: the texts cannot be used as declared.
        """
        if problems := self.problems():
            raise DataError("\n".join(problems))
        progress.start("Read the texts", 1)
        corpus = self._corpus(self.rows_held.frame, ROWS, ".")
        metadata = self.metadata(self.rows_held.frame, ROWS, ".")
        together = partial(
            share_out, held=self.rows_held, rule=self.rule, seed=seed, metadata=metadata
        )
        about = self.described("Texts given in Python")
        origin = Origin(ROWS, self.sha256, about, self.rows_held.notices)
        dataset = assemble_texts(replace(corpus, together=together), origin, self, self.rule, seed)
        progress.advance()
        return replace(dataset, read=self.source_digest(), issues=self.issues(dataset))
