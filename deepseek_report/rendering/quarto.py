"""The engine `quarto`: the same source through Quarto, with its silent failures made loud.

Quarto works on a copy of the document in a folder of its own: it leaves nothing but the finished
file in the run folder, and finds no project file, extension or script that somebody put there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import yaml

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.errors import RenderError

#: Our format names in Quarto's words, and the ending of what it writes.
FORMATS = {"html": ("html", ".html"), "pdf": ("typst", ".pdf"), "docx": ("docx", ".docx")}
#: The program that turns SVG pictures into what DOCX can hold.
CONVERTER = "rsvg-convert"
_SECONDS = 600
_UNRESOLVED = re.compile(r"\?@[\w-]+|\?(?:fig|tbl|sec)-[\w-]+")
#: How Quarto, its filters, pandoc and Typst begin a line of trouble. What is echoed of the
#: document is indented, so a title that begins with "Warning:" is none.
_TROUBLE = re.compile(
    r"^(?:\[?(?:WARN|WARNING|ERROR|FATAL)\b\]?[ :(]|(?:[Ww]arning|[Ee]rror): ).*$", re.MULTILINE
)
#: Said of each set of tabs outside of HTML, which are then written one below the other, as meant.
_HARMLESS = "couldn't recognize format, using default tabset rendering"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PICTURE = re.compile(r"\]\([^)\s]+\.svg\)")
#: Keys that the front matter may have; Quarto itself accepts any and ignores what it can't read.
_KEYS = frozenset(
    {"title", "subtitle", "author", "date", "date-format", "date-modified", "abstract", "keywords"}
    | {"description", "categories", "lang", "format", "number-sections", "number-depth", "toc"}
    | {"toc-depth", "toc-title", "toc-location", "theme", "css", "brand", "page-layout", "params"}
    | {"include-in-header", "include-before-body", "include-after-body", "embed-resources"}
    | {"bibliography", "csl", "nocite", "link-citations", "citation", "reference-location"}
    | {"execute", "echo", "code-fold", "code-tools", "crossref", "lightbox", "fig-cap-location"}
    | {"tbl-cap-location", "fig-width", "fig-height", "fig-align", "html-math-method", "license"}
    | {"copyright", "doi", "draft", "editor", "papersize", "margin", "mainfont", "fontsize"}
    | {"shift-heading-level-by", "format-links", "other-links", "other-formats", "image"}
    | {"comments"}
)
#: Keys of the front matter, at its top or in a format, that name files beside the document.
_FILE_KEYS = frozenset(
    {"bibliography", "csl", "theme", "css", "brand", "include-in-header", "include-before-body"}
    | {"include-after-body", "image", "file"}
)
_FOLDERS = ("figures", "tables")
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
    head = _front_matter(document)
    if "docx" in formats:
        _check_converter(document)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _refuse_project(work)
        copy = _copy(document, head, work)
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


def _copy(document: Path, head: Mapping[str, object], work: Path) -> Path:
    """The document in `work` with its pictures, its tables, and the files that its head names."""
    source = document.parent
    for name in _FOLDERS:
        for path in plain_files.files_below(source / name):
            plain_files.copy_file(path, work / path.relative_to(source))
    for name in sorted(set(_named_files(head))):
        path = source / name
        if path.is_file() and path.resolve().is_relative_to(source.resolve()):
            plain_files.copy_file(path, work / name)
    plain_files.copy_file(document, work / document.name)
    return work / document.name


def _named_files(value: object, named: bool = False) -> Iterator[str]:
    """Texts that may be files beside the document, of a front matter."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named_files(item, key in _FILE_KEYS or (named and key != "text"))
    elif isinstance(value, list):
        for item in value:
            yield from _named_files(item, named)
    elif named and isinstance(value, str) and not re.match(r"[\\/~]|.*(\.\.|\n|:)", value):
        yield value


def _render(quarto: str, copy: Path, document: Path, name: str) -> Path:
    target, ending = FORMATS[name]
    command = [quarto, "render", copy.name, "--to", target, "--no-execute"]
    try:
        done = subprocess.run(
            command, cwd=copy.parent, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderError(f"engine quarto: {document} to {name}: {error}") from None
    log = _COLOUR.sub("", done.stderr.decode("utf-8", "replace"))
    if done.returncode != 0:
        raise RenderError(
            f"engine quarto: {document} to {name}: exit code {done.returncode}: {log[-2000:]}"
        )
    path = document.with_suffix(ending)
    _check_output(copy.with_suffix(ending), path, log, name)
    plain_files.write_bytes(path, plain_files.read_bytes(copy.with_suffix(ending)))
    return path


def _check_output(made: Path, path: Path, log: str, name: str) -> None:
    """Quarto exits with 0 for an unresolved reference and for a file that it wrote elsewhere."""
    if not made.exists():
        raise RenderError(f"engine quarto: exit code 0, but {path} was not written")
    problems = [line.strip() for line in _TROUBLE.findall(log) if _HARMLESS not in line]
    if name == "html":
        text = re.sub(
            r"<(script|style)\b.*?</\1>", "", plain_files.read_text(made), flags=re.DOTALL
        )
        problems += sorted(set(_UNRESOLVED.findall(text)))
    if problems:
        raise RenderError(
            f"engine quarto: {path} is not whole: " + "; ".join(problems[:10]) + "; the embedded "
            "renderer names the place: `--engine embedded`"
        )


def _front_matter(document: Path) -> dict[str, object]:
    """The head of the document; RenderError where it is no YAML or has a key that nobody knows."""
    text = plain_files.read_text(document)
    if not text.startswith("---\n"):
        return {}
    try:
        head = yaml.safe_load(text.removeprefix("---\n").split("\n---\n", 1)[0]) or {}
    except yaml.YAMLError as error:
        raise RenderError(f"{document}: the front matter is no YAML: {error}") from None
    if not isinstance(head, dict):
        raise RenderError(f"{document}: the front matter holds no keys with values")
    unknown = sorted(str(key) for key in set(head) - _KEYS)
    if unknown:
        near = get_close_matches(unknown[0], sorted(_KEYS), n=1)
        meant = f' (did you mean "{near[0]}"?)' if near else ""
        raise RenderError(
            f"{document}: unknown keys in the front matter: {', '.join(unknown)}{meant}; allowed "
            f"are {', '.join(sorted(_KEYS))}"
        )
    return head
