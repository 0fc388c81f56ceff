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
from pathlib import Path
from types import MappingProxyType
from typing import Any

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
    data = _bytes(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise RenderError(f"{path}: not written in UTF-8; save the file as UTF-8") from None
    return Note(path.stem, to_markdown(text), hashlib.sha256(data).hexdigest())


def _bytes(path: Path) -> bytes:
    """The content of a regular file of at most `LIMIT` bytes, through no link."""
    try:
        with open_file(path) as stream:
            data = stream.read(LIMIT + 1)
    except (ArtifactError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RenderError(f"{path}: cannot be read as a file of its own: {reason}") from None
    if len(data) > LIMIT:
        raise RenderError(f"{path}: more than {LIMIT // 1024} KiB; shorten the note")
    return data


def to_markdown(text: str) -> Markdown:
    """The note as Markdown that Quarto and pandoc read alike and in which nothing is run."""
    command = [pandoc.program(), "--sandbox", f"--from={pandoc.READER}", "--to=json"]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise RenderError(f"pandoc: no result after {_SECONDS} s on a note") from None
    if done.returncode != 0:
        errors = done.stderr.decode("utf-8", "replace")[:500]
        raise RenderError(f"pandoc: a note cannot be read: {errors}")
    return _blocks(json.loads(done.stdout)["blocks"])


# --- blocks ---------------------------------------------------------------------------------------


def _blocks(blocks: Sequence[Mapping[str, Any]]) -> Markdown:
    written = [_block(block) for block in blocks]
    return Markdown("\n\n".join(text for text in written if text))


def _block(block: Mapping[str, Any]) -> str:
    write = _BLOCKS.get(block["t"])
    return write(block.get("c")) if write else ""


def _paragraph(inlines: Any) -> str:
    text = str(markdown.one_line(_inlines(inlines)))
    # A reference at the start of a paragraph would open an example list.
    return f"\u2060{text}" if text.startswith(markdown.REFERENCE[0]) else text


def _heading(content: Any) -> str:
    text = _paragraph(content[2])  # a heading of its own would count as a section of the report
    return f"**{text}**" if text else ""


def _code(content: Any) -> str:
    return str(markdown.code_block(content[1])).strip("\n")


def _quote(blocks: Any) -> str:
    return _indented(_blocks(blocks), "> ", "> ")


def _bullets(items: Any) -> str:
    return "\n\n".join(_indented(_blocks(item), "- ", "  ") for item in items if item)


def _numbered(content: Any) -> str:
    items = [item for item in content[1] if item]
    return "\n\n".join(
        _indented(_blocks(item), f"{number}. ".ljust(4), "    ")
        for number, item in enumerate(items, start=1)
    )


def _indented(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join(
        f"{rest if at else first}{line}".rstrip() if line or first == rest else ""
        for at, line in enumerate(lines)
    )


def _definitions(content: Any) -> str:
    return "\n\n".join(
        f"**{_paragraph(term)}** {' '.join(_words(meaning) for meaning in meanings)}"
        for term, meanings in content
    )


def _table(content: Any) -> str:
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


def _words(blocks: Any) -> str:
    """Blocks on one line, as a cell needs them."""
    return " ".join(_paragraph(block["c"]) for block in blocks if block["t"] in {"Plain", "Para"})


def _inner_blocks(content: Any) -> str:
    return str(_blocks(content[1]))


def _figure(content: Any) -> str:
    return str(_blocks(content[2]))


_BLOCKS: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "Para": _paragraph,
        "Plain": _paragraph,
        "Header": _heading,
        "CodeBlock": _code,
        "RawBlock": _code,
        "BlockQuote": _quote,
        "BulletList": _bullets,
        "OrderedList": _numbered,
        "DefinitionList": _definitions,
        "Table": _table,
        "Div": _inner_blocks,
        "Figure": _figure,
        "HorizontalRule": lambda _: "",
    }
)

# --- inlines --------------------------------------------------------------------------------------


def _inlines(inlines: Sequence[Mapping[str, Any]]) -> Markdown:
    parts: list[str] = []
    words: list[str] = []
    for inline in inlines:
        if inline["t"] in _TEXT:
            words.append(_TEXT[inline["t"]](inline.get("c")))
            continue
        parts += [markdown.escape("".join(words)), _inline(inline)]
        words = []
    return Markdown("".join([*parts, markdown.escape("".join(words))]))


def _inline(inline: Mapping[str, Any]) -> str:
    write = _INLINES.get(inline["t"])
    return write(inline["c"]) if write else ""


def _marked(mark: str) -> Callable[[Any], str]:
    def write(inlines: Any) -> str:
        text = _inlines(inlines).strip(" ")
        return f"{mark}{text}{mark}" if text else ""

    return write


def _link(content: Any) -> str:
    text, address = _inlines(content[1]), str(content[2][0])
    shown = address if _ADDRESS.fullmatch(address) else ""
    return f"[{text}](<{shown}>)" if shown else str(text)


def _cite(content: Any) -> str:
    """References to what the report shows; anything else stays as it was typed."""
    matches = [_REFERENCE.fullmatch(citation["citationId"]) for citation in content[0]]
    if not all(matches):
        return str(_inlines(content[1]))
    return ", ".join(markdown.reference(match[1], match[2]) for match in matches if match)


def _quoted(content: Any) -> str:
    opening, closing = ("“", "”") if content[0]["t"] == "DoubleQuote" else ("‘", "’")
    return f"{opening}{_inlines(content[1])}{closing}"


_TEXT: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "Str": str,
        "Space": lambda _: " ",
        "SoftBreak": lambda _: " ",
        "LineBreak": lambda _: " ",
        "Math": lambda content: f"${content[1]}$",
        "RawInline": lambda content: str(content[1]),
    }
)
_INLINES: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "Emph": _marked("*"),
        "Strong": _marked("**"),
        "Underline": _inlines,
        "Strikeout": _inlines,
        "Superscript": _inlines,
        "Subscript": _inlines,
        "SmallCaps": _inlines,
        "Quoted": _quoted,
        "Cite": _cite,
        "Code": lambda content: str(markdown.inline_code(content[1])),
        "Link": _link,
        "Image": lambda content: str(_inlines(content[1])),
        "Span": lambda content: str(_inlines(content[1])),
    }
)
