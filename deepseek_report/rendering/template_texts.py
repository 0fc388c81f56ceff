"""What templates say in the language of the report: catalog texts, with Markdown in slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from deepseek_report.rendering.markdown import Markdown, clean, escape
from deepseek_report.wording.words import Wording

#: Around the number of a slot that holds Markdown; `clean` leaves neither in a text from data.
_OPEN, _CLOSE = "\ue004", "\ue005"


@dataclass(frozen=True)
class TemplateTexts:
    """The functions by which templates say what the catalog says."""

    words: Wording

    def text(self, key: str, /, **values: Any) -> str:
        """The text of a key, plain; Markdown where a value is Markdown.

        A text of the catalog is never read as Markdown. What a template gives as Markdown, such as
        `code("people/")`, stays so in its slot, and everything around it is escaped.
        """
        slots = {name: value for name, value in values.items() if isinstance(value, Markup)}
        names = list(slots)
        marks = {name: f"{_OPEN}{at}{_CLOSE}" for at, name in enumerate(names)}
        plain = {name: _cleaned(value) for name, value in values.items()}
        text = self.words.text(key, **(plain | marks))
        if not slots:
            return text
        written = Markdown("")
        for at, piece in enumerate(text.replace(_CLOSE, _OPEN).split(_OPEN)):
            is_slot = at % 2 == 1
            written += slots[names[int(piece)]] if is_slot else _escaped(piece, bool(written))
        return written

    def heads(self, key: str, /, *columns: str) -> dict[str, str]:
        """{column: what its head says}, in this order, from the texts under a key."""
        return {column: self.text(f"{key}.{column}") for column in columns}


def _cleaned(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def _escaped(piece: str, inside: bool) -> Markdown:
    """The piece as Markdown; inside of a line, nothing in it can open a list or a heading."""
    return Markdown(escape(f"/{piece}")[1:] if inside else escape(piece))
