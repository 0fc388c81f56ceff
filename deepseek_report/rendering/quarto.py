"""The engine `quarto`: the same source through Quarto, with its silent failures made loud."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deepseek_report.errors import RenderError

#: Our format names in Quarto's words, and the ending of what it writes.
FORMATS = {"html": ("html", ".html"), "pdf": ("typst", ".pdf"), "docx": ("docx", ".docx")}
_SECONDS = 600
_UNRESOLVED = re.compile(r"\?@[\w-]+|\?(?:fig|tbl|sec)-[\w-]+")
_TROUBLE = re.compile(
    r"^.*(?:\bWARN\w*\b|\bERROR\b|Unable to resolve|not found|unknown (?:key|option)).*$",
    re.IGNORECASE | re.MULTILINE,
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: Keys that the front matter may have; Quarto itself accepts any and ignores what it can't read.
_KEYS = frozenset({"title", "subtitle", "author", "lang", "format", "number-sections", "toc"})


def program() -> str:
    """The path of `quarto`."""
    found = shutil.which("quarto")
    if found is None:
        raise RenderError(
            "engine quarto: the program `quarto` is not on PATH; install Quarto, or the extra "
            "`deepseek-report[quarto]`, or take `--engine embedded`, which needs nothing"
        )
    return found


def render(document: Path, formats: Sequence[str]) -> list[Path]:
    """Render each format beside the document; raise on any sign that Quarto left something out."""
    quarto = program()
    _check_front_matter(document)
    return [_render(quarto, document, name) for name in formats]


def _render(quarto: str, document: Path, name: str) -> Path:
    target, ending = FORMATS[name]
    command = [quarto, "render", document.name, "--to", target]
    try:
        done = subprocess.run(
            command, cwd=document.parent, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderError(f"engine quarto: {document} to {name}: {error}") from None
    said = _COLOUR.sub("", done.stderr.decode("utf-8", "replace"))
    if done.returncode != 0:
        raise RenderError(
            f"engine quarto: {document} to {name}: exit code {done.returncode}: {said[-2000:]}"
        )
    path = document.with_suffix(ending)
    _check_output(path, said, name)
    return path


def _check_output(path: Path, said: str, name: str) -> None:
    """Quarto exits with 0 for an unresolved reference and for a file that it wrote elsewhere."""
    if not path.exists():
        raise RenderError(f"engine quarto: exit code 0, but {path} was not written")
    problems = [line.strip() for line in _TROUBLE.findall(said)]
    if name == "html":
        text = re.sub(r"<(script|style)\b.*?</\1>", "", path.read_text("utf-8"), flags=re.DOTALL)
        problems += sorted(set(_UNRESOLVED.findall(text)))
    if problems:
        raise RenderError(
            f"engine quarto: {path} is not whole: " + "; ".join(problems[:10]) + "; the embedded "
            "renderer names the place: `--engine embedded`"
        )


def _check_front_matter(document: Path) -> None:
    import yaml

    text = document.read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("\n---\n", 1)[0].removeprefix("---\n"))
    unknown = sorted(set(head) - _KEYS)
    if unknown:
        raise RenderError(
            f"{document}: unknown keys in the front matter: {', '.join(unknown)}; allowed are "
            f"{', '.join(sorted(_KEYS))}"
        )
