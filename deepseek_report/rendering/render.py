"""From the run folder's `report.qmd` to the files that people open."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.errors import RenderError
from deepseek_report.rendering import pandoc
from deepseek_report.rendering.page_words import BRIEF, head_of_document
from deepseek_report.rendering.typeset import rasterise, render_pdf
from deepseek_report.rendering.word_parts import finished, reference_document

_FORMATS = ("html", "pdf", "docx", "brief")


def render(
    folder: Path,
    formats: Sequence[str] = ("html",),
    engine: str = "auto",
    on_notice: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Render the report of a run folder.

    Parameters
    ----------
    folder : holds `report.qmd`, `figures/` and `tables/`; nothing else is read.
    formats : any of `report_options.FORMATS`. The brief is set by the embedded engine.
    engine : "embedded" or "auto" (the same: it looks alike everywhere), or "quarto".
    on_notice : gets a sentence for whatever a page lacks, such as a standard of PDF.

    Returns
    -------
    The files written, in the order of `formats`.
    """
    document = folder / "report.qmd"
    if not document.exists():
        raise RenderError(f"{document}: there is no report source in this folder; run first")
    unknown = [name for name in formats if name not in _FORMATS]
    if unknown:
        raise RenderError(f"format {unknown[0]!r}: choose from {', '.join(_FORMATS)}")
    if engine not in {"auto", "embedded", "quarto"}:
        raise RenderError(f"engine {engine!r}: choose from auto, embedded, quarto")
    pages: dict[str, Path] = {}
    whole = [name for name in formats if name != "brief"]
    if engine == "quarto" and whole:
        from deepseek_report.rendering import quarto

        pages = dict(zip(whole, quarto.render(document, whole), strict=True))
    return [pages.get(name) or _embedded(name, document, on_notice) for name in formats]


def _embedded(name: str, document: Path, on_notice: Callable[[str], None]) -> Path:
    """A format by the embedded engine."""
    if name == "html":
        from deepseek_report.rendering.embedded import render_html

        return render_html(document)
    if name == "docx":
        return render_docx(document, on_notice)
    source = document.with_name(BRIEF) if name == "brief" else document
    if not source.exists():
        raise RenderError(f"{source}: there is no brief in this folder; render the run again")
    printed = render_pdf(source)
    for notice in printed.notices:
        on_notice(notice)
    return printed.path


# The report as DOCX that people edit and archive: numbered by fields, the same bytes twice.
#
# Pandoc writes the text and the filter its fields; what stands around the text they take from a
# document made here, and so does Quarto: styles, the page, its head and foot, the numbering of
# headings. The day of the run, and rows that stay whole, are put in afterwards.

_PICTURE = re.compile(r"\]\(((?:figures|figures/narrow)/[\w-]+)\.svg\)")


def render_docx(document: Path, on_notice: Callable[[str], None] = lambda _: None) -> Path:
    """Write `report.docx` beside the document.

    on_notice : gets a sentence for each picture with characters that no font has.
    """
    path = document.with_suffix(".docx")
    text = plain_files.read_text(document)
    head = head_of_document(text)
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.docx"
        plain_files.write_bytes(reference, reference_document(head))
        names = sorted(set(_PICTURE.findall(text)), key=lambda name: (name.count("/"), name))
        for _, alike in itertools.groupby(names, key=lambda name: name.rpartition("/")[0]):
            own = list(alike)
            files = [document.parent / f"{name}.svg" for name in own]
            pictures = rasterise(files, lambda lacks: on_notice(f"{path.name}: {lacks}"))
            for name, picture in zip(own, pictures, strict=True):
                plain_files.write_bytes(Path(folder) / f"{name}.png", picture)
        arguments = (f"--reference-doc={reference}", f"--resource-path={folder}", "--output=-")
        made = pandoc.convert_binary(document, "docx", arguments)
    plain_files.write_bytes(path, finished(made, head))
    return path
