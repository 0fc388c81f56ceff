"""Tables as pipe tables that Quarto and pandoc read alike, and as CSV beside the report."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from markupsafe import Markup

from deepseek_report.artifacts.message import Verbatim
from deepseek_report.artifacts.rounding import TEXT, bounded
from deepseek_report.rendering.markdown import Markdown, one_line, plain
from deepseek_report.sections.shared.tables import DASH
from deepseek_report.wording.words import Wording

#: A row may hold `<column>__sort`: the number or text that the column is ordered by.
SORT = "__sort"
_NUMERIC = re.compile(
    r"^[+\u2212-]?\s?(?:[A-Z]{0,3}[$€£¥]\s?)?[<≤≈]?\s?\d[\d\s.,\u2013\u2212%±()/×-]*$"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class RenderedColumn:
    """One column: the key in the rows, what its head says, and on which side it is aligned."""

    key: str
    heading: str | Markup
    numeric: bool


def as_rows(rows: Any) -> list[dict[str, Any]]:
    """Rows of a data frame or of a sequence of mappings."""
    if hasattr(rows, "to_dict"):
        return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
    return [dict(row) for row in rows]


def choose_columns(
    rows: Sequence[Mapping[str, Any]], columns: Any, words: Wording
) -> list[RenderedColumn]:
    """The columns asked for: {key: heading}, a list of keys, or None for all keys of the rows."""
    if columns is None:
        columns = [key for key in (rows[0] if rows else ()) if not key.endswith(SORT)]
    if not isinstance(columns, Mapping):
        columns = {key: key.replace("_", " ").capitalize() for key in columns}
    return [
        RenderedColumn(key, head, _is_numeric(rows, key, words)) for key, head in columns.items()
    ]


def _is_numeric(rows: Sequence[Mapping[str, Any]], key: str, words: Wording) -> bool:
    texts = [text for row in rows if (text := cell_text(row.get(key), words)) not in {"", DASH}]
    numeric = [_NUMERIC.match(words.numbers.without_words(text)) for text in texts]
    return bool(texts) and sum(map(bool, numeric)) >= 0.5 * len(texts)


def cell_text(value: Any, words: Wording) -> str:
    """A cell as a person reads it; a bare number gets three significant digits."""
    if value is None or (isinstance(value, Real) and math.isnan(float(value))):
        return DASH
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return words.text("cells.yes" if value else "cells.no")
    if isinstance(value, Integral):
        return words.numbers.count(int(value))
    if isinstance(value, Real):
        return words.numbers.number(float(value))
    return bounded(str(value), TEXT)


def pipe_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[RenderedColumn], words: Wording
) -> Markdown:
    """A pipe table; the dashes below the heads say how wide the columns are to one another."""
    cells = [[_cell(row, column.key, words) for column in columns] for row in rows]
    heads = [one_line(Markdown.escape(column.heading)) for column in columns]
    rule = [
        _rule(column, [head, *(line[at] for line in cells)])
        for at, (column, head) in enumerate(zip(columns, heads, strict=True))
    ]
    lines = [_line(heads), _line(rule), *(_line(line) for line in cells)]
    return Markdown("\n".join(lines))


def _cell(row: Mapping[str, Any], key: str, words: Wording) -> str:
    value = row.get(key)
    text = one_line(value if isinstance(value, Verbatim | Markup) else cell_text(value, words))
    order = row.get(key + SORT)
    if order is None:
        return text
    return f'[{text}]{{data-sort="{Markdown.escape(str(order))}"}}'


def _rule(column: RenderedColumn, cells: Iterable[str]) -> str:
    longest = max(len(re.sub(r"\]\{[^}]*\}|\\", "", cell)) for cell in cells)
    dashes = "-" * min(max(longest, 4), 48)
    return f"{dashes}:" if column.numeric else f":{dashes}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def csv_text(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> str:
    """The rows as CSV; text that a spreadsheet would run as a formula is quoted with `'`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_csv_cell(key) for key in keys])
    writer.writerows([_csv_cell(row.get(key)) for key in keys] for row in rows)
    return stream.getvalue()


def _csv_cell(value: Any) -> Any:
    if value is None or (isinstance(value, Real) and math.isnan(float(value))):
        return ""
    if isinstance(value, list | tuple):
        value = ", ".join(value)
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def plain_cell(value: Any, words: Wording) -> str:
    """A cell as plain text: what it says in the report, without marks."""
    if isinstance(value, list | tuple):
        value = ", ".join(value)
    return plain(value) if isinstance(value, str) else cell_text(value, words)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
