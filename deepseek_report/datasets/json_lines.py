"""Reading JSON Lines: one object a line, with messages that say which line is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report.artifacts.numbers import count
from deepseek_report.datasets.columns import message
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".jsonl", ".ndjson")


def is_json_lines(path: Path) -> bool:
    """By the ending of the name."""
    return path.suffix.lower() in SUFFIXES


def read_json_lines(path: Path, encoding: str = "utf-8") -> pd.DataFrame:
    """A column for each key; what an object does not have is missing, blank lines are skipped.

    Raises
    ------
    DataError : a line is no object, the encoding is another one, or there is no line.
    """
    import pandas as pd

    try:
        lines = path.read_text(encoding).splitlines()
    except (UnicodeError, LookupError) as error:
        found = f"the file is not written in {encoding} ({error})"
        do = "correct `dataset.encoding`, or save the file as UTF-8"
        raise DataError(message(str(path), found, "JSON Lines in that encoding", do)) from None
    rows = [_object(path, i, line) for i, line in enumerate(lines) if line.strip()]
    if not rows:
        raise DataError(message(str(path), "there is no line", "at least one", "export it again"))
    return pd.DataFrame(rows)


def read_keys(path: Path, encoding: str = "utf-8") -> list[str]:
    """The keys of the first object."""
    try:
        with path.open(encoding=encoding) as stream:
            first = next((line for line in stream if line.strip()), "")
    except (UnicodeError, LookupError):
        return [str(name) for name in read_json_lines(path, encoding).columns]
    return list(_object(path, 0, first)) if first else []


def _object(path: Path, position: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        found = str(error)
    if isinstance(found, dict):
        return found
    told = f"line {count(position + 1)} is no JSON object"
    do = "write one object a line, each with the keys that the config names"
    raise DataError(message(str(path), told, "one JSON object a line", do))
