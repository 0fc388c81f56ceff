"""A table that is fetched once and then read from a cache, with what its publisher says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report.artifacts.protocols.datasets import Nature
from deepseek_report.datasets.columns import message
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Fetched:
    """A Parquet file in a cache; the publisher's facts stand beside it as JSON."""

    file: Path

    @property
    def is_there(self) -> bool:
        return self.file.exists() and self._facts_file.exists()

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._facts_file.read_text("utf-8"))
        return found

    def keep(self, frame: pd.DataFrame, facts: dict[str, Any]) -> None:
        """Write both; the table last and in one move, so that it is whole or absent."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._facts_file.write_text(json.dumps(facts, ensure_ascii=False, indent=1), "utf-8")
        partial = self.file.with_suffix(".partial")
        frame.to_parquet(partial, index=False)
        partial.replace(self.file)

    @property
    def _facts_file(self) -> Path:
        return self.file.with_suffix(".json")


def file_name(asked: str) -> str:
    """What was asked for, as the name of a file."""
    return "".join(one if one.isalnum() or one in "-." else "_" for one in asked)


def require_assumed(assumed: Nature, found: Nature, where: str, what: str) -> None:
    """Refuse to go on with a plan that was made for another task.

    Raises
    ------
    DataError : the target of what was fetched turned out to be of another task than was assumed.
    """
    if found == assumed:
        return
    problem = f"the target turned out to be of task {found.task}, which was not known before"
    do = f"run again, now that {what} in the cache, or set `dataset.task={found.task}`"
    raise DataError(message(where, problem, "classes", do))
