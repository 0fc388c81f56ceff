"""Base of tables that ship: what is known of each stands in a YAML, its codebook.

`taiwan_credit`, which the default experiment is on, is one; the example tables are others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, TypeAdapter

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import PEOPLE, AttributeKind, TaskName
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.assemble import TableSource, assemble, encode
from deepseek_report.datasets.assembly.cell_encoding import TargetRule
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
from deepseek_report.datasets.data_card import Description, shipped_description
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.table_file import file_problem, read_table
from deepseek_report.datasets.splitting import Shares, SplitRule

if TYPE_CHECKING:
    import pandas as pd

#: What a table holds, the name of its source, and the SHA-256 of that.
Read = tuple["pd.DataFrame", str, str]


@dataclass(frozen=True)
class Known:
    """What a YAML says of a table; `digest` is the SHA-256 of the YAML."""

    description: Description
    columns: dict[str, ColumnDeclaration]
    digest: str


@dataclass(frozen=True)
class _Written:
    """What stands in the YAML of a table."""

    origin: dict[str, str]
    limits: tuple[str, ...]
    columns: dict[str, ColumnDeclaration]


@cache
def known(codebook: Path) -> Known:
    """What is known of a table, from a YAML that is called as the table is."""
    written = TypeAdapter(_Written).validate_python(bounded_yaml.load(codebook))
    about = shipped_description(codebook.stem, limits=written.limits, **written.origin)
    return Known(about, written.columns, sha256_file(codebook, links=True))


def load_table(
    read: Callable[[], pd.DataFrame],
    source: TableSource,
    rule: SplitRule,
    seed: int,
    progress: Progress,
    use_sensitive: bool = True,
) -> Dataset:
    """Read a table whose columns are known, and make a data set of it, step by step.

    Raises DataError: the table cannot be used as declared.
    """
    progress.start("Load the data", 3)
    frame = read()
    progress.advance()
    table = encode(frame, source)
    progress.advance()
    dataset = assemble(table, source, rule, seed, use_sensitive)
    progress.advance()
    return dataset


@dataclass(frozen=True)
class KnownTable(Shares, ABC):
    """Base of the tables whose columns are known.

    codebook : the YAML of what is known of it, called as the table is. target, task : what is
    predicted. groups : what its columns cut the rows into. notes : what the card says of its
    preparation.
    """

    codebook: ClassVar[Path]
    target: ClassVar[TargetRule]
    task: ClassVar[TaskName] = "classification"
    groups: ClassVar[frozenset[AttributeKind]] = PEOPLE
    notes: ClassVar[tuple[Message, ...]] = ()

    rows: Annotated[int, Field(ge=100)] | None = None

    def problems(self) -> list[str]:
        return self.rule.problems()

    @property
    def nature(self) -> DataTraits:
        return DataTraits("table", self.task, groups=self.groups)

    @property
    def sector(self) -> str:
        return known(self.codebook).description.sector

    def source_digest(self) -> str:
        """SHA-256 of the files and of what is known of them."""
        return self._digest(self._files_digest())

    def _digest(self, files: str) -> str:
        return sha256(f"{files} {known(self.codebook).digest}".encode()).hexdigest()

    def _load(
        self,
        seed: int,
        progress: Progress,
        *,
        drop: tuple[str, ...] = (),
        use_sensitive: bool = True,
        relations: tuple[str, ...] = (),
    ) -> Dataset:
        about = known(self.codebook)
        frame, file, digest = self._read()
        labels = [str(about.columns[name].label) for name in drop]
        left_out = (message("preparation.left_out", columns=labels),) if drop else ()
        source = TableSource(
            file,
            digest,
            about.description,
            (*self.notes, *left_out),
            relations,
            columns=about.columns,
            target=self.target,
        )
        frame = frame.drop(columns=list(drop))
        dataset = load_table(lambda: frame, source, self.rule, seed, progress, use_sensitive)
        return replace(dataset, read=self._digest(digest))

    @abstractmethod
    def load(self, seed: int, progress: Progress) -> Dataset:
        """As `_load`, with what is chosen of the columns."""

    @abstractmethod
    def _files_digest(self) -> str:
        """SHA-256 of what `_read` reads."""

    @abstractmethod
    def _read(self) -> Read:
        """The table, in the units that people know."""


@dataclass(frozen=True)
class ShippedTable(KnownTable):
    """Base of the tables that travel with the package, each a Parquet file beside its codebook."""

    @property
    def _file(self) -> Path:
        return self.codebook.with_suffix(".parquet")

    def problems(self) -> list[str]:
        missing = file_problem(self._file)
        return [*([missing] if missing else []), *super().problems()]

    def _files_digest(self) -> str:
        return sha256_file(self._file, links=True)

    def _read(self) -> Read:
        read = read_table(self._file, FileForm())
        return read.frame, self._file.name, read.sha256
