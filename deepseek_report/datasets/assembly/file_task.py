"""What the target column of a file is, where the config does not say it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.schema import TaskName
from deepseek_report.datasets.assembly.targets import TargetRule, task_of
from deepseek_report.datasets.readers.cells import read_cells
from deepseek_report.datasets.readers.file_form import Decimal, FileForm
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
