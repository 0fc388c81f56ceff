"""A long document written by two pandocs at the same time, as one would have written it.

The document is cut before a heading of the first level. What one part must know of the other is
little: how many chapters, figures and tables stand before it, and the numbers that its references
name. The first is counted in the text; the second is left as a mark and filled in afterwards.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import read_text, write_text
from deepseek_report.errors import RenderError
from deepseek_report.rendering import pandoc
from deepseek_report.rendering.page_words import label_arguments, words_of_document

#: Marks that the filter leaves; text from data cannot hold these characters.
OPEN, CLOSE = "\ue002", "\ue003"
_MARK = re.compile(f"{OPEN}(number|title):([^{CLOSE}]*){CLOSE}")
_NUMBERS = re.compile(f"<!--{OPEN}(.*?){CLOSE}-->\n?", re.DOTALL)
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_IDENTIFIER = re.compile(r"(?<!\\)\{#(fig|tbl)-")
_SECTION = re.compile(r'<section id="([^"]+)"')
_CUT = "@@cut@@"
_TOC_END, _BODY_END = "@@toc@@", "@@body@@"


@dataclass(frozen=True)
class DocumentPart:
    """Neighbouring chapters, and how many chapters, figures and tables stand before them."""

    text: str
    chapters: int = 0
    figures: int = 0
    tables: int = 0

    @property
    def arguments(self) -> list[str]:
        before = {"chapters": self.chapters, "figures": self.figures, "tables": self.tables}
        return [f"--metadata={name}-before={number}" for name, number in before.items()]


def convert(document: Path, template: Path, arguments: Sequence[str]) -> str:
    """The document as HTML in a page template that ends its contents and its body with marks."""
    text = read_text(document)
    first, *rest = cut(text)
    labels = label_arguments(words_of_document(text))
    plain = template.with_name("part.html")
    write_text(plain, f"$toc$\n{_CUT}\n$body$")
    templates = [template, *(plain for _ in rest)]
    with ThreadPoolExecutor(2) as pool:
        pages = list(
            pool.map(
                lambda part, page: pandoc.convert_text(
                    part.text,
                    document.parent,
                    "html5",
                    [f"--template={page}", *labels, *part.arguments, *arguments],
                ),
                [first, *rest],
                templates,
            )
        )
    return _fill(join(pages), document)


def cut(text: str) -> list[DocumentPart]:
    """The document in one part or in two of about the same length."""
    starts = _chapter_starts(text)
    if len(starts) < 2:
        return [DocumentPart(text)]
    middle = min(starts[1:], key=lambda start: abs(start - len(text) / 2))
    before = _outside_fences(text[:middle])
    kinds = [match[1] for match in _IDENTIFIER.finditer(before)]
    chapters = sum(start < middle for start in starts)
    second = DocumentPart(text[middle:], chapters, kinds.count("fig"), kinds.count("tbl"))
    return [DocumentPart(text[:middle]), second]


def _lines(text: str) -> list[tuple[int, str, bool]]:
    """(start, line, whether it is inside a fenced block) of each line."""
    lines, fence, start = [], "", 0
    for line in text.splitlines(keepends=True):
        opened = _FENCE.match(line)
        lines.append((start, line, bool(fence or opened)))
        if opened and (not fence or opened[1].startswith(fence)):
            fence = "" if fence else opened[1]
        start += len(line)
    return lines


def _chapter_starts(text: str) -> list[int]:
    lines = _lines(text)
    return [start for start, line, fenced in lines if line.startswith("# ") and not fenced]


def _outside_fences(text: str) -> str:
    return "".join(line for _, line, fenced in _lines(text) if not fenced)


def join(pages: Sequence[str]) -> str:
    """The first page with the contents and the bodies of the others at its marks."""
    page = pages[0]
    for other in pages[1:]:
        contents, body = _renamed(page, other).split(f"\n{_CUT}\n", 1)
        entries = contents.strip().removeprefix("<ul>").removesuffix("</ul>").strip("\n")
        end = re.compile(rf"</ul>\s*{_TOC_END}")
        page = end.sub(partial(_extended, entries), page)
        page = page.replace(_BODY_END, f"\n{body}{_BODY_END}")
    return page.replace(_TOC_END, "").replace(_BODY_END, "")


def _extended(entries: str, match: re.Match[str]) -> str:
    return f"{entries}\n{match[0]}"


def _renamed(page: str, other: str) -> str:
    """`other` with its sections renamed where `page` has one of that name, as pandoc would."""
    used = set(_SECTION.findall(page))
    own = _SECTION.findall(other)
    renamed = {}
    for name in own:
        base = re.sub(r"-\d+$", "", name)
        stem, number, chosen = base if base in own else name, 0, name
        while chosen in used:
            number += 1
            chosen = f"{stem}-{number}"
        used.add(chosen)
        renamed[name] = chosen
    return re.sub(
        r'( id="(?:toc-)?|href="#)([^"]+)"', lambda m: f'{m[1]}{renamed.get(m[2], m[2])}"', other
    )


def _fill(page: str, document: Path) -> str:
    """Put in the numbers and titles that one part needs of the other."""
    known: dict[str, dict[str, str]] = {"number": {}, "title": {}}
    for numbers in _NUMBERS.findall(page):
        for kind, names in json.loads(numbers).items():
            known[kind].update(names)
    page = _NUMBERS.sub("", page)
    missing = [match[2] for match in _MARK.finditer(page) if match[2] not in known["number"]]
    if missing:
        raise RenderError(
            f"{document}: the document has parts that cannot be rendered: "
            f"unresolved reference @{missing[0]}"
        )
    return _MARK.sub(lambda match: html.escape(known[match[1]].get(match[2], "")), page)
