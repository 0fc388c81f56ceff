"""The terminal that is written to, and texts of strangers made safe for it."""

from __future__ import annotations

import datetime as dt
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from deepseek_report.runner.execution.whole_run import duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def in_bytes(size: float) -> str:
    """`512 bytes`, `3.1 MB`: decimal units, as file managers show them."""
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.3g} {unit}"
    return f"{size / 1000:.3g} TB"


def local_time(moment: dt.datetime) -> str:
    """`2026-03-02 14:05`, in the time zone of this machine."""
    try:
        return moment.astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError):  # a year that the system's clock cannot turn
        return moment.strftime("%Y-%m-%d %H:%M")


def duration_range(low: float, high: float) -> str:
    """`20 s to 1 min`, `2 to 4 min`; one duration where both ends are told alike."""
    first, last = duration(low), duration(max(high, low))
    if first == last:
        return first
    number, _, unit = first.partition(" ")
    other, _, same = last.partition(" ")
    return f"{number} to {other} {unit}" if unit == same else f"{first} to {last}"


def printable(text: object) -> str:
    """A text on one line without control characters, which could rewrite what a person sees."""
    return "".join(
        letter if _is_shown(letter) else "\N{REPLACEMENT CHARACTER}" for letter in str(text)
    )


def print_notes(notes: Iterable[str]) -> None:
    """Print notes on the error stream, which is a person's."""
    for note in notes:
        print(f"note: {printable(note)}", file=sys.stderr)


def _is_shown(letter: str) -> bool:
    """Letters, signs and spaces of any width; no line breaks, no escapes, no marks of direction."""
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def printable_lines(text: object) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, str(text).split("\n")))


#: Columns where the output is no terminal: a table in a file needs no folding.
_WIDE = 1_000


def console(*, errors: bool = False) -> Console:
    """A console on standard output or standard error; colours only where `NO_COLOR` is not set.

    A terminal is as wide as it is; what goes into a file or a pipe is not folded at 80 columns.
    """
    from rich.console import Console

    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDE
    return Console(file=stream, highlight=False, width=width)


def say(text: object) -> None:
    """Print plain text: folded between words in a terminal, whole lines elsewhere."""
    folds = sys.stdout.isatty()
    shown = printable_lines(text)
    console().print(shown, markup=False, emoji=False, soft_wrap=not folds)


def say_first(texts: Sequence[object], most: int, rest: str = "  and {} more") -> None:
    """The first of many texts, one a line, and how many more there are."""
    for text in texts[:most]:
        say(text)
    if len(texts) > most:
        say(rest.format(len(texts) - most))


def some(names: Sequence[str], most: int) -> str:
    """`a, b, c and 4 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def cell(text: object) -> str:
    """A text of a table: printable, and its square brackets are no markup."""
    from rich.markup import escape

    return escape(printable(text))


def plain_table(*headings: str, right: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A table without lines, whose columns fold where the terminal is narrow."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for heading in headings:
        justify = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table
