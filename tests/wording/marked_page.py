"""What of a report in the language of marks stands outside of marks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from marked_catalog import CLOSE, OPEN

from deepseek_report.artifacts.protocols.modules import layer_name
from deepseek_report.wording.words import wording
from tests.worded import leaves

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


#: A value of the config that is no text for people.
_IS_KEY = re.compile(r"[a-z][\w.-]+")
#: What a command line reads: `'dataset.hide=[handles]'`.
_OVERRIDE = re.compile(r"'[a-z_.]+=[^'⟦⟧]*'|\b[a-z_]+(\.[a-z_]+)+=[^\s⟦⟧]+")
_WORD = re.compile(r"[^\W\d_]+")
#: Words of the data in a sentence, which stand in no marks of their own.
_QUOTED = re.compile(r"“[^”]*”")
#: Elements that show texts of the data, whole or word by word.
_OF_TEXTS = frozenset({"td", "th"})
#: Where a text stands that stands in no section.
PAGE = "page"


@dataclass(frozen=True)
class ShownText:
    """What a reader sees or hears in one go.

    part : the section that it stands in, `figure` inside of a picture, else `page`.
    where : the element, `a`, or one that speaks it, `a[title]`.
    """

    part: str
    where: str
    text: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[ShownText] = []
        self._open: list[tuple[str, bool, str]] = []
        self._piece: list[str] = []

    @property
    def _skips(self) -> bool:
        return any(skipped for _, skipped, _ in self._open)

    @property
    def _part(self) -> str:
        if any(tag == "svg" for tag, _, _ in self._open):
            return "figure"
        return next((part for _, _, part in self._open if part), PAGE)

    def _end_piece(self) -> None:
        text = " ".join("".join(self._piece).split())
        self._piece = []
        if not text:
            return
        where = self._open[-1][0] if self._open else ""
        before = self.texts[-1] if self.texts else None
        if before and where == before.where == "text" and _is_open(before.text):  # a wrapped line
            self.texts[-1] = ShownText(before.part, where, f"{before.text} {text}")
        else:
            self.texts.append(ShownText(self._part, where, text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS:
            self._end_piece()
        classes = set(values.get("class", "").split())
        skipped = tag in _SKIPPED or bool(classes & _EXEMPT_CLASSES) or "translate" in values
        section = values.get("id", "") if tag == "section" and "level2" in classes else ""
        self._open.append((tag, skipped, section.removeprefix("sec-")))
        if not self._skips:
            self.texts += [
                ShownText(self._part, f"{tag}[{name}]", values[name])
                for name in _SPOKEN
                if values.get(name)
            ]
        if tag in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._end_piece()
        while any(tag == name for name, _, _ in self._open):
            name, _, _ = self._open.pop()
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self._skips:
            self._piece.append(data)


def _is_open(text: str) -> bool:
    """Whether a mark goes on in the next line."""
    return text.count(OPEN) > text.count(CLOSE) and not text.endswith("…")


def visible_texts(html: str) -> list[ShownText]:
    """All that a reader of a page sees or hears, in order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.texts


def unmarked(
    html: str, own: Iterable[str] = (), tokens: frozenset[str] = frozenset()
) -> Iterator[tuple[ShownText, list[str]]]:
    """Each text that has words outside of marks, with these.

    own : texts of whoever made the run, which no catalog can have (see `own_texts`).
    tokens : words of the texts that a model reads (see `own_tokens`). They are exempt where such
        texts are shown: in pictures and cells, and in quotation marks.
    """
    longest_first = sorted({text for text in own if text}, key=len, reverse=True)
    exempt = re.compile(
        "|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in longest_first) or "(?!)",
        re.IGNORECASE,
    )
    for shown in visible_texts(html):
        text = exempt.sub(" ", _OVERRIDE.sub(" ", shown.text))
        if tokens and (shown.part == "figure" or shown.where in _OF_TEXTS):
            text = _without(tokens, text)
        elif tokens:
            text = _QUOTED.sub(lambda quoted: _without(tokens, quoted[0]), text)
        if words := words_outside([text]):
            yield shown, words


def words_outside(texts: list[str]) -> list[str]:
    """Words of visible texts that stand in no mark; marks may lie in one another.

    texts : pieces in the order of reading. A mark may be closed in a later piece; a piece that was
    cut, `…` at its end, closes those that it opened.
    """
    outside: list[str] = []
    depth = 0
    for text in texts:
        kept = []
        for character in text:
            depth += (character == OPEN) - (character == CLOSE and depth > 0)
            kept.append(" " if depth or character in OPEN + CLOSE else character)
        outside += re.findall(r"[^\W\d_]{2,}", "".join(kept))
        depth = 0 if text.rstrip().endswith("…") else depth
    return outside


def _without(tokens: frozenset[str], text: str) -> str:
    return _WORD.sub(lambda word: "" if word[0].lower() in tokens else word[0], text)


def own_tokens(run: Path) -> frozenset[str]:
    """Words in the tokens of a run's texts; none where its data are no texts."""
    schema = json.loads((run / "artifacts/data/schema.json").read_text(encoding="utf-8"))
    listed = json.dumps(schema.get("vocabulary") or [], ensure_ascii=False)
    return frozenset(word.lower() for word in _WORD.findall(listed))


def own_texts(run: Path) -> set[str]:
    """What a run shows of its maker's: texts and keys of the config, code, hashes, own data.

    Of data that come with the package their names stand in the catalogs, so they are not own.
    """
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    report = config["report"]
    texts = {report[key] for key in ("title", "subtitle", "author", "audience")}
    texts |= {promise[key] for promise in report["thresholds"] for key in ("set_by", "why")}
    texts |= set(_texts(report["words"]))
    texts |= set(_texts([expectation["says"] for expectation in config["behaviour"]]))
    texts |= {
        text
        for group, settings in config.items()
        if group != "report"
        for text in _texts(settings)
        if _IS_KEY.fullmatch(text)
    }
    model = json.loads((run / "artifacts/training/architecture.json").read_text(encoding="utf-8"))
    texts |= {run.name, model["name"], *_of_library(run, config["model"], model)}
    texts |= _read_texts(run)
    folder = run / "artifacts" / "data"
    schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    texts |= {feature["name"] for feature in schema["features"] if "_" in feature["name"]}
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    if not wording().table("data_sets").get(card["name"]):
        texts |= {*_texts(schema), *_texts(card)}
    return texts


def _of_library(run: Path, model: dict[str, Any], architecture: dict[str, Any]) -> Iterator[str]:
    """Names of the classes and layers of a network whose code is a library's."""
    module, _, name = model["_target_"].rpartition(".")
    if ".transformers." not in module:
        return
    yield name
    yield architecture["summary"]["values"]["name"]
    yield from (layer_name(layer["name"]) for layer in architecture["layers"])
    notes = run / "artifacts/measures/parameter_projection/notes.json"
    if notes.exists():
        yield from _texts(json.loads(notes.read_text(encoding="utf-8")))


def _read_texts(run: Path) -> set[str]:
    """Texts of the training part that stand beside a case, whole."""
    table = run / "artifacts/measures/cases/neighbours.parquet"
    return set(pd.read_parquet(table)["text"].dropna()) if table.exists() else set()


def _texts(value: Any) -> Iterator[str]:
    """Every text inside of plain data, but for the ids of messages."""
    for key, text in leaves(value):
        if key.rpartition(".")[2] != "message":
            yield " ".join(text.split())
