"""What a config declares of any table: target, groups, columns, split, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.schema import AttributeKind, TaskName
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration, config_problems
from deepseek_report.datasets.assembly.data_declarations import (
    OwnDataDeclarations,
    classes_of_a_number,
)
from deepseek_report.datasets.assembly.feature_encoding import MOST_CATEGORIES
from deepseek_report.datasets.assembly.row_metadata import RowMetadata, SplitBy, read_metadata
from deepseek_report.datasets.assembly.targets import TargetRule

if TYPE_CHECKING:
    import pandas as pd


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
    columns: dict[str, ColumnDeclaration] = field(default_factory=dict)
    entity: str | None = None
    time: str | None = None
    split_by: SplitBy = "random"

    @property
    def metadata_columns(self) -> dict[str, str]:
        """{field: column} of what is known of rows beside their features."""
        named = {"entity": self.entity, "time": self.time}
        return {role: column for role, column in named.items() if column is not None}

    def metadata(
        self, frame: pd.DataFrame, file: str, decimal: str, rows: Ints | None = None
    ) -> RowMetadata:
        """Entities and moments of the rows, as far as columns are named for them.

        Parameters
        ----------
        rows : (row,) positions in the file, where only some of its rows were read.

        Raises
        ------
        DataError : too few entities, or a split by time with moments missing.
        """
        return read_metadata(frame, self.entity, self.time, self.split_by, (file, decimal), rows)

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict, as far as the config names them."""
        if self.target is None:
            return ()
        return (self.target,) if isinstance(self.target, str) else tuple(self.target)

    @property
    def target_rule(self) -> TargetRule:
        """What is declared about the target; some target must be declared."""
        several = len(self.targets) > 1 or self.task == "multi_label"
        return TargetRule(
            self.report_label or self.targets[0],
            self.favourable,
            self.positive,
            self.labels_are_decisions,
            task="multi_label" if several else self.task,
            unit=self.unit,
            labels=self.targets if several else (),
            declared_by="config",
            max_classes=self.max_classes,
        )

    @property
    def declared_columns(self) -> dict[str, ColumnDeclaration]:
        """What is known of single columns, those that the rows are compared by marked."""
        columns = dict(self.columns)
        for name in self.sensitive:
            columns[name] = replace(columns.get(name, ColumnDeclaration()), sensitive=True)
        for name in self.compare_by:
            columns[name] = replace(columns.get(name, ColumnDeclaration()), compare_by=True)
        return columns

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns that rows are compared by, those of people first."""
        return (*self.sensitive, *self.compare_by)

    @property
    def kinds_of_groups(self) -> frozenset[AttributeKind]:
        """What the declared columns cut the rows into."""
        kinds = {column.groups for column in self.declared_columns.values()}
        periods: set[AttributeKind] = set() if self.time is None else {"other"}
        return frozenset(kind for kind in kinds if kind is not None) | periods

    def target_problems(self) -> list[str]:
        """Settings of the target that contradict one another."""
        names = self.targets
        return config_problems(
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


@dataclass(frozen=True)
class DeclaredTable(TableDeclarations):
    """What a config says of a table beyond `TableDeclarations`.

    use_sensitive : whether the model is given the columns that groups are compared by.
    id_column, drop : columns that are not features.
    relations : what holds between the columns of every row, such as `paid <= owed`, in the grammar
        of `row_conditions`; counted in the data, and kept by every change that is proposed or
        asked about.
    """

    use_sensitive: bool = True
    id_column: str | None = None
    drop: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    max_categories: Annotated[int, Field(ge=2, le=MOST_CATEGORIES)] = 100

    @property
    def left_out(self) -> list[str]:
        """Columns that are not features, as the config asks."""
        ids = [self.id_column] if self.id_column is not None else []
        return list(dict.fromkeys([*self.drop, *ids, *self.metadata_columns.values()]))
