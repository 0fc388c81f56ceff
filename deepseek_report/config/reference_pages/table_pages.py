"""Writes the tables of measurements into `docs/contracts.md`, from what the metrics declare.

`python -m deepseek_report.config.reference_pages.table_pages FILE`, or `make settings`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import yaml

from deepseek_report.artifacts.protocols.traits import table_types
from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.artifacts.table import Column, TableType, TableTypes

_START = "<!-- tables: written by `make settings` -->"
_END = "<!-- end of tables -->"


def declared_tables() -> dict[str, TableTypes]:
    """{key of a shipped metric: its tables}, of those that declare any."""
    declared: dict[str, TableTypes] = {}
    for path in sorted((shipped("conf") / "metrics").glob("*.yaml")):
        for key, settings in yaml.safe_load(path.read_text("utf-8")).items():
            if not isinstance(settings, Mapping) or "_target_" not in settings:
                continue
            module, _, name = str(settings["_target_"]).rpartition(".")
            if types := table_types(getattr(import_module(module), name)):
                declared[str(key)] = types
    return declared


def written(tables: Mapping[str, TableTypes]) -> str:
    """The tables as Markdown, one row for each."""
    lines = ["| metric | table | columns | shown in |", "|---|---|---|---|"]
    for metric, types in tables.items():
        lines += [_line(metric, name, declared) for name, declared in types.items()]
    return "\n".join(lines)


def _line(metric: str, name: str, declared: TableType) -> str:
    columns = ", ".join(_described(column) for column in declared.columns)
    return f"| {metric} | `{name}` | {columns} | {declared.section or '–'} |"


def _described(column: Column) -> str:
    """`observed: share (low, high)`, `features: text, may be missing`."""
    ends = f" ({column.low}, {column.high})" if column.low else ""
    kind = column.kind.replace("_", " ")
    return f"{column.key}: {kind}{ends}{', may be missing' if column.optional else ''}"


def page_with(text: str, tables: str) -> str:
    """The page with these tables between its marks."""
    block = re.compile(f"{re.escape(_START)}.*?{re.escape(_END)}", re.DOTALL)
    return block.sub(lambda _: f"{_START}\n\n{tables}\n\n{_END}", text)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    new = page_with(page.read_text("utf-8"), written(declared_tables()))
    page.write_text(new, encoding="utf-8", newline="\n")
