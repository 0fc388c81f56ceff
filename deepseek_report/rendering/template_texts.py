"""What templates say in the language of the report: catalog texts, with Markdown in slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from deepseek_report.artifacts.message import Message, Text
from deepseek_report.rendering.markdown import Markdown, clean, escape, inline_code
from deepseek_report.wording.words import Wording

#: Around the number of a slot that holds Markdown; `clean` leaves neither in a text from data.
_OPEN, _CLOSE = "\ue004", "\ue005"
#: Slots of messages that name what no language translates: files, and keys of config and data.
_CODE = frozenset({"file", "files", "folder", "key", "keys", "nearest"})


@dataclass(frozen=True)
class TemplateTexts:
    """The functions by which templates say what the catalog says."""

    words: Wording

    def text(self, key: str, /, **values: Any) -> str:
        """The text of a key, plain; Markdown where a value is Markdown.

        A text of the catalog is never read as Markdown. What a template gives as Markdown, such as
        `code("people/")`, stays so in its slot, and everything around it is escaped.
        """
        slots = _Slots()
        return slots.filled(self.words.text(key, **slots.marked(values)))

    def say(self, text: Text) -> str:
        """A message in the language of the report; a text that is none as it stands."""
        if not isinstance(text, Message):
            return text
        slots = _Slots()
        return slots.filled(self.words.say(slots.marked(text)))

    def heads(self, key: str, /, *columns: str) -> dict[str, str]:
        """{column: what its head says}, in this order, from the texts under a key."""
        return {column: self.text(f"{key}.{column}") for column in columns}


class _Slots:
    """Holds the Markdown of slots while a text is worded, in which marks stand for it."""

    def __init__(self) -> None:
        self._held: list[Markup] = []

    def marked(self, value: Any, *, code: bool = False) -> Any:
        """The value, or what is inside of it, with a mark for all that is Markdown.

        code : whether texts are names of the code; in a message, its slot tells.
        """
        if isinstance(value, Message):
            slots = value.values.items()
            return Message(value.id, {k: self.marked(v, code=k in _CODE) for k, v in slots})
        if isinstance(value, Mapping):
            return {name: self.marked(inside) for name, inside in value.items()}
        if isinstance(value, list | tuple):
            return [self.marked(item, code=code) for item in value]
        if not isinstance(value, str) or not value:
            return value
        if not code and not isinstance(value, Markup):
            return clean(value)
        self._held.append(value if isinstance(value, Markup) else inline_code(value))
        return f"{_OPEN}{len(self._held) - 1}{_CLOSE}"

    def filled(self, text: str) -> str:
        """The text with the Markdown in its places, and everything around it escaped."""
        if not self._held:
            return text
        written = Markdown("")
        for at, piece in enumerate(text.replace(_CLOSE, _OPEN).split(_OPEN)):
            is_slot = at % 2 == 1
            written += self._held[int(piece)] if is_slot else _escaped(piece, bool(written))
        return written


def _escaped(piece: str, inside: bool) -> Markdown:
    """The piece as Markdown; inside of a line, nothing in it can open a list or a heading."""
    return Markdown(escape(f"/{piece}")[1:] if inside else escape(piece))
