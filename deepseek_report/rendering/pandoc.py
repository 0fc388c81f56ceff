"""Calls pandoc: a list of arguments, no shell, sandboxed readers and writers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from deepseek_report import children
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.artifacts.storage.plain_files import read_bytes
from deepseek_report.errors import RenderError
from deepseek_report.rendering.page_words import label_arguments, words_of_document

#: Quarto's Markdown without what only hostile text would use, and what the report never writes.
_UNUSED = (
    "raw_html raw_tex latex_macros native_divs native_spans markdown_in_html_blocks grid_tables "
    "simple_tables multiline_tables fancy_lists example_lists line_blocks footnotes inline_notes "
    "startnum pandoc_title_block"
)
READER = "-".join(("markdown", *_UNUSED.split()))
_COMPLAINT = "report-filter:"
_SECONDS = 120
#: The date that pandoc writes into a file: the first that a zip archive can hold.
EPOCH = "315532800"


def convert(source: Path, writer: str, arguments: Sequence[str] = ()) -> str:
    """The document through the report's filter, as text in pandoc's format `writer`."""
    return convert_binary(source, writer, ("--sandbox", *arguments)).decode("utf-8")


def convert_binary(source: Path, writer: str, arguments: Sequence[str]) -> bytes:
    """The same as bytes, and with access to the pictures that `arguments` name."""
    text = read_bytes(source)
    labels = label_arguments(words_of_document(text.decode("utf-8")))
    return _run(_command(writer, [*labels, *arguments]), source.parent, text)


def convert_text(
    text: str, folder: Path, writer: str, arguments: Sequence[str], seconds: float = _SECONDS
) -> str:
    """A part of a document through the report's filter; `arguments` hold `label_arguments`."""
    command = _command(writer, ("--sandbox", *arguments))
    return _run(command, folder, text.encode(), seconds).decode("utf-8")


def _command(writer: str, arguments: Sequence[str]) -> list[str]:
    script = shipped("templates") / "html" / "filter.lua"
    return [program(), f"--from={READER}", f"--to={writer}", f"--lua-filter={script}", *arguments]


@cache
def program() -> str:
    """The path of pandoc: the one in the wheel, whatever else of that name is on the machine.

    The package itself would try all that it finds, and take the newest: other bytes on a machine
    that has one, and a seventh of a second on any.
    """
    wheel = find_spec("pypandoc")
    name = "pandoc.exe" if os.name == "nt" else "pandoc"
    path = Path(wheel.origin or "").parent / "files" / name if wheel else None
    if path is None or not path.is_file():
        raise RenderError(
            "pandoc: not found; it comes with the package pypandoc-binary, which is missing or "
            "broken in this environment; install deepseek-report again"
        )
    return str(path)


def version() -> str:
    """The version of that pandoc, such as "3.8"."""
    return _run([program(), "--version"], Path.cwd()).decode("utf-8", "replace").split()[1]


def data_file(name: str) -> bytes:
    """A file that pandoc carries, such as `reference.docx`."""
    return _run([program(), "--print-default-data-file", name], Path.cwd())


def _run(
    command: Sequence[str], folder: Path, text: bytes = b"", seconds: float = _SECONDS
) -> bytes:
    variables = {"LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": EPOCH}
    try:
        done = children.run(command, folder=folder, text=text, seconds=seconds, variables=variables)
    except subprocess.TimeoutExpired:
        raise RenderError(f"pandoc: no result after {seconds} s on {folder}") from None
    log = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        raise RenderError(f"pandoc: exit code {done.returncode} on {folder}: {log[:2000]}")
    complaints = [line for line in log.splitlines() if _COMPLAINT in line]
    if complaints:
        raise RenderError(
            f"{folder}: the document has parts that cannot be rendered: "
            + "; ".join(line.split(_COMPLAINT, 1)[1].strip() for line in complaints[:10])
        )
    return done.stdout
