"""Texts as TensorBoard shows them: its Markdown knows fewer escapes than that of the report."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

#: What Python-Markdown takes for markup, and gives back behind a backslash.
_MARKUP = re.compile(r"([\\`*_{}\[\]#])")


def plain_text(text: str) -> str:
    r"""A text that is shown as it stands, also in the cell of a table.

    >>> plain_text("a|b <i> *c*")
    'a&#124;b &lt;i&gt; \\*c\\*'
    """
    return html.escape(_MARKUP.sub(r"\\\1", text), quote=False).replace("|", "&#124;")


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table for TensorBoard's texts; every cell is shown as it stands."""
    lines = [heads, ["---"] * len(heads)]
    written = [f"| {' | '.join(line)} |" for line in lines]
    written += [f"| {' | '.join(plain_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(written)
