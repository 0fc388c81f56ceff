"""Reading JSON Lines: one object a line, with messages that say which line is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.rounding import count
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.readers.file_bytes import inner_suffix, read_bytes
from deepseek_report.datasets.readers.file_form import FileForm, ReadLimits
from deepseek_report.datasets.readers.table_file import ReadTable
from deepseek_report.datasets.readers.text_table import Decoded, decode

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".jsonl", ".ndjson")


def is_json_lines(path: Path) -> bool:
    """By the ending of the name."""
    return inner_suffix(path) in SUFFIXES


def read_json_lines(path: Path, form: FileForm) -> ReadTable:
    """A column for each key; what an object does not have is missing, blank lines are skipped.

    Raises DataError: a line is no object, the encoding is another one, there is no line, or the
    file holds more than is allowed.
    """
    file = read_bytes(path, form.limits)
    text = decode(file, form)
    frame = _frame(list(_bounded(_objects(text), path, form.limits)), path)
    return ReadTable(frame, file.sha256, form.decimal or ".", text.notes)


def read_keys(path: Path, form: FileForm) -> list[str]:
    """The keys of the first object."""
    text = decode(read_bytes(path, form.limits), form)
    return list(next(_objects(text), {}))


def _frame(rows: list[dict[str, object]], path: Path) -> pd.DataFrame:
    import pandas as pd

    if not rows:
        raise data_error(str(path), "there is no line", "at least one", "export it again")
    return pd.DataFrame(rows)


def _bounded(
    rows: Iterator[dict[str, object]], path: Path, limits: ReadLimits
) -> Iterator[dict[str, object]]:
    """The rows, as long as the table that they make is allowed: each key is a column of all."""
    keys: set[str] = set()
    for position, row in enumerate(rows):
        keys.update(row)
        limits.check("columns", len(keys), str(path), at_least=True)
        limits.check("cells", (position + 1) * len(keys), str(path), at_least=True)
        yield row


def _objects(text: Decoded) -> Iterator[dict[str, object]]:
    for position, line in enumerate(text.lines()):
        if line.strip():
            yield _object(text, position, line)


def _object(text: Decoded, position: int, line: str) -> dict[str, object]:
    where = f"{text.path}, line {count(position + 1)}"
    try:
        value = json.loads(line)
        depth = _depth(value)
    except RecursionError:
        raise text.limits.exceeded("depth", text.limits.depth + 1, where, at_least=True) from None
    except ValueError as error:
        value, depth = str(error), 0
    if not isinstance(value, dict):
        raise data_error(
            str(text.path),
            f"line {count(position + 1)} is no JSON object",
            "one JSON object a line",
            "write one object a line, each with the keys that the config names",
        )
    text.limits.check("depth", depth, where)
    if "\\ud" in line.lower():
        _check_whole(value, where)
    return value


def _depth(value: object) -> int:
    """Levels of objects and lists, the value itself among them."""
    depth, level = 0, [value]
    while level := [inner_value for inner_value in level if isinstance(inner_value, dict | list)]:
        depth += 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _check_whole(record: dict[str, object], where: str) -> None:
    """Refuse half of a character: JSON can write a lone surrogate, which no text file can hold."""
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise data_error(
            where,
            f"it holds half of a character ({half}, a lone surrogate)",
            "whole characters",
            "write the whole character, or leave it out; `\\ufffd` stands for one that is lost",
        ) from None
