"""Text from data or config as Markdown that shows that very text, in Quarto and in pandoc."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from markupsafe import Markup

from deepseek_report.artifacts.message import Code, Verbatim
from deepseek_report.artifacts.rounding import DASH, TEXT, bounded
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.table_rows import records_of
from deepseek_report.rendering import page_parts
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    import pandas as pd

#: Characters that carry meaning anywhere in a line.
_SPECIAL = re.compile(r"""[\\`*_{}\[\]<>$@|~^#"'&]""")
#: Runs that smart typography or autolinks would change: `--`, `...`, `scheme:rest`.
_RUNS = re.compile(r"-(?=-)|(?<=-)-|\.(?=\.)|(?<=\.)\.|:(?=\S)")
#: What opens a list, a table rule, a heading rule, a div or a caption at the start of a line.
_LEADING = re.compile(
    r"^(?:[-+=:.(!)]|(?:[0-9]+|[A-Za-z]|[ivxlcdm]+|[IVXLCDM]+)[.)](?=\s|$)|[Tt]able:)"
)
#: An escaped character; or a code span, in which a backslash is one.
_ESCAPED = re.compile(r"`[^`]*`|\\([\s\S])")
_WHITE = re.compile(r"[ \t\n]+")
_SPACES = (" ", "\t", "\n")
#: White space other than the blanks that typography means.
_ODD_SPACE = re.compile(r"[^\S \t\n\u00a0\u202f\u2009]")
_NONCHARACTERS = "".join(
    chr(plane << 16 | last) for plane in range(15) for last in (0xFFFE, 0xFFFF)
)
#: Control characters, lone surrogates, private use, marks that reorder text, noncharacters.
_HARMFUL = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\uf8ff\u202a-\u202e\u2066-\u2069"
    rf"\U000f0000-\U0010ffff{_NONCHARACTERS}]"
)
#: Marks between which `document` looks for references; never left in text from data.
REFERENCE = ("\ue000", "\ue001")
#: Likewise of links: before the targets, behind them, and behind the text of the link.
LINK = ("\ue006", "\ue007", "\ue008")


class Markdown(Markup):
    """Text that is Markdown already; anything added to it is escaped as Markdown, not as HTML."""

    __slots__ = ()

    @classmethod
    def escape(cls, s: object, /) -> Markdown:
        """Markdown that shows `s`; what is Markdown already stays as it is.

        What no language translates is code, or says so to whoever translates the page.
        """
        if isinstance(s, Markup):
            return cls(s)
        if isinstance(s, Code):
            return inline_code(s)
        return cls(
            f'[{escape(s)}]{{translate="no"}}' if isinstance(s, Verbatim) else escape(str(s))
        )


def escape(text: str) -> str:
    """Inline Markdown, on one line, whose rendered text is `text`.

    White space collapses to one space, also at the ends; control and direction-changing
    characters become U+FFFD, so that a
    reader sees that something was there.
    """
    text = clean(text)
    line = _WHITE.sub(" ", text).strip(" ")
    line = _SPECIAL.sub(lambda match: "\\" + match[0], line)
    line = _RUNS.sub(lambda match: "\\" + match[0], line)
    line = _LEADING.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", line)
    before = " " if text[:1] in _SPACES else ""
    return before + line + (" " if line and text[-1:] in _SPACES else "")


def clean(text: str) -> str:
    """The text without characters that no document may hold or that reorder what is read."""
    return _HARMFUL.sub("\ufffd", _ODD_SPACE.sub(" ", text))


def caption(text: str) -> Markdown:
    """Markdown for the caption of a table, from text or Markdown.

    Quarto looks for attributes in a caption and takes a word that begins with a brace, escaped or
    not, for their beginning; a brace inside of a span it leaves alone.
    """
    return _with_braces(text, "[&#123;]{.brace}")


def plain_braces(text: str) -> Markdown:
    """Markdown for the title of a figure, or for a text inside of an attribute."""
    return _with_braces(text, "&#123;")


def _with_braces(text: str, opening: str) -> Markdown:
    written = {"{": opening, "}": "&#125;"}
    return Markdown(
        _ESCAPED.sub(lambda match: written.get(match[1] or "", match[0]), Markdown.escape(text))
    )


def inline_code(text: str) -> Markdown:
    """The text in a code span; where Quarto would read a shortcode in it, an escaped span."""
    line = " ".join(clean(text).split())
    if not line:
        return Markdown("")
    if "{{" in line or "`" in line or "|" in line:
        return Markdown(f"[{escape(line)}]{{.code}}")
    return Markdown(f"`{line}`")


#: A block of code; or the opening of a callout with its title.
_CALLOUT = re.compile(
    r"^(`{3,})[^\n]*\n.*?^\1$|^(:{3,} \{[^\n]*)\.callout-([^\n]*)(?:\s*\n#+ ([^\n]*))?$",
    re.MULTILINE | re.DOTALL,
)


def inner(text: str) -> Markdown:
    """Markdown that may stand inside of a callout: Quarto writes no DOCX with one in another.

    A callout becomes a block of a class such as `inner-note`, its title a span `inner-title`.
    """

    def written(match: re.Match[str]) -> str:
        code, opening, rest, title = match.groups()
        if code:
            return match[0]
        named = f"\n[{title}]{{.inner-title}}\n" if title else ""
        return f"{opening}.inner-{rest}{named}"

    return Markdown(_CALLOUT.sub(written, Markdown.escape(text)))


def code_block(text: str, language: str = "text") -> Markdown:
    """The text as a fenced block in which Quarto reads no shortcodes."""
    lines = "\n".join(clean(line).replace("\t", "    ") for line in text.splitlines())
    longest = max((len(run) for run in re.findall(r"`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    name = re.sub(r"[^A-Za-z0-9]", "", language) or "text"
    return Markdown(f'\n\n{fence} {{.{name} shortcodes="false"}}\n{lines}\n{fence}\n\n')


def slug(text: str) -> str:
    """The text as an identifier: letters, digits and hyphens, beginning with a letter."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return name if name[:1].isalpha() else f"x-{name}".rstrip("-")


def reference(kind: str, name: str) -> Markdown:
    """A reference to a figure, table or section, resolved once the whole document is known."""
    return Markdown(f"{REFERENCE[0]}{kind}-{slug(name)}{REFERENCE[1]}")


def opening(kind: str, name: str) -> Markdown:
    """The beginning `{#kind-name` of attributes; `{#` alone would open a comment of Jinja."""
    return Markdown(f"{{#{kind}-{slug(name)}")


def anchor(kind: str, name: str) -> Markdown:
    """The attribute `{#kind-name}` of a heading."""
    return opening(kind, name) + Markdown("}")


def one_line(text: str) -> Markdown:
    """Markdown without line breaks, as a table cell or a heading needs it."""
    return Markdown(re.sub(r"[ \t]*\n\s*", " ", Markdown.escape(text)).strip(" \n"))


def file_link(path: str) -> Markdown:
    """A link to a file of the run folder, named by its path; in print the path alone stands."""
    return Markdown(f"[{inline_code(path)}]({path}){{.file}}")


def plain(text: str) -> str:
    """The text of a caption or heading without the marks of Markdown, if it is Markdown."""
    marks = r"\]\{[^}]*\}|[\[\\`*\ue000\ue001]"
    return re.sub(marks, "", str(text)) if isinstance(text, Markup) else clean(text)


# Tables as pipe tables that Quarto and pandoc read alike, and as files beside the report.

RowsOfTable: TypeAlias = "pd.DataFrame | Iterable[Mapping[str, object]]"
#: {key: heading}, a list of keys, or None for all keys of the rows.
Heads: TypeAlias = Mapping[str, str] | Iterable[str] | None
#: A row may hold `<column>__sort`: the number or text that the column is ordered by.
SORT = "__sort"
_NUMERIC = re.compile(
    r"^[+\u2212-]?\s?(?:[A-Z]{0,3}[$€£¥]\s?)?[<≤≈]?\s?\d[\d\s.,\u2013\u2212%±()/×-]*$"
)
_DATE = re.compile(r"^\d{4}-\d{2}(?:-\d{2})?(?:\D|$)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class RenderedColumn:
    """One column: the key in the rows, what its head says, and on which side it is aligned."""

    key: str
    heading: str | Markup
    numeric: bool


def as_rows(rows: RowsOfTable) -> list[dict[str, object]]:
    """Rows of a data frame or of a sequence of mappings."""
    if hasattr(rows, "to_dict"):
        return [{str(k): v for k, v in row.items()} for row in records_of(rows)]
    return [dict(row) for row in rows]


def choose_columns(
    rows: Sequence[Mapping[str, object]], columns: Heads, words: Wording
) -> list[RenderedColumn]:
    """The columns asked for."""
    if columns is None:
        columns = [key for key in (rows[0] if rows else ()) if not key.endswith(SORT)]
    if not isinstance(columns, Mapping):
        columns = {key: key.replace("_", " ").capitalize() for key in columns}

    def is_numeric(key: str) -> bool:
        texts = [text for row in rows if (text := cell_text(row.get(key), words)) not in {"", DASH}]
        numbers = [
            _NUMERIC.match(words.numbers.without_words(text)) and not _DATE.match(text)
            for text in texts
        ]
        return bool(texts) and sum(map(bool, numbers)) >= 0.5 * len(texts)

    return [RenderedColumn(key, head, is_numeric(key)) for key, head in columns.items()]


def cell_text(value: object, words: Wording) -> str:
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
    rows: Sequence[Mapping[str, object]], columns: Sequence[RenderedColumn], words: Wording
) -> Markdown:
    """A pipe table; the dashes below the heads say how wide the columns are to one another."""
    cells = [[_cell(row, column.key, words) for column in columns] for row in rows]
    heads: list[str] = [one_line(Markdown.escape(column.heading)) for column in columns]
    upright = zip(columns, zip(heads, *cells, strict=True), strict=True)
    rule = [_rule(column, texts) for column, texts in upright]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *cells)))


def _cell(row: Mapping[str, object], key: str, words: Wording) -> str:
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


def csv_text(rows: Sequence[Mapping[str, object]], keys: Sequence[str]) -> str:
    """The rows as CSV; text that a spreadsheet would run as a formula is quoted with `'`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_csv_cell(key) for key in keys])
    writer.writerows([_csv_cell(row.get(key)) for key in keys] for row in rows)
    return stream.getvalue()


def _csv_cell(value: object) -> object:
    if value is None or (isinstance(value, Real) and math.isnan(float(value))):
        return ""
    if isinstance(value, list | tuple):
        value = ", ".join(value)
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _reads_as_number(text) else text


def plain_cell(value: object, words: Wording) -> str:
    """A cell as plain text: what it says in the report, without marks."""
    if isinstance(value, list | tuple):
        value = ", ".join(value)
    return plain(value) if isinstance(value, str) else cell_text(value, words)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class FiledTable:
    """A whole table, to be written beside the report: CSV for machines, a plain page for people.

    The page is one file without scripts; every cell is escaped as HTML.

    name : of the files, without an ending. title : plain text.
    """

    name: str
    title: str
    rows: Sequence[Mapping[str, object]]
    columns: Sequence[RenderedColumn]

    def __bool__(self) -> bool:
        return bool(self.rows and self.columns)

    @property
    def csv(self) -> str:
        """The path of the CSV within the run folder."""
        return f"tables/{self.name}.csv"

    @property
    def page(self) -> str:
        """The path of the page within the run folder."""
        return f"tables/{self.name}.html"

    def write_csv(self, folder: Path) -> None:
        keys = [column.key for column in self.columns]
        plain_files.write_text(folder / self.csv, csv_text(self.rows, keys))

    def write_page(self, folder: Path, words: Wording, language: str) -> None:
        """Write the table as a page of its own."""
        page = page_parts.template("table.html").render(
            title=self.title,
            language=language,
            style=page_parts.part("table.css"),
            heads=[plain_cell(column.heading, words) for column in self.columns],
            rows=[
                [
                    (column.numeric, plain_cell(row.get(column.key), words))
                    for column in self.columns
                ]
                for row in self.rows
            ],
        )
        plain_files.write_text(folder / self.page, page)
