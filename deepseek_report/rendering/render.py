"""From the run folder's `report.qmd` to the files that people open."""

from __future__ import annotations

import io
import itertools
import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.errors import RenderError
from deepseek_report.rendering import pandoc
from deepseek_report.rendering.page_words import BRIEF, head_of_document, words_of_document
from deepseek_report.rendering.typeset import rasterise

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

    return render_docx(document, on_notice)


_EMBEDDED: Mapping[str, Callable[[Path, OnNotice], Path]] = {
    "html": _html,
    "pdf": _pdf,
    "docx": _docx,
    "brief": _brief,
}


# The report as DOCX that people edit and archive: numbered by fields, the same bytes twice.
#
# Pandoc writes the text and the filter its fields; what stands around the text is put in here: the
# page, its head and foot, the numbering of headings, the day of the run, and rows that stay whole.

_PICTURE = re.compile(r"\]\(((?:figures|figures/narrow)/[\w-]+)\.svg\)")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_TABLE = (
    '<w:tblBorders><w:top w:val="single" w:sz="8" w:color="1F2430"/>'
    '<w:bottom w:val="single" w:sz="4" w:color="D9D7CF"/>'
    '<w:insideH w:val="single" w:sz="4" w:color="D9D7CF"/></w:tblBorders>'
)
_STYLE_NAME = re.compile(r'w:styleId="(\w+)"')
_STYLE = re.compile(r'<w:style\b[^>]*w:styleId="(\w+)".*?</w:style>\s*', re.DOTALL)
_DEFAULTS = re.compile(r"<w:rPrDefault>.*?</w:rPrDefault>", re.DOTALL)
_TABLE_INDENT = re.compile(r'(<w:tblInd w:w="0" w:type="dxa" />)(\s*<w:tblCellMar>)')
#: This face, or one of the same widths, is on every machine.
_FACE, _HALF_POINTS = "Arial", 20
#: Width and height of a paper, and its edges, in twentieths of a point; the text is as wide on all.
PAPERS = {"a4": (11906, 16838), "letter": (12240, 15840)}
_TEXT_WIDTH, _ABOVE, _BELOW = 9638, 1304, 1134
#: By this number the styles of headings name their numbering; those of pandoc begin at 990.
_NUMBERING, _INDENTS = 900, (567, 737, 907)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_ROW = re.compile(r"<w:tr>(<w:trPr>)?")
_HEADS = re.compile(r"<w:trPr><w:cantSplit/><w:tblHeader.*?</w:tr>", re.DOTALL)
_LOOK = re.compile(r'<w:pStyle w:val="\w+" ?/>')
_SECTION = re.compile(r"<w:sectPr>.*</w:sectPr>|<w:sectPr ?/>", re.DOTALL)
_TITLE = re.compile(r"<dc:title>(.*?)</dc:title>", re.DOTALL)
#: The day that pandoc writes for one that is not known.
_NO_DAY = "1980-01-01"


def render_docx(document: Path, on_notice: Callable[[str], None] = lambda _: None) -> Path:
    """Write `report.docx` beside the document.

    on_notice : gets a sentence for each picture with characters that no font has.
    """
    path = document.with_suffix(".docx")
    text = plain_files.read_text(document)
    words, head = words_of_document(text), head_of_document(text)
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.docx"
        plain_files.write_bytes(reference, styled(pandoc.data_file("reference.docx"), head))
        _write_pictures(document, Path(folder), lambda text: on_notice(f"{path.name}: {text}"))
        made = pandoc.convert_binary(
            document,
            "docx",
            (
                f"--reference-doc={reference}",
                f"--resource-path={folder}",
                f"--metadata=toc-title:{words.text('page.table_of_contents')}",
                "--output=-",
            ),
        )
    plain_files.write_bytes(path, finished(made, head))
    return path


def _write_pictures(document: Path, folder: Path, on_notice: Callable[[str], None]) -> None:
    text = plain_files.read_text(document)
    names = sorted(set(_PICTURE.findall(text)), key=lambda name: (name.count("/"), name))
    for _, alike in itertools.groupby(names, key=lambda name: name.rpartition("/")[0]):
        own = list(alike)
        pictures = rasterise([document.parent / f"{name}.svg" for name in own], on_notice)
        for name, picture in zip(own, pictures, strict=True):
            plain_files.write_bytes(folder / f"{name}.png", picture)


def _unpacked(document: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(document)) as source:
        return {name: source.read(name) for name in source.namelist()}


def _packed(parts: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def styled(reference: bytes, head: Mapping[str, object]) -> bytes:
    """Pandoc's reference document with the styles of the report, in the language of the head.

    head : the front matter of the document.
    """
    parts = _unpacked(reference)
    styles = parts["word/styles.xml"].decode("utf-8")
    parts["word/styles.xml"] = _styles(styles, str(head.get("lang") or "en")).encode("utf-8")
    return _packed(parts)


def _styles(text: str, language: str) -> str:
    """Pandoc's styles, where ours do not take their place; tables are ruled."""
    ours = (shipped("templates") / "docx" / "styles.xml").read_text(encoding="utf-8")
    replaced = set(_STYLE_NAME.findall(ours))
    text = _STYLE.sub(lambda match: "" if match[1] in replaced else match[0], text)
    faces = " ".join(f'w:{script}="{_FACE}"' for script in ("ascii", "hAnsi", "cs"))
    size = f'<w:sz w:val="{_HALF_POINTS}"/><w:szCs w:val="{_HALF_POINTS}"/>'
    east = language if language.startswith(("zh", "ja", "ko")) else "zh-CN"
    spoken = f'<w:lang w:val="{escape(language)}" w:eastAsia="{escape(east)}"/>'
    defaults = f"<w:rPrDefault><w:rPr><w:rFonts {faces}/>{size}{spoken}</w:rPr></w:rPrDefault>"
    text = _DEFAULTS.sub(lambda _: defaults, text, count=1)
    text = _TABLE_INDENT.sub(rf"\1{_TABLE}\2", text, count=1)
    return text.replace("</w:styles>", f"{ours}</w:styles>")


def finished(made: bytes, head: Mapping[str, Any]) -> bytes:
    """What pandoc made, with page, head and foot, numbered headings, and the day of the run.

    head : the front matter of the document.
    """
    parts = _unpacked(made)
    day = str(head.get("date") or "")
    core = parts["docProps/core.xml"].decode("utf-8")
    title = _TITLE.search(core)
    run = [str(word) for word in head.get("keywords") or []][1:2]
    foot = escape(" · ".join([*run, *filter(None, [day])]))
    changes: dict[str, Callable[[str], str]] = {
        "docProps/core.xml": lambda text: text.replace(_NO_DAY, day or _NO_DAY),
        "word/document.xml": lambda text: _with_page(text, str(head.get("papersize") or "a4")),
        "word/numbering.xml": _with_numbered_headings,
        "word/settings.xml": _in_the_present_mode,
        "[Content_Types].xml": lambda text: _with(text, "</Types>", _TYPES),
        "word/_rels/document.xml.rels": lambda text: _with(text, "</Relationships>", _RELATIONS),
    }
    for name, change in changes.items():
        parts[name] = change(parts[name].decode("utf-8")).encode("utf-8")
    parts["word/header1.xml"] = _edge("hdr", title[1] if title else "", _SECTION_NAME)
    parts["word/footer1.xml"] = _edge("ftr", foot, _PAGE_NUMBER)
    return _packed(parts)


def _with(text: str, end: str, more: str) -> str:
    return text.replace(end, f"{more}{end}")


_EDGES = {"header": "header1.xml", "footer": "footer1.xml"}
_TYPES = "".join(
    f'<Override PartName="/word/{name}" ContentType="{_KIND}.{kind}+xml"/>'
    for kind, name in _EDGES.items()
)
_RELATIONS = "".join(
    f'<Relationship Id="report-{kind}" Type="{_RELATION}/{kind}" Target="{name}"/>'
    for kind, name in _EDGES.items()
)


def _field(instruction: str, shown: str) -> str:
    begin, separate, end = (
        f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")
    )
    code = f'<w:r><w:instrText xml:space="preserve"> {instruction} </w:instrText></w:r>'
    return f"{begin}{code}{separate}<w:r><w:t>{shown}</w:t></w:r>{end}"


#: Word itself keeps these up to date: the page, the pages, and the section that a page is in.
_PAGE_NUMBER = "<w:r><w:t> / </w:t></w:r>".join([_field("PAGE", "1"), _field("NUMPAGES", "1")])
_SECTION_NAME = _field("STYLEREF 1", "")


def _edge(element: str, left: str, right: str) -> bytes:
    """The head (`hdr`) or foot (`ftr`) of every page: a text at the left, fields at the right."""
    style = {"hdr": "Header", "ftr": "Footer"}[element]
    text = f"<w:r><w:t>{left}</w:t></w:r><w:r><w:tab/></w:r>{right}"
    paragraph = f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{text}</w:p>'
    part = f'<w:{element} xmlns:w="{_WORD}">{paragraph}</w:{element}>'
    part = part.replace("<w:t> / ", '<w:t xml:space="preserve"> / ')
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{part}'.encode()


def _with_page(text: str, paper: str) -> str:
    """The text with rows that no page splits, heads that stay with them, and the page itself."""
    text = _ROW.sub(lambda match: f"<w:tr><w:trPr><w:cantSplit/>{_end_of_row(match)}", text)
    text = _HEADS.sub(lambda match: _LOOK.sub(r"\g<0><w:keepNext/>", match[0]), text)
    width, height = PAPERS[paper if paper in PAPERS else "a4"]
    side = (width - _TEXT_WIDTH) // 2
    page = (
        '<w:sectPr><w:headerReference w:type="default" r:id="report-header"/>'
        '<w:footerReference w:type="default" r:id="report-footer"/>'
        f'<w:pgSz w:w="{width}" w:h="{height}"/>'
        f'<w:pgMar w:top="{_ABOVE}" w:right="{side}" w:bottom="{_BELOW}" w:left="{side}"'
        ' w:header="624" w:footer="567" w:gutter="0"/></w:sectPr>'
    )
    return _SECTION.sub(lambda _: page, text)


def _end_of_row(match: re.Match[str]) -> str:
    return "" if match[1] else "</w:trPr>"


def _with_numbered_headings(text: str) -> str:
    """The lists of pandoc, and one that numbers headings of three levels by their styles."""
    levels = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="decimal"/>'
        f'<w:pStyle w:val="Heading{at + 1}"/><w:suff w:val="tab"/>'
        f'<w:lvlText w:val="{".".join(f"%{k}" for k in range(1, at + 2))}"/><w:lvlJc w:val="left"/>'
        f'<w:pPr><w:ind w:left="{indent}" w:hanging="{indent}"/></w:pPr></w:lvl>'
        for at, indent in enumerate(_INDENTS)
    )
    many = '<w:multiLevelType w:val="multilevel"/>'
    kind = f'<w:abstractNum w:abstractNumId="{_NUMBERING}">{many}{levels}</w:abstractNum>'
    number = f'<w:num w:numId="{_NUMBERING}"><w:abstractNumId w:val="{_NUMBERING}"/></w:num>'
    text = text.replace("<w:abstractNum ", f"{kind}<w:abstractNum ", 1)
    return f"</w:abstractNum>{number}".join(text.rsplit("</w:abstractNum>", 1))


def _in_the_present_mode(text: str) -> str:
    """Settings by which Word does not open the document as one of an old version."""
    mode = (
        '<w:compat><w:compatSetting w:name="compatibilityMode" '
        'w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat>'
    )
    return text.replace("<w:rsids>", f"{mode}<w:rsids>", 1)
