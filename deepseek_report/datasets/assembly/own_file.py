"""What data sets from one file of the user's own have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.schema import TaskName
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.column_declarations import error_text, not_set
from deepseek_report.datasets.assembly.targets import TargetRule, task_of
from deepseek_report.datasets.readers.cells import read_cells
from deepseek_report.datasets.readers.excel import is_excel
from deepseek_report.datasets.readers.file_form import Decimal, FileForm, WrittenFile
from deepseek_report.datasets.readers.table_file import file_problem, read_header
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


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

    path: str | None = None

    def problems(self) -> list[str]:
        """What is wrong, as far as the config, the file's name and its first line can tell."""
        problems = [*not_set(self, self.wanted), *self._rules()]
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
            error_text(
                str(path),
                f"`dataset.sheet` is {self.sheet!r}, and `{path.suffix}` files have no sheets",
                "a sheet of a workbook (.xlsx)",
                "remove `dataset.sheet`, or name the workbook in `dataset.path`",
            )
        ]

    def existing(self) -> Path:
        """The file; raises DataError: it is not named, or cannot be a data file."""
        path = Path(str(self.path))
        if problem := "; ".join(not_set(self, self.wanted)) or file_problem(path, self.also):
            raise DataError(problem)
        return path

    def source_digest(self) -> str:
        """SHA-256 of the file; raises as `existing` does."""
        return sha256_file(self.existing(), links=True)

    def _rules(self) -> list[str]:
        raise NotImplementedError

    def _names(self, path: Path) -> list[str]:
        return read_header(path, self.form)

    def _unknown_columns(self, names: Sequence[str]) -> list[str]:
        raise NotImplementedError
