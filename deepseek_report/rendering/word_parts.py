"""The parts of a DOCX: styles, page, head and foot of the report, and what pandoc leaves open."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from html import escape

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.rendering import pandoc

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
_HEADS = re.compile(r"<w:trPr><w:cantSplit/><w:tblHeader.*?</w:tr>", re.DOTALL)
_LOOK = re.compile(r'<w:pStyle w:val="\w+" ?/>')
_SECTION = re.compile(r"<w:sectPr>.*</w:sectPr>|<w:sectPr ?/>", re.DOTALL)
#: The day that pandoc writes for one that is not known.
_NO_DAY = "1980-01-01"


def unpacked(document: bytes) -> dict[str, bytes]:
    """The parts of a DOCX by name, in their order."""
    with plain_files.open_archive(io.BytesIO(document)) as source:
        return {name: source.read(name) for name in source.namelist()}


def packed(parts: Mapping[str, bytes]) -> bytes:
    """A DOCX of these parts, without the times at which they were packed."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name, date_time=plain_files.ZIP_EPOCH)
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def reference_document(head: Mapping[str, object]) -> bytes:
    """Pandoc's reference document with the styles, page, head and foot of the report.

    head : the front matter of the document.
    """
    parts = unpacked(pandoc.data_file("reference.docx"))
    language, paper = str(head.get("lang") or "en"), str(head.get("papersize") or "a4")
    changes: dict[str, Callable[[str], str]] = {
        "word/styles.xml": lambda text: _styles(text, language),
        "word/document.xml": lambda text: _with_page(text, paper),
        "word/numbering.xml": _with_numbered_headings,
        # settings by which Word does not open the document as one of an old version
        "word/settings.xml": lambda text: text.replace("<w:rsids>", f"{_MODE}<w:rsids>", 1),
        "[Content_Types].xml": lambda text: text.replace("</Types>", f"{_TYPES}</Types>"),
        "word/_rels/document.xml.rels": lambda text: text.replace(
            "</Relationships>", f"{_RELATIONS}</Relationships>"
        ),
    }
    title = re.sub(r"\\(.)", r"\1", str(head.get("title") or ""))  # which is Markdown
    words = head.get("keywords")
    run = [str(word) for word in words[1:2]] if isinstance(words, list) else []
    foot = " · ".join([*run, *filter(None, [str(head.get("date") or "")])])
    edges = {
        "word/header1.xml": _edge("hdr", escape(title), _SECTION_NAME),
        "word/footer1.xml": _edge("ftr", escape(foot), _PAGE_NUMBER),
    }
    return packed({**_changed(parts, changes), **edges})


def _changed(
    parts: Mapping[str, bytes], changes: Mapping[str, Callable[[str], str]]
) -> dict[str, bytes]:
    """The parts of a DOCX, of which these texts are changed."""
    made = {name: change(parts[name].decode("utf-8")) for name, change in changes.items()}
    return {**parts, **{name: text.encode("utf-8") for name, text in made.items()}}


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


def finished(made: bytes, head: Mapping[str, object]) -> bytes:
    """What pandoc made, with the day of the run, and rows of tables that no page splits.

    head : the front matter of the document.
    """
    day = str(head.get("date") or _NO_DAY)
    changes: dict[str, Callable[[str], str]] = {
        "docProps/core.xml": lambda text: text.replace(_NO_DAY, day),
        "word/document.xml": _with_whole_rows,
    }
    return packed(_changed(unpacked(made), changes))


_MODE = (
    '<w:compat><w:compatSetting w:name="compatibilityMode" '
    'w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat>'
)
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


def _with_whole_rows(text: str) -> str:
    """The text with rows that no page splits, and heads that stay with the first of them."""
    text = re.sub(r"<w:tr>(?!<w:trPr>)", "<w:tr><w:trPr></w:trPr>", text)
    text = text.replace("<w:tr><w:trPr>", "<w:tr><w:trPr><w:cantSplit/>")
    return _HEADS.sub(lambda match: _LOOK.sub(r"\g<0><w:keepNext/>", match[0]), text)


def _with_page(text: str, paper: str) -> str:
    """The text with the page that it stands on."""
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
