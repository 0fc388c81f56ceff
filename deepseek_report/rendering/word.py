"""The report as DOCX: pictures as PNG, styles of our own, the same bytes for the same document."""

from __future__ import annotations

import io
import itertools
import re
import tempfile
import zipfile
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.rendering import pandoc
from deepseek_report.rendering.page_words import words_of_document
from deepseek_report.rendering.typeset import rasterise

_PICTURE = re.compile(r"\]\(((?:figures|figures/narrow)/[\w-]+)\.svg\)")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_TABLE = (
    '<w:tblBorders><w:top w:val="single" w:sz="8" w:color="1F2430"/>'
    '<w:bottom w:val="single" w:sz="4" w:color="D9D7CF"/>'
    '<w:insideH w:val="single" w:sz="4" w:color="D9D7CF"/></w:tblBorders>'
)
#: (what stands in pandoc's styles, what ours say): text 10.5 pt, headings in ink, ruled tables.
_CHANGES = (
    (
        '<w:sz w:val="24" />\n        <w:szCs w:val="24" />',
        '<w:sz w:val="21"/><w:szCs w:val="21"/>',
    ),
    (
        '<w:color w:val="0F4761" w:themeColor="accent1"\n      w:themeShade="BF" />',
        '<w:color w:val="1F2430"/>',
    ),
    (
        '<w:tblInd w:w="0" w:type="dxa" />\n      <w:tblCellMar>',
        f'<w:tblInd w:w="0" w:type="dxa"/>{_TABLE}<w:tblCellMar>',
    ),
)


def render_docx(document: Path) -> Path:
    """Write `report.docx` beside the document."""
    path = document.with_suffix(".docx")
    words = words_of_document(plain_files.read_text(document))
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.docx"
        plain_files.write_bytes(reference, styled(pandoc.data_file("reference.docx")))
        _write_pictures(document, Path(folder))
        made = pandoc.convert_binary(
            document,
            "docx",
            (
                f"--reference-doc={reference}",
                f"--resource-path={folder}",
                "--toc",
                "--toc-depth=2",
                f"--metadata=toc-title:{words.text('page.table_of_contents')}",
                "--number-sections",
                "--output=-",
            ),
        )
    plain_files.write_bytes(path, made)
    return path


def _write_pictures(document: Path, folder: Path) -> None:
    text = plain_files.read_text(document)
    names = sorted(set(_PICTURE.findall(text)), key=lambda name: (name.count("/"), name))
    for _, alike in itertools.groupby(names, key=lambda name: name.rpartition("/")[0]):
        own = list(alike)
        pictures = rasterise([document.parent / f"{name}.svg" for name in own])
        for name, picture in zip(own, pictures, strict=True):
            plain_files.write_bytes(folder / f"{name}.png", picture)


def styled(reference: bytes) -> bytes:
    """Pandoc's reference document with the styles of the report added."""
    source = zipfile.ZipFile(io.BytesIO(reference))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == "word/styles.xml":
                data = _styles(data.decode("utf-8")).encode("utf-8")
            archive.writestr(zipfile.ZipInfo(name, date_time=_EPOCH), data)
    return target.getvalue()


def _styles(text: str) -> str:
    for old, new in _CHANGES:
        text = text.replace(old, new)
    ours = (shipped("templates") / "docx" / "styles.xml").read_text(encoding="utf-8")
    return text.replace("</w:styles>", f"{ours}</w:styles>")
