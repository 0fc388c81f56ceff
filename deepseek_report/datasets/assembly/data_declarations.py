"""What a config declares of data of the user's own; of images and series, their target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.codes import Code
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.schema import (
    NUMBER_TASKS,
    Attribute,
    AttributeKind,
    TaskName,
    readable_name,
)
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly import column_declarations, row_metadata
from deepseek_report.datasets.assembly.cell_encoding import (
    MOST_CATEGORIES,
    MOST_CLASSES,
    MOST_DECLARED,
    EncodedTarget,
    TargetRule,
    read_target,
    task_of,
)
from deepseek_report.datasets.data_card import Description, Sector
from deepseek_report.datasets.readers.cells import observed, read_cells
from deepseek_report.datasets.readers.excel import is_excel
from deepseek_report.datasets.readers.file_form import Bounds, Decimal, FileForm, WrittenFile
from deepseek_report.datasets.readers.table_file import file_problem, read_header
from deepseek_report.datasets.splitting import GroupConstraint, Shares
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


_STATED = (
    *("description", "source", "licence", "citation", "doi", "period", "population"),
    *("decision", "sector"),
)


@dataclass(frozen=True)
class OwnDataDeclarations(Shares, Bounds):
    """What a config says of the target and the origin of data of the user's own.

    unit : of a number. report_label : of several labels the one that the report is about.
    favourable : the class that is good for the person concerned; without it nothing is concluded
    on decisions about groups of people. positive : the class whose
        probability is explained; without it, of two classes the one that is not favourable, and of
        more the favourable one. labels_are_decisions : the label is a decision, not an outcome.
    max_classes : the most classes of a target; a number of more different values is predicted as
        a number where the task is "auto".

    The other fields are those of `Description`, `splitting.Shares` and `file_form.Bounds`.
    """

    unit: str | None = None
    report_label: str | None = None
    favourable: Code | None = None
    positive: Code | None = None
    labels_are_decisions: bool = False
    max_classes: Annotated[int, Field(ge=2, le=MOST_DECLARED)] = MOST_CLASSES
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
    sector: Sector = ""

    def described(self, name: str) -> Description:
        """What the card says of the data beyond their values; `name` where there is no title."""
        stated = {field: getattr(self, field) for field in _STATED}
        decisions = [message("card.labels_are_decisions")] if self.labels_are_decisions else []
        limits: tuple[Text, ...] = (*self.limits, *decisions)
        return Description(name=name, title=self.title or name, limits=limits, **stated)

    def rule_of(self, task: Literal["auto"] | TaskName, targets: Sequence[str]) -> TargetRule:
        """What is declared about the target; several labels are the targets of a multi-label task.

        targets : the columns to predict, of which the first is reported on where nobody says which.
        """
        return TargetRule(
            self.report_label or targets[0],
            self.favourable,
            self.positive,
            self.labels_are_decisions,
            task=task,
            unit=self.unit,
            labels=tuple(targets) if task == "multi_label" else (),
            declared_by="config",
            max_classes=self.max_classes,
        )


def classes_of_a_number(
    task: str, favourable: Code | None, positive: Code | None
) -> tuple[bool, str, str, str]:
    """The case of `config_problems` that a class is named where a number is predicted."""
    return (
        task in NUMBER_TASKS and (favourable, positive) != (None, None),
        "a number has no classes",
        "a target of classes for these",
        "remove `dataset.favourable` and `dataset.positive`",
    )


@dataclass(frozen=True)
class DescribedArrays(OwnDataDeclarations):
    """What a config says of images or series, wherever these come from.

    task : what is predicted; several target columns are several labels.
    target : the column to predict, or several. entity : column that names what several of them
        are of (a patient, a machine), which never falls in several parts and counts as one
        observation.
    groups : columns to compare groups of people by. compare_by : columns that cut the data into
        parts that are no groups of people, such as a site or a machine.
    """

    task: TaskName = "classification"
    groups: tuple[str, ...] = ()
    compare_by: tuple[str, ...] = ()
    target: str | tuple[str, ...] = "label"
    entity: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def entities(self) -> tuple[str, ...]:
        """The column of entities, if there is one."""
        return () if self.entity is None else (self.entity,)

    def together(self, frame: pd.DataFrame, what: Literal["images", "series"]) -> GroupConstraint:
        """That what is of one entity stays in one part; nothing without entities."""
        if self.entity is None:
            return GroupConstraint(possible=row_metadata.possible_entity(frame, None))
        units = np.unique(frame[self.entity].astype(str), return_inverse=True)[1]
        method = message(f"preparation.split.{what}_together", entity=self.entity)
        return GroupConstraint(units=units.astype(np.int64), method=method, entity=self.entity)

    @property
    def compared(self) -> dict[str, AttributeKind]:
        """{column: what it cuts the data into}, those of people first."""
        people: dict[str, AttributeKind] = dict.fromkeys(self.groups, "person")
        return people | dict.fromkeys(
            [column for column in self.compare_by if column not in people], "other"
        )

    def groups_of(
        self, frame: pd.DataFrame, file: str, decimal: str = "."
    ) -> tuple[tuple[Attribute, ...], dict[str, Ints]]:
        """The attributes by the compared columns, and {name: (row,) position of the level}."""
        return column_declarations.grouped(
            attribute_of(frame[name], kind, file, decimal) for name, kind in self.compared.items()
        )

    def task_problems(self, targets: Sequence[str]) -> list[str]:
        several = self.task == "multi_label"
        return column_declarations.config_problems(
            (
                several and len(targets) < 2,
                "task multi_label with one target",
                "several target columns",
                "name all columns: `dataset.target=[a,b]`",
            ),
            (
                not several and len(targets) > 1,
                f"several target columns with task {self.task}",
                "one column",
                "set `dataset.task=multi_label`, or name one column",
            ),
            (
                self.report_label is not None and self.report_label not in targets,
                f"`dataset.report_label` is `{self.report_label}`",
                "a target",
                "choose one of the target columns",
            ),
            classes_of_a_number(self.task, self.favourable, self.positive),
        )

    def answer(
        self, frame: pd.DataFrame, targets: Sequence[str], file: str, decimal: str = "."
    ) -> EncodedTarget:
        """The target and the labels of all instances, from columns of a table.

        Raises DataError: empty cells, one class, too many classes, or values that are not of the
        task.
        """
        return read_target(frame, {}, self.rule_of(self.task, targets), file, decimal)


def attribute_of(
    column: pd.Series, kind: AttributeKind, where: str, decimal: str = "."
) -> tuple[Attribute, Ints]:
    """A grouping by the values of a column; missing values, and those that say so, are unknown.

    Raises DataError: more values than groups can be compared.
    """
    name = str(column.name)
    cells = read_cells(column, name, decimal)
    codes = observed(cells)
    if len(codes) > column_declarations.MOST_GROUPS:
        raise column_declarations.too_many_groups(where, name, len(codes))
    named = {code: column_declarations.default_label(code) for code in codes}
    known = {code: n for code, n in named.items() if not column_declarations.says_unknown(n)}
    attribute = Attribute(name, readable_name(name), tuple(known.values()), kind=kind)
    return attribute, cells.among(list(known))


@dataclass(frozen=True)
class TableDeclarations(OwnDataDeclarations):
    """What a config says of rows of any kind, wherever they come from; all of it may be left out.

    target : the column to predict, or several columns of yes and no. task : what is predicted;
        auto takes several columns as several labels, a number of more than 20 different values as
        a number, and everything else as classes.
    sensitive : columns to compare groups of people by. compare_by : columns that cut the data into
        parts that are no groups of people, such as a site or a topic.
    entity : column that names what several rows are of (a person, a machine), which never falls in
        several parts and counts as one observation; not a feature. time : column of the moment
        that a row comes from, a date or a number; not a feature, but the periods are compared.
    split_by : how rows are shared out: at random, or by time, the latest rows in the test part.
    columns : what is known about single columns, see `ColumnDeclaration`.

    The other fields are those of `OwnDataDeclarations`.
    """

    target: str | tuple[str, ...] | None = None
    task: Literal["auto"] | TaskName = "auto"
    sensitive: tuple[str, ...] = ()
    compare_by: tuple[str, ...] = ()
    columns: dict[str, column_declarations.ColumnDeclaration] = field(default_factory=dict)
    entity: str | None = None
    time: str | None = None
    split_by: row_metadata.SplitBy = "random"

    @property
    def metadata_columns(self) -> dict[str, str]:
        """{field: column} of what is known of rows beside their features."""
        named = {"entity": self.entity, "time": self.time}
        return {role: column for role, column in named.items() if column is not None}

    def metadata(
        self, frame: pd.DataFrame, file: str, decimal: str, rows: Ints | None = None
    ) -> row_metadata.RowMetadata:
        """Entities and moments of the rows, as far as columns are named for them.

        rows : (row,) positions in the file, where only some of its rows were read.

        Raises DataError: too few entities, or a split by time with moments missing.
        """
        return row_metadata.read_metadata(
            frame, self.entity, self.time, self.split_by, (file, decimal), rows
        )

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict, as far as the config names them."""
        if self.target is None:
            return ()
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)

    @property
    def target_rule(self) -> TargetRule:
        """What is declared about the target; some target must be declared."""
        return self.rule_of("multi_label" if len(self.targets) > 1 else self.task, self.targets)

    @property
    def declared_columns(self) -> dict[str, column_declarations.ColumnDeclaration]:
        """What is known of single columns, those that the rows are compared by marked."""
        columns = {
            name: column_declarations.ColumnDeclaration() for name in self.compared
        } | self.columns
        for name in self.sensitive:
            columns[name] = replace(columns[name], sensitive=True)
        for name in self.compare_by:
            columns[name] = replace(columns[name], compare_by=True)
        return columns

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns that rows are compared by, those of people first."""
        return (*self.sensitive, *self.compare_by)

    def named_columns(
        self, first: Iterable[tuple[str, str]], left_out: Iterable[tuple[str, str]] = ()
    ) -> list[tuple[str, str]]:
        """(field, column) of all that the config names; first, left_out : of the other fields."""
        return [
            *first,
            *(("sensitive", name) for name in self.sensitive),
            *(("compare_by", name) for name in self.compare_by),
            *left_out,
            *(("columns", name) for name in self.columns),
            *self.metadata_columns.items(),
        ]

    @property
    def kinds_of_groups(self) -> frozenset[AttributeKind]:
        """What the declared columns cut the rows into."""
        kinds = {column.groups for column in self.declared_columns.values()}
        periods: set[AttributeKind] = set() if self.time is None else {"other"}
        return frozenset(kind for kind in kinds if kind is not None) | periods

    def target_problems(self) -> list[str]:
        names = self.targets
        return column_declarations.config_problems(
            (
                len(names) > 1 and self.task not in {"auto", "multi_label"},
                f"several target columns with task {self.task}",
                "one column",
                "name one column, or set `dataset.task=multi_label`",
            ),
            (
                self.task == "multi_label" and len(names) == 1,
                "one target column with task multi_label",
                "several columns",
                "name them all: `dataset.target=[a,b]`; one column of yes and no is two classes",
            ),
            (
                self.report_label is not None and self.report_label not in names,
                f"`dataset.report_label` is `{self.report_label}`",
                ", ".join(f"`{name}`" for name in names) or "several target columns",
                "choose one of the target columns",
            ),
            classes_of_a_number(self.task, self.favourable, self.positive),
            (
                self.split_by == "time" and self.time is None,
                "`dataset.split_by` is time, and no column says when",
                "a column of dates or numbers",
                "name it: `dataset.time=…`",
            ),
            (
                self.split_by == "time" and self.entity is not None,
                "a split by time beside entities, whose rows it would tear apart",
                "one of the two",
                "remove `dataset.entity`, or set `dataset.split_by=random`",
            ),
            (
                self.entity is not None and self.entity == self.time,
                "one column for `dataset.entity` and `dataset.time`",
                "two columns",
                "name another one",
            ),
        )


#: Most different values of a column that is no number, where nobody says how many.
MOST_VALUES = 100


@dataclass(frozen=True)
class DeclaredTable(TableDeclarations):
    """What a config says of a table beyond `TableDeclarations`.

    use_sensitive : whether the model is given the columns that groups are compared by.
    id_column, drop : columns that are not features. also_inputs : columns that a model which came
        fitted reads, whatever else is declared of them (`entity`, `time`, `use_sensitive=false`):
        they are features as well, and explained as such.
    relations : what holds between the columns of every row, such as `paid <= owed`, in the grammar
        of `row_conditions`; counted in the data, and kept by every change that is proposed or
        asked about.
    """

    use_sensitive: bool = True
    id_column: str | None = None
    drop: tuple[str, ...] = ()
    also_inputs: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    max_categories: Annotated[int, Field(ge=2, le=MOST_CATEGORIES)] = MOST_VALUES

    @property
    def left_out(self) -> list[str]:
        """Columns that are not features, as the config asks."""
        ids = [self.id_column] if self.id_column is not None else []
        named = dict.fromkeys([*self.drop, *ids, *self.metadata_columns.values()])
        return [name for name in named if name not in self.also_inputs]

    @property
    def declared_columns(self) -> dict[str, column_declarations.ColumnDeclaration]:
        """With those that are inputs whatever they look like."""
        plain = column_declarations.ColumnDeclaration()
        return dict.fromkeys(self.also_inputs, plain) | super().declared_columns

    @property
    def own_columns(self) -> list[tuple[str, str]]:
        """(field, column) of those that are named here alone."""
        fields = {"drop": self.drop, "also_inputs": self.also_inputs}
        return [(field, name) for field, names in fields.items() for name in names]


# What data sets from one file of the user's own have in common.

#: Reads one column of a file by its name, and tells the sign before its decimals.
Reader = Callable[[Path, FileForm, str], tuple["pd.Series", Decimal]]


def task_in_file(path: Path, form: FileForm, rule: TargetRule, read: Reader) -> TaskName:
    """As declared, else as the column shows it; what cannot be read is told by `problems`."""
    if rule.task != "auto":
        return rule.task
    try:
        seen = path.stat()
        stamp = (str(path.absolute()), seen.st_size, seen.st_mtime_ns)
        return _task(stamp, form, rule, read)
    except (DataError, OSError):
        return "classification"


@lru_cache(maxsize=8)
def _task(stamp: tuple[str, int, int], form: FileForm, rule: TargetRule, read: Reader) -> TaskName:
    """Asked again only when the file has changed."""
    column, decimal = read(Path(stamp[0]), form, rule.name)
    return task_of(read_cells(column, rule.name, decimal), rule)


@dataclass(frozen=True)
class OwnFile(WrittenFile):
    """A file, and what can be known of it before its rows are read.

    path : the file, from the folder that the command runs in.
    """

    #: Fields that must be set, with what each holds.
    wanted: ClassVar[tuple[tuple[str, str], ...]] = (("path", "the path of a file"),)
    #: Endings of files that can be read besides those of tables.
    also: ClassVar[tuple[str, ...]] = ()

    path: LocalPath | None = None

    def problems(self) -> list[str]:
        """What is wrong, as far as the config, the file's name and its first line can tell."""
        problems = [*column_declarations.not_set(self, self.wanted), *self._rules()]
        if self.path is None:
            return problems
        path = Path(self.path)
        if (problem := file_problem(path, self.also)) is not None:
            return [*problems, problem]
        problems.extend(self._without_sheets(path))
        try:
            return [*problems, *self._unknown_columns(self._names(path))]
        except DataError as error:
            return [*problems, str(error)]

    def _without_sheets(self, path: Path) -> list[str]:
        if self.sheet is None or is_excel(path):
            return []
        return [
            column_declarations.error_text(
                str(path),
                f"`dataset.sheet` is {self.sheet!r}, and `{path.suffix}` files have no sheets",
                "a sheet of a workbook (.xlsx)",
                "remove `dataset.sheet`, or name the workbook in `dataset.path`",
            )
        ]

    def existing(self) -> Path:
        """The file; raises DataError: it is not named, or cannot be a data file."""
        path = Path(str(self.path))
        if problem := "; ".join(column_declarations.not_set(self, self.wanted)) or file_problem(
            path, self.also
        ):
            raise DataError(problem)
        return path

    @property
    def readers(self) -> tuple[str, ...]:
        """Libraries of extras that read the file."""
        return ("openpyxl",) if self.path is not None and is_excel(Path(self.path)) else ()

    def source_digest(self) -> str:
        """SHA-256 of the file; raises as `existing` does."""
        return sha256_file(self.existing(), links=True)

    def _rules(self) -> list[str]:
        raise NotImplementedError

    def _names(self, path: Path) -> list[str]:
        return read_header(path, self.form)

    def _unknown_columns(self, names: Sequence[str]) -> list[str]:
        raise NotImplementedError
