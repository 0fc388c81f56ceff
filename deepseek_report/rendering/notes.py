"""A person's words beside the report: `notes/<section>.qmd`, shown at the end of that section.

A note is read as Markdown and written again from what it says: paragraphs, headings, lists, quotes,
tables, code, emphasis, links and references to what the report shows. Raw HTML, shortcodes,
includes, pictures and code that would run stay text or are left out, so a note shows the same in
every format and can fetch, run or imitate nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from deepseek_report import children
from deepseek_report.artifacts.storage.plain_files import entries, open_file
from deepseek_report.errors import ArtifactError, RenderError
from deepseek_report.rendering import markdown, pandoc
from deepseek_report.rendering.markdown import Markdown

FOLDER = "notes"
#: The largest note, in bytes: about thirty pages.
LIMIT = 65_536
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_REFERENCE = re.compile(r"(fig|tbl|sec)-([A-Za-z0-9_-]+)")
_ADDRESS = re.compile(r"""(?:https?://|mailto:)[^\s<>()\\|`{}$"']+""")
#: Seconds that a note may take to be read.
_SECONDS = 30


@dataclass(frozen=True)
class Note:
    """The words of one person on one section. sha256 : of the file, in hexadecimal."""

    section: str
    text: Markdown
    sha256: str


def read_notes(folder: Path, sections: Collection[str]) -> dict[str, Note]:
    """{section: note} of a run folder.

    Raises
    ------
    RenderError : a note is a link, no regular file, too large, not UTF-8, or names no section.
    """
    notes = folder / FOLDER
    if notes.is_symlink():
        raise RenderError(f"{notes}: is a link; notes are read from a folder of the run alone")
    if not notes.is_dir():
        return {}
    paths = [entry.path for entry in entries(notes) if entry.path.suffix == ".qmd"]
    return {path.stem: _read(path, sections) for path in paths}


def _read(path: Path, sections: Collection[str]) -> Note:
    if path.stem not in sections or not _NAME.fullmatch(path.stem):
        raise RenderError(
            f"{path}: this report has no section “{markdown.clean(path.stem)}”; its sections are "
            f"{', '.join(sections)}. Rename the file"
        )
    text = text_of_note(path)
    return Note(path.stem, to_markdown(text), hashlib.sha256(text.encode()).hexdigest())


def text_of_note(path: Path) -> str:
    """The text of a regular file of at most `LIMIT` bytes, through no link."""
    try:
        with open_file(path) as stream:
            data = stream.read(LIMIT + 1)
    except (ArtifactError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RenderError(f"{path}: cannot be read as a file of its own: {reason}") from None
    if len(data) > LIMIT:
        raise RenderError(f"{path}: more than {LIMIT // 1024} KiB; shorten the note")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise RenderError(f"{path}: not written in UTF-8; save the file as UTF-8") from None


def to_markdown(text: str, seconds: float = _SECONDS) -> Markdown:
    """The note as Markdown that Quarto and pandoc read alike and in which nothing is run."""
    command = [pandoc.program(), "--sandbox", f"--from={pandoc.READER}", "--to=json"]
    try:
        done = children.run(command, text=text.encode(), seconds=seconds)
    except subprocess.TimeoutExpired:
        raise RenderError(f"pandoc: no result after {seconds} s on a note") from None
    if done.returncode != 0:
        errors = done.stderr.decode("utf-8", "replace")[:500]
        raise RenderError(f"pandoc: a note cannot be read: {errors}")
    try:
        return _blocks(json.loads(done.stdout, object_hook=Node.of)["blocks"])
    except RecursionError:
        raise RenderError("a note has too many quotes, lists or marks in each other") from None


#: What a node of pandoc's syntax tree holds: nodes, texts and numbers, in lists of any depth.
Tree: TypeAlias = Any


@dataclass(frozen=True)
class Node:
    """An element of pandoc's syntax tree, by the name of its constructor."""

    kind: str
    content: Tree = None

    @classmethod
    def of(cls, read: dict[str, Tree]) -> Node | dict[str, Tree]:
        """A JSON object as a node; one that is none as it is."""
        return cls(read["t"], read.get("c")) if "t" in read else read


# --- blocks ---------------------------------------------------------------------------------------


def _blocks(blocks: Sequence[Node]) -> Markdown:
    written = [_BLOCKS[block.kind](block.content) for block in blocks if block.kind in _BLOCKS]
    return Markdown("\n\n".join(text for text in written if text))


def _paragraph(inlines: Tree) -> str:
    text = str(markdown.one_line(_inlines(inlines)))
    # A reference at the start of a paragraph would open an example list.
    return f"\u2060{text}" if text.startswith(markdown.REFERENCE[0]) else text


def _heading(content: Tree) -> str:
    text = _paragraph(content[2])  # a heading of its own would count as a section of the report
    return f"**{text}**" if text else ""


def _code(content: Tree) -> str:
    return str(markdown.code_block(content[1])).strip("\n")


def _items(items: Tree, mark: Callable[[int], str]) -> str:
    """The items of a list; mark : what stands before each, by its number from 1."""
    filled = enumerate(filter(None, items), start=1)
    marked = ((_blocks(item), mark(number)) for number, item in filled)
    return "\n\n".join(_indented(text, first, " " * min(len(first), 4)) for text, first in marked)


def _indented(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join(
        f"{rest if at else first}{line}".rstrip() if line or first == rest else ""
        for at, line in enumerate(lines)
    )


def _definitions(content: Tree) -> str:
    return "\n\n".join(
        f"**{_paragraph(term)}** {' '.join(_words(meaning) for meaning in meanings)}"
        for term, meanings in content
    )


def _table(content: Tree) -> str:
    _, _, columns, head, bodies, _ = content
    rows = [*head[1], *(row for body in bodies for row in [*body[2], *body[3]])]
    if not rows:
        return ""
    width = len(columns)
    lines = [[_words(cell[4]) for cell in row[1]] for row in rows]
    whole = [[*line[:width], *[""] * (width - len(line))] for line in lines]
    if not head[1]:
        whole.insert(0, [""] * width)
    whole.insert(1, ["----"] * width)
    return "\n".join("| " + " | ".join(line) + " |" for line in whole)


def _words(blocks: Tree) -> str:
    """Blocks on one line, as a cell needs them."""
    lines = (block.content for block in blocks if block.kind in {"Plain", "Para"})
    return " ".join(map(_paragraph, lines))


_BLOCKS: Mapping[str, Callable[[Tree], str]] = MappingProxyType(
    {
        "Para": _paragraph,
        "Plain": _paragraph,
        "Header": _heading,
        "CodeBlock": _code,
        "RawBlock": _code,
        "BlockQuote": lambda blocks: _indented(_blocks(blocks), "> ", "> "),
        "BulletList": lambda items: _items(items, lambda _: "- "),
        "OrderedList": lambda content: _items(content[1], lambda n: f"{n}. ".ljust(4)),
        "DefinitionList": _definitions,
        "Table": _table,
        "Div": lambda content: _blocks(content[1]),
        "Figure": lambda content: _blocks(content[2]),
    }
)

# --- inlines --------------------------------------------------------------------------------------


def _inlines(inlines: Sequence[Node]) -> Markdown:
    parts: list[str] = []
    words: list[str] = []
    for inline in inlines:
        if inline.kind in _TEXT:
            words.append(_TEXT[inline.kind](inline.content))
            continue
        write = _INLINES.get(inline.kind)
        parts += [markdown.escape("".join(words)), write(inline.content) if write else ""]
        words = []
    return Markdown("".join([*parts, markdown.escape("".join(words))]))


def _marked(mark: str, inlines: Tree) -> str:
    text = _inlines(inlines).strip(" ")
    return f"{mark}{text}{mark}" if text else ""


def _link(content: Tree) -> str:
    text, address = _inlines(content[1]), str(content[2][0])
    shown = address if _ADDRESS.fullmatch(address) else ""
    return f"[{text}](<{shown}>)" if shown else str(text)


def _cite(content: Tree) -> str:
    """References to what the report shows; anything else stays as it was typed."""
    matches = [_REFERENCE.fullmatch(citation["citationId"]) for citation in content[0]]
    if not all(matches):
        return str(_inlines(content[1]))
    return ", ".join(markdown.reference(match[1], match[2]) for match in matches if match)


def _quoted(content: Tree) -> str:
    opening, closing = ("“", "”") if content[0].kind == "DoubleQuote" else ("‘", "’")
    return f"{opening}{_inlines(content[1])}{closing}"


_TEXT: Mapping[str, Callable[[Tree], str]] = MappingProxyType(
    {
        "Str": str,
        **dict.fromkeys(("Space", "SoftBreak", "LineBreak"), lambda _: " "),
        "Math": lambda content: f"${content[1]}$",
        "RawInline": lambda content: content[1],
    }
)
_INLINES: Mapping[str, Callable[[Tree], str]] = MappingProxyType(
    {
        "Emph": partial(_marked, "*"),
        "Strong": partial(_marked, "**"),
        **dict.fromkeys(("Underline", "Strikeout", "Superscript", "Subscript"), _inlines),
        "SmallCaps": _inlines,
        "Quoted": _quoted,
        "Cite": _cite,
        "Code": lambda content: markdown.inline_code(content[1]),
        "Link": _link,
        **dict.fromkeys(("Image", "Span"), lambda content: _inlines(content[1])),
    }
)
