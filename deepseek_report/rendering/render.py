"""From the run folder's `report.qmd` to the files that people open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from deepseek_report.errors import RenderError
from deepseek_report.rendering.report_options import BRIEF

#: Gets a sentence for whatever a page lacks.
OnNotice: TypeAlias = Callable[[str], None]


def _ignore(_: str) -> None:
    """Who wants to know of nothing."""


def render(
    folder: Path,
    formats: Sequence[str] = ("html",),
    engine: str = "auto",
    on_notice: OnNotice = _ignore,
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
    unknown = [name for name in formats if name not in _EMBEDDED]
    if unknown:
        raise RenderError(f"format {unknown[0]!r}: choose from {', '.join(_EMBEDDED)}")
    if engine not in {"auto", "embedded", "quarto"}:
        raise RenderError(f"engine {engine!r}: choose from auto, embedded, quarto")
    whole = [name for name in formats if name != "brief"] if engine == "quarto" else []
    pages = _by_quarto(document, whole)
    return [
        pages[name] if name in pages else _EMBEDDED[name](document, on_notice) for name in formats
    ]


def _by_quarto(document: Path, formats: Sequence[str]) -> dict[str, Path]:
    if not formats:
        return {}
    from deepseek_report.rendering import quarto

    return dict(zip(formats, quarto.render(document, formats), strict=True))


def _html(document: Path, _: OnNotice) -> Path:
    from deepseek_report.rendering.embedded import render_html

    return render_html(document)


def _pdf(document: Path, on_notice: OnNotice) -> Path:
    from deepseek_report.rendering.typeset import render_pdf

    printed = render_pdf(document)
    for notice in printed.notices:
        on_notice(notice)
    return printed.path


def _brief(document: Path, on_notice: OnNotice) -> Path:
    source = document.with_name(BRIEF)
    if not source.exists():
        raise RenderError(f"{source}: there is no brief in this folder; render the run again")
    return _pdf(source, on_notice)


def _docx(document: Path, on_notice: OnNotice) -> Path:
    from deepseek_report.rendering.word import render_docx

    return render_docx(document, on_notice)


_EMBEDDED: Mapping[str, Callable[[Path, OnNotice], Path]] = {
    "html": _html,
    "pdf": _pdf,
    "docx": _docx,
    "brief": _brief,
}
