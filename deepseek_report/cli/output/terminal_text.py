"""Texts of strangers made safe for a terminal."""

from __future__ import annotations

import unicodedata


def printable(text: object) -> str:
    """A text on one line without control characters, which could rewrite what a person sees."""
    return "".join(
        letter if _is_shown(letter) else "\N{REPLACEMENT CHARACTER}" for letter in str(text)
    )


def _is_shown(letter: str) -> bool:
    """Letters, signs and spaces of any width; no line breaks, no escapes, no marks of direction."""
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def printable_lines(text: object) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, str(text).split("\n")))
