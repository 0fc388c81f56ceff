"""A language for tests: English with every text of the catalogs marked, `⟦` text `⟧`.

What a report in it shows outside of marks did not come from a catalog. Only texts are marked: what
fills a slot keeps no mark but its own, so that an English word in a value shows up as well.

`python benchmarks/marked_catalog.py FOLDER` writes the catalog `FOLDER/xx.yaml`; reports are
written in it by `DEEPSEEK_REPORT_CATALOGS=FOLDER deepseek-report render RUN --language xx`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.wording.words import DEFAULT_LANGUAGE, read_catalog

LANGUAGE = "xx"
OPEN, CLOSE = "⟦", "⟧"
#: Between two sentences of a text, of which one may be shown without the other.
_SENTENCES = re.compile(r"(?<=[a-z)”%][.!?]) (?=[A-Z“])")
#: Groups of patterns that `str.format` fills.
_PATTERNS = frozenset({"numbers", "composed"})
#: Texts of a framework file; those of its rows stand by their ids.
_HEAD_TEXTS = (
    "name",
    "short_name",
    "jurisdiction",
    "legal_force",
    "text_version",
    "notes",
    "applies_from",
)
_ROW_TEXTS = ("title", "asks", "verify_note")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SLOT = re.compile(r"(\{[^{}]*\})")
#: What takes a string that is a name of the code and never shown.
_TAKES_NAMES = frozenset({"label", "map", "selectattr", "rejectattr", "attr", "in", "round"})
_COMPARES = frozenset({"==", "!=", "in", "["})
_LEXER = Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - it renders nothing


def marked(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The catalog with every text in it marked; slots and names as they were.

    Numbers and lists follow the Chinese locale, whose lists are joined without Latin letters.
    """
    texts = {
        key: _marked_value(value, plain=key in _PATTERNS)
        for key, value in catalog.items()
        if key != "formats"
    }
    return {**texts, "formats": {**catalog.get("formats", {}), "locale": "zh_Hans"}}


def _marked_value(value: object, *, plain: bool) -> object:
    if isinstance(value, Mapping):
        return {key: _marked_value(inside, plain=plain) for key, inside in value.items()}
    if isinstance(value, list):
        return [_marked_value(inside, plain=plain) for inside in value]
    if not isinstance(value, str):
        return value
    return mark_pattern(value) if plain else mark_template(value)


def mark_pattern(text: str) -> str:
    """A pattern of `str.format` with its words marked: `⟦below⟧ {number}`."""
    return "".join(piece if piece.startswith("{") else _mark(piece) for piece in _SLOT.split(text))


def mark_template(text: str) -> str:
    """A Jinja template with its texts marked, around expressions and inside of them."""
    tokens = [(kind, value) for _, kind, value in _LEXER.lex(text)]
    return "".join(
        _mark(value)
        if kind == "data"
        else _marked_literal(value)
        if kind == "string" and _is_shown(tokens, at)
        else value
        for at, (kind, value) in enumerate(tokens)
    )


def _mark(text: str) -> str:
    """The text with marks around each sentence of it; without words as it is."""
    if not _WORD.search(text):
        return text
    body = text.strip()
    start = text.index(body)
    marked = _SENTENCES.sub(f"{CLOSE} {OPEN}", body)
    return f"{text[:start]}{OPEN}{marked}{CLOSE}{text[start + len(body) :]}"


def _marked_literal(literal: str) -> str:
    return f"{literal[0]}{_mark(literal[1:-1])}{literal[-1]}"


def _is_shown(tokens: list[tuple[str, str]], at: int) -> bool:
    """Whether a string is a text: no side of a comparison, no key, no name for a function."""
    before = [value for kind, value in tokens[:at] if kind != "whitespace"]
    after = next((value for kind, value in tokens[at + 1 :] if kind != "whitespace"), "")
    if after in {"==", "!=", "in", ":"} or before[-1] in _COMPARES:
        return False
    return not any(name in _TAKES_NAMES for name in _callers(before))


def _callers(before: list[str]) -> Iterator[str]:
    """Names before the parentheses and brackets that are still open, the innermost first."""
    closed = 0
    for place in range(len(before) - 1, -1, -1):
        if before[place] in {")", "]", "}"}:
            closed += 1
        elif before[place] in {"(", "[", "{"}:
            if closed:
                closed -= 1
            elif place:
                yield before[place - 1]
        elif before[place] in {"{{", "{%"}:
            return


def write_catalog(folder: Path) -> Path:
    """Write the marked catalog into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    templates, path = shipped("templates"), folder / f"{LANGUAGE}.yaml"
    files = sorted((templates / "frameworks").glob("[!_]*.yaml"))
    frameworks = {
        file.stem: framework_texts(read_catalog(file.parent, file.stem)) for file in files
    }
    english = read_catalog(templates / "locale", DEFAULT_LANGUAGE)
    _write(path, marked({**english, "frameworks": frameworks}))
    return path


def framework_texts(data: Mapping[str, Any]) -> dict[str, object]:
    """What a framework file says, as a catalog says it under `frameworks.<id>`."""
    head = data["framework"]
    rows = {row["id"]: {key: row[key] for key in _ROW_TEXTS if key in row} for row in data["rows"]}
    return {
        **{key: head[key] for key in _HEAD_TEXTS if head.get(key)},
        "disclaimer": data["disclaimer"],
        "sources": {key: source["kind"] for key, source in head["sources"].items()},
        "rows": rows,
    }


def _write(path: Path, texts: Mapping[str, object]) -> None:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(dict(texts), Dumper=dumper, allow_unicode=True, sort_keys=False, width=100)
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.stdout.write(f"{write_catalog(Path(sys.argv[1]))}\n")
