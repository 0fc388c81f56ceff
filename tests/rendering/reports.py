"""Reports of every kind as their run folders hold them, and what tests read in their pages."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unicodedata import category, east_asian_width

import pytest

#: The default experiment, one of images, one of texts, and one in Chinese.
KINDS = ("default", "images", "texts", "chinese")
#: Captions are compared by their first letters: what a line of a PDF holds of the shortest.
_FIRST = 12
#: {what a caption begins with: the kind of its identifier}, in English and Chinese.
_NAMED = {"Figure": "fig", "图": "fig", "Table": "tbl", "表": "tbl"}
_CAPTION = re.compile(rf"({'|'.join(_NAMED)})\s?(\d+)[.:]?\s+(.*)", re.DOTALL)
_IN_SOURCE = re.compile(r"^(?:!\[(.*)\]\(.*?\)\{#(fig)-.*|: (.*) \{#(tbl)-.*\})$")

Captions = dict[tuple[str, int], str]


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text)[:_FIRST]


def captions_of_source(text: str) -> Captions:
    """{(kind, number): first letters} of all that a document numbers, counted in its order."""
    captions: Captions = {}
    for line in text.splitlines():
        match = _IN_SOURCE.match(line)
        if match is None:
            continue
        kind, markdown = match[2] or match[4], match[1] or match[3]
        shown = re.sub(r"\[CSV\].*|\{[^}]*\}|\]\([^)]*\)", "", html.unescape(markdown))
        number = 1 + sum(known == kind for known, _ in captions)
        captions[kind, number] = _letters(shown)
    return captions


def captions_of_page(page: Path) -> Captions:
    """The same of a page that was rendered: HTML, DOCX or PDF."""
    shown = {".html": _html_captions, ".docx": _docx_captions, ".pdf": _pdf_captions}
    matches = filter(None, map(_CAPTION.match, shown[page.suffix](page)))
    captions: Captions = {}
    for match in matches:
        captions.setdefault((_NAMED[match[1]], int(match[2])), _letters(match[3]))
    return captions


def _html_captions(page: Path) -> Iterator[str]:
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", "", page.read_text("utf-8"), flags=re.DOTALL)
    of_tables = r'<figcaption[^>]*>(.*?)</figcaption>|<div class="table-caption">(.*?)</div>'
    for match in re.finditer(of_tables, text, re.DOTALL):
        yield html.unescape(re.sub(r"<a [^>]*>CSV</a>|<[^>]+>", "", match[1] or match[2])).strip()


def _docx_captions(page: Path) -> Iterator[str]:
    for paragraph in re.findall(r"<w:p>.*?</w:p>", document_xml(page), re.DOTALL):
        if 'w:val="Caption"' in paragraph:
            yield html.unescape("".join(re.findall(r"<w:t(?: [^>]*)?>([^<]*)", paragraph)))


def _pdf_captions(page: Path) -> Iterator[str]:
    yield from read_pdf(page, "-raw").splitlines()


def document_xml(page: Path) -> str:
    """The text of a DOCX with its markup."""
    with zipfile.ZipFile(page) as archive:
        return archive.read("word/document.xml").decode("utf-8")


def read_pdf(page: Path, *options: str) -> str:
    """What `pdftotext` reads in a PDF; the test is skipped without that program."""
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (poppler) on PATH to read the PDF")
    command = ["pdftotext", *options, str(page), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def words_on_one_another(pdf: Path) -> list[tuple[int, str, str]]:
    """(page, word, word) of words that are printed over one another, by more than their edges."""
    overlaps = []
    root = ET.fromstring(re.sub(r' xmlns="[^"]*"', "", read_pdf(pdf, "-bbox")))  # noqa: S314
    for number, page in enumerate(root.iter("page"), start=1):
        words = sorted(page.iter("word"), key=lambda word: float(word.attrib["xMin"]))
        boxes = [(*(float(word.attrib[k]) for k in _EDGES), word.text or "") for word in words]
        for at, (_, top, right, bottom, text) in enumerate(boxes):
            for x, above, end, below, other in boxes[at + 1 :]:
                if x >= right - 1:
                    break
                shared = min(bottom, below) - max(top, above)
                edges = 0.6 * (bottom - top) if _meet_in_signs(text, other) else 1
                if min(right, end) - x > edges and shared > 0.45 * min(bottom - top, below - above):
                    overlaps.append((number, text, other))
    return overlaps


_EDGES = ("xMin", "yMin", "xMax", "yMax")


def _meet_in_signs(text: str, other: str) -> bool:
    """Whether full-width punctuation stands where two words meet: it is set closer than its box."""
    ends = (text[-1:], other[:1])
    return any(end and east_asian_width(end) in "WF" and category(end)[0] == "P" for end in ends)


def blocks(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """(attributes of the blocks around, its own attributes) of each block of a document."""
    opened, code = list[str](), ""
    for line in text.splitlines():
        fence = re.match(r"(`{3,}|:{3,})\s*(?:\{(.*)\})?\s*$", line)
        if fence is None or (code and line != code):
            continue
        if fence[1].startswith("`"):
            code = "" if code else fence[1]
        elif fence[2] is None:
            opened.pop()
        else:
            yield tuple(opened), fence[2]
            opened.append(fence[2])
    assert not opened
