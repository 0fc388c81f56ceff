"""Writes the tables of measurements into docs/contracts.md, from what the metrics declare.

`python scripts/table_docs.py` writes them; with `--check` it only says whether they are stale.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import yaml

from deepseek_report.artifacts.table import Column, TableType, TableTypes, table_types

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "contracts.md"
_START = "<!-- tables: written by scripts/table_docs.py -->"
_END = "<!-- end of tables -->"


def declared_tables(conf: Path = ROOT / "conf") -> dict[str, TableTypes]:
    """{key of a shipped metric: its tables}, of those that declare any."""
    found = {}
    for path in sorted((conf / "metrics").glob("*.yaml")):
        for key, settings in yaml.safe_load(path.read_text("utf-8")).items():
            if not isinstance(settings, Mapping) or "_target_" not in settings:
                continue
            module, _, name = str(settings["_target_"]).rpartition(".")
            if types := table_types(getattr(import_module(module), name)):
                found[str(key)] = types
    return found


def written(tables: Mapping[str, TableTypes]) -> str:
    """The tables as Markdown, one row for each."""
    lines = ["| metric | table | columns | shown in |", "|---|---|---|---|"]
    for metric, types in tables.items():
        lines += [_line(metric, name, declared) for name, declared in types.items()]
    return "\n".join(lines)


def _line(metric: str, name: str, declared: TableType) -> str:
    columns = ", ".join(_told(column) for column in declared.columns)
    return f"| {metric} | `{name}` | {columns} | {declared.section or '–'} |"


def _told(column: Column) -> str:
    """`observed: share (low, high)`, `features: text, may be missing`."""
    ends = f" ({column.low}, {column.high})" if column.low else ""
    kind = column.kind.replace("_", " ")
    return f"{column.key}: {kind}{ends}{', may be missing' if column.optional else ''}"


def page_with(text: str, tables: str) -> str:
    """The page with these tables between its marks."""
    block = re.compile(f"{re.escape(_START)}.*?{re.escape(_END)}", re.DOTALL)
    return block.sub(lambda _: f"{_START}\n\n{tables}\n\n{_END}", text)


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or say that it is stale; the exit code is 1 then."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    text = PAGE.read_text("utf-8")
    new = page_with(text, written(declared_tables()))
    if new == text:
        return 0
    if check:
        sys.stderr.write(f"{PAGE.relative_to(ROOT)}: run python scripts/table_docs.py\n")
        return 1
    PAGE.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
