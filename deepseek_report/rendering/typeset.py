"""The report as PDF, and pictures as PNG: pandoc writes Typst, a wheel sets it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.errors import RenderError
from deepseek_report.rendering import pandoc

_POINTS_PER_INCH = 200.0
#: The standard for PDFs that screen readers can read, ISO 14289-1, by Typst's name; and how the
#: messages of Typst name it.
_ACCESSIBLE, _ITS_NAME = "ua-1", "PDF/UA"


def render_pdf(document: Path) -> Path:
    """Write a PDF of the same name beside the document.

    It keeps to PDF/UA-1 unless something in the document, such as a heading that skips a level in
    a section of one's own, stands against that; then it has the tags of its structure all the same.
    """
    template = shipped("templates") / "typst" / "report.typ"
    source = pandoc.convert(
        document, "typst", (f"--template={template}", "--standalone", "--wrap=none")
    )
    path = document.with_suffix(".pdf")
    plain_files.write_bytes(path, _accessible_pdf(source, document.parent))
    return path


def _accessible_pdf(source: str, root: Path) -> bytes:
    try:
        return compile_pdf(source, root, [_ACCESSIBLE])
    except RenderError as error:
        if _ITS_NAME not in str(error):
            raise
        return compile_pdf(source, root)


def rasterise(pictures: Sequence[Path]) -> list[bytes]:
    """The pictures, all of one folder, as PNG, for formats that cannot show SVG."""
    if not pictures:
        return []
    pages = "\n#pagebreak()\n".join(f'#image("/{picture.name}")' for picture in pictures)
    source = f"#set page(width: auto, height: auto, margin: 4pt, fill: white)\n{pages}"
    made = _compile(source, pictures[0].parent, "png")
    return made if isinstance(made, list) else [made]


def compile_pdf(source: str, root: Path, standards: Sequence[str] = ()) -> bytes:
    """Compile Typst source; files are read below `root` alone.

    standards : that the file must keep to, by Typst's names.
    """
    return bytes(_compile(source, root, "pdf", standards))


def _compile(
    source: str, root: Path, output: Literal["pdf", "png"], standards: Sequence[str] = ()
) -> Any:
    import typst

    compile_: Any = typst.compile
    try:
        return compile_(
            source.encode(),
            root=str(root),
            font_paths=_font_folders(),
            format=output,
            ppi=_POINTS_PER_INCH,
            pdf_standards=list(standards),
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise RenderError(f"typst: the document in {root} could not be set: {error}") from None


def chinese_font() -> Path:
    """The font in which Chinese is printed; it comes with the package."""
    return shipped("templates") / "typst" / "fonts" / "report-han-sans.otf"


def _font_folders() -> list[str]:
    """The Chinese font, and matplotlib's DejaVu Sans, which the pictures are drawn in."""
    folders = [str(chinese_font().parent)]
    spec = importlib.util.find_spec("matplotlib")  # found without importing it
    if spec is not None and spec.origin is not None:
        folders.append(str(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"))
    return folders
