from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from deepseek_report.rendering import pandoc
from deepseek_report.rendering.typeset import rasterise, render_pdf
from deepseek_report.rendering.word import render_docx, styled


def test_a_pdf_is_the_same_twice_and_shows_hostile_text(sample: Path) -> None:
    first = render_pdf(sample).read_bytes()
    assert first == render_pdf(sample).read_bytes()
    assert first.startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext on PATH to read the text")
    done = subprocess.run(
        ["pdftotext", "-layout", str(sample.with_suffix(".pdf")), "-"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    text = " ".join(done.stdout.split())
    assert "{{< include /etc/passwd >}}" in text
    assert "Figure 1. Late payments decide" in text
    assert "Table 2. How often each group is favoured" in text


def test_a_docx_is_the_same_twice_and_holds_png_pictures(sample: Path) -> None:
    first = render_docx(sample).read_bytes()
    assert first == render_docx(sample).read_bytes()
    archive = zipfile.ZipFile(io.BytesIO(first))
    pictures = [name for name in archive.namelist() if name.startswith("word/media/")]
    assert len(pictures) == 4
    assert all(archive.read(name).startswith(b"\x89PNG") for name in pictures)
    document = archive.read("word/document.xml").decode("utf-8")
    text = "".join(ET.fromstring(document).itertext())  # noqa: S314 - our own file
    assert '<script>alert("x")</script>' in text
    assert 'descr="Late payments decide' in document


def test_a_tall_picture_leaves_room_on_its_page_in_print(sample: Path) -> None:
    tall = '<svg xmlns="http://www.w3.org/2000/svg" width="400pt" height="900pt"></svg>'
    for picture in (sample.parent / "figures").glob("*.svg"):
        picture.write_text(tall, encoding="utf-8")
    document = zipfile.ZipFile(io.BytesIO(render_docx(sample).read_bytes())).read(
        "word/document.xml"
    )
    heights = [int(one) for one in re.findall(rb'<wp:extent cx="\d+" cy="(\d+)"', document)]
    assert heights
    assert max(heights) <= 18 * 360_000  # 18 cm
    assert render_pdf(sample).read_bytes().startswith(b"%PDF")


def test_the_styles_of_the_report_reach_the_docx() -> None:
    archive = zipfile.ZipFile(io.BytesIO(styled(pandoc.data_file("reference.docx"))))
    styles = archive.read("word/styles.xml").decode("utf-8")
    ET.fromstring(styles)  # noqa: S314 - our own file
    names = set(re.findall(r'w:styleId="(\w+)"', styles))
    assert {"Callout", "CalloutTitle", "Question", "Answer", "CaptionAbove", "TabTitle"} <= names
    assert "tblBorders" in styles
    assert 'w:sz w:val="21"' in styles
    assert "0F4761" not in styles[: styles.index('w:styleId="Heading2"')]


def test_pictures_become_png_in_order(sample: Path) -> None:
    pictures = sorted((sample.parent / "figures").glob("*.svg"))
    made = rasterise(pictures)
    assert len(made) == len(pictures)
    assert all(one.startswith(b"\x89PNG") for one in made)
    assert rasterise([]) == []
