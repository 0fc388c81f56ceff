"""The engine `quarto`: the same source through Quarto, with its silent failures made loud.

Quarto works on a copy of the document, written a moment before, in a folder of its own: it leaves
nothing but the finished file, and finds no project file, extension or script that somebody put
beside it. Paper it writes by the filter, the template and the styles of the embedded engine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deepseek_report import children
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.errors import RenderError
from deepseek_report.rendering.page_words import head_of_document
from deepseek_report.rendering.pandoc import EPOCH
from deepseek_report.rendering.typeset import FONTS, STYLESHEET, font_files
from deepseek_report.rendering.word_parts import finished, unpacked

#: Our format names in Quarto's words, and the ending of what it writes.
FORMATS = {"html": ("html", ".html"), "pdf": ("typst", ".pdf"), "docx": ("docx", ".docx")}
#: The program that turns SVG pictures into what DOCX can hold.
CONVERTER = "rsvg-convert"
_SECONDS = 600
#: Complaints that a message names, and letters of each.
_SHOWN, _LONGEST = 3, 300
_UNRESOLVED = re.compile(r"\?@[\w-]+|\?(?:fig|tbl|sec)-[\w-]+")
#: How Quarto, its filters, pandoc and Typst begin a line of trouble. What is echoed of the
#: document is indented, so a title that begins with "Warning:" is none.
_TROUBLE = re.compile(
    r"^((?:\[?(?:WARN|WARNING|ERROR|FATAL)\b\]?(?: \(.*?\))?[ :]+|[Ww]arning: |[Ee]rror: "
    r"|Error running filter .*:\n)+)((?:.*:\n)?.*)$",
    re.MULTILINE,
)
#: What says nothing of the report: that something failed; that Quarto lacks a tool of its own that
#: collects packages of Typst, of which the report needs none.
_EMPTY = re.compile("Error encountered when rendering|compilation failed|typst-gather")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PICTURE = re.compile(r"\]\([^)\s]+\.svg\)")
_FOLDERS = ("figures", "tables", "quarto")
_PROJECT = ("_quarto.yml", "_quarto.yaml")


def find() -> str | None:
    """Where the program `quarto` is: QUARTO_PATH, else PATH; None if it is not installed.

    The package `quarto` looks there, too; it holds no program itself.
    """
    try:
        from quarto.quarto import path
    except ImportError:
        return os.environ.get("QUARTO_PATH") or shutil.which("quarto")
    location: str | None = path()
    return location


def program() -> str:
    """The path of `quarto`."""
    if (location := find()) is not None:
        return location
    raise RenderError(
        "engine quarto: the program `quarto` is neither on PATH nor named by QUARTO_PATH. Install "
        "it from its makers (no Python package holds it), or take `--engine embedded`, which needs "
        "nothing"
    )


def render(document: Path, formats: Sequence[str]) -> list[Path]:
    """Render each format beside the document; raise on any sign that Quarto left something out."""
    quarto = program()
    if "docx" in formats:
        _check_converter(document)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _refuse_project(work)
        copy = _copy(document, work)
        return [_render(quarto, copy, document, name) for name in formats]


def _check_converter(document: Path) -> None:
    if shutil.which(CONVERTER) is None and _PICTURE.search(plain_files.read_text(document)):
        raise RenderError(
            f"engine quarto: DOCX needs the program `{CONVERTER}` on PATH for its pictures; "
            "install it (librsvg, on Debian the package librsvg2-bin), or take "
            "`--engine embedded`, which needs nothing"
        )


def _refuse_project(work: Path) -> None:
    """Quarto would take up a project of a folder above, and with it whatever it runs."""
    for folder in work.resolve().parents:
        for name in _PROJECT:
            if (folder / name).exists():
                raise RenderError(
                    f"engine quarto: {folder / name} lies above the folder for temporary files and "
                    "would change the report; remove it, or set TMPDIR to another folder"
                )


def _copy(document: Path, work: Path) -> Path:
    """The document in `work` with its pictures, its tables, our fonts, and all it is written by."""
    for name in _FOLDERS:
        for path in plain_files.files_below(document.parent / name):
            plain_files.copy_file(path, work / path.relative_to(document.parent))
    for name in (STYLESHEET, document.name):
        plain_files.copy_file(document.with_name(name), work / name)
    for font in font_files():
        plain_files.copy_file(font, work / FONTS / font.name)
    return work / document.name


def _render(quarto: str, copy: Path, document: Path, name: str) -> Path:
    target, ending = FORMATS[name]
    made, path = copy.with_suffix(ending), document.with_suffix(ending)
    command = [quarto, "render", copy.name, "--to", target, "--no-execute", "-M", "own-fonts:true"]
    try:
        done = children.run(
            command, folder=copy.parent, seconds=_SECONDS, variables={"SOURCE_DATE_EPOCH": EPOCH}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _refusal(path, [str(error)]) from None
    log = _COLOUR.sub("", done.stderr.decode("utf-8", "replace"))
    log = log.replace(str(copy.parent), str(document.parent))
    content = plain_files.read_bytes(made) if made.exists() else b""
    problems = [*_complaints(log), *(_unresolved(content, name) if content else ())]
    if done.returncode != 0 or not content:
        problems = problems or [*log.split("\n")[-2:-1], f"exit code {done.returncode}"]
    if problems:
        raise _refusal(path, problems)
    if name == "docx":
        content = finished(content, head_of_document(plain_files.read_text(document)))
    plain_files.write_bytes(path, content)
    return path


def _complaints(log: str) -> list[str]:
    """What Quarto complains of, each once, errors before warnings."""
    lines = [(grade, " ".join(text.split())) for grade, text in _TROUBLE.findall(log)]
    lines.sort(key=lambda line: line[0].lower().startswith("warn"))
    return list(dict.fromkeys(text for _, text in lines if not _EMPTY.search(text)))


def _unresolved(content: bytes, name: str) -> list[str]:
    """References that Quarto writes as they are, with exit code 0; in a PDF they are errors."""
    if name == "pdf":
        return []
    text = content if name == "html" else unpacked(content)["word/document.xml"]
    shown = re.sub(r"<(script|style)\b.*?</\1>", "", text.decode("utf-8"), flags=re.DOTALL)
    return [f"unresolved reference {mark}" for mark in sorted(set(_UNRESOLVED.findall(shown)))]


def _refusal(path: Path, problems: Sequence[str]) -> RenderError:
    """Why a page was not written, in a sentence, and what to do."""
    faults = "; ".join(problem[:_LONGEST] for problem in problems[:_SHOWN])
    more = f", and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    target = FORMATS[path.suffix[1:]][0]
    return RenderError(
        f"engine quarto: {path} was not written, since Quarto says: {faults}{more}. Take `--engine "
        "embedded`, which needs no Quarto, or see all that Quarto says with `quarto render "
        f"{path.stem}.qmd --to {target}` in the folder"
    )
