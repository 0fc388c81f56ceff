"""The terminal that is written to, and texts of strangers made safe for it."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepseek_report.cli.output.terminal_text import printable, printable_lines

#: Columns where the output is no terminal: a table in a file needs no folding.
_WIDE = 1_000


def console(*, errors: bool = False) -> Console:
    """A console on standard output or standard error; colours only where `NO_COLOR` is not set.

    A terminal is as wide as it is; what goes into a file or a pipe is not folded at 80 columns.
    """
    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDE
    return Console(file=stream, highlight=False, width=width)


def say(text: object) -> None:
    """Print plain text: folded between words in a terminal, whole lines elsewhere."""
    folds = sys.stdout.isatty()
    shown = printable_lines(text)
    console().print(shown, markup=False, emoji=False, soft_wrap=not folds)


def cell(text: object) -> str:
    """A text of a table: printable, and its square brackets are no markup."""
    return escape(printable(text))


def plain_table(*headings: str, right: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A table without lines, whose columns fold where the terminal is narrow."""
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for heading in headings:
        justify = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table
