"""What of a report in the language of marks stands outside of marks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from deepseek_report.wording.pseudo import CLOSE, OPEN, words_outside

#: What is no text of the report: programs, styles, code, keys, and names of papers.
_SKIPPED = frozenset({"script", "style", "code", "pre", "kbd", "cite", "math", "noscript"})
#: Texts that are read in one go; a mark does not lead from one into the next.
_BLOCKS = frozenset(
    {
        *("p", "li", "td", "th", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "caption", "div"),
        *("figcaption", "summary", "option", "title", "section", "nav", "a", "button", "label"),
        *("text", "svg", "g", "details", "table", "tr", "ul", "ol", "dl", "figure", "header"),
        *("footer", "main", "body", "aside"),
    }
)
_VOID = frozenset(
    {"br", "hr", "img", "input", "meta", "link", "col", "area", "base", "embed", "source", "wbr"}
)
_SPOKEN = ("alt", "title", "aria-label", "placeholder", "data-label", "aria-description")
_EXEMPT_CLASSES = frozenset({"hash", "own-words"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[tuple[str, str]] = []
        self._open: list[tuple[str, bool]] = []
        self._piece: list[str] = []

    @property
    def _skips(self) -> bool:
        return any(skipped for _, skipped in self._open)

    def _end_piece(self) -> None:
        text = "".join(self._piece).strip()
        if text:
            self.texts.append((self.where(), text))
        self._piece = []

    def where(self) -> str:
        return ">".join(tag for tag, _ in self._open[-4:])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS:
            self._end_piece()
        if not self._skips:
            spoken = ((f"{tag}[{name}]", given[name]) for name in _SPOKEN if given.get(name))
            self.texts += spoken
        if tag not in _VOID:
            classes = set(given.get("class", "").split())
            skipped = tag in _SKIPPED or bool(classes & _EXEMPT_CLASSES) or "translate" in given
            self._open.append((tag, skipped))

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._end_piece()
        while self._open and any(tag == name for name, _ in self._open):
            name, _ = self._open.pop()
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self._skips:
            self._piece.append(data)


def visible_texts(html: str) -> list[tuple[str, str]]:
    """[(the elements it stands in, what a reader sees or hears)] of a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.texts


def unmarked(html: str, exempt: frozenset[str]) -> Iterator[tuple[str, str, list[str]]]:
    """(where, text, words of it that stand in no mark and are not exempt)."""
    marks = ""
    for where, text in visible_texts(html):
        words = [w for w in words_outside([marks + text]) if w.lower() not in exempt]
        if words:
            yield where, re.sub(r"\s+", " ", text)[:200], words
        marks = _still_open(marks + text) if where.endswith("text") else ""


def _still_open(text: str) -> str:
    """The marks that lead on into the next line of a drawing; a label that was cut has none."""
    depth = 0
    for character in text:
        depth += (character == OPEN) - (character == CLOSE and depth > 0)
    return "" if text.rstrip().endswith("…") else OPEN * depth
