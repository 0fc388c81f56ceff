"""Documents of Word and PDF, and what goes into a paper."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

import deepseek_report
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.rendering import typeset
from deepseek_report.rendering.paper import WIDTHS, bibtex, latex_table, latex_text, picture_pdfs
from deepseek_report.rendering.render import render_docx
from deepseek_report.rendering.typeset import chinese_font, rasterise, render_pdf
from deepseek_report.rendering.word_parts import reference_document

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(text, head)`: a document of a report, by its body and its front matter."""

    def written(text: str, head: str = "---\ntitle: T\n---\n", name: str = "report") -> Path:
        document = tmp_path / f"{name}.qmd"
        document.write_text(f"{head}\n{text}", encoding="utf-8")
        return document

    return written


def text_of(pdf: Path, *options: str) -> str:
    """What `pdftotext` reads in a PDF; the test is skipped without that program."""
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext on PATH to read the text")
    command = ["pdftotext", *options, str(pdf), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_pdf_is_the_same_twice_and_shows_hostile_text(sample: Path) -> None:
    first = render_pdf(sample).path.read_bytes()
    assert first == render_pdf(sample).path.read_bytes()
    assert first.startswith(b"%PDF")
    text = " ".join(text_of(sample.with_suffix(".pdf"), "-layout").split())
    assert "{{< include /etc/passwd >}}" in text
    assert "Figure 1. Late payments decide" in text
    assert "Table 2. How often each group is favoured" in text


def test_a_pdf_keeps_to_the_standard_for_screen_readers(sample: Path) -> None:
    pdf = render_pdf(sample).path.read_bytes()
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"/Outlines" in pdf


def test_a_document_that_cannot_keep_to_the_standard_is_printed_with_tags(write: Write) -> None:
    printed = render_pdf(write("# A {#sec-a}\n\n#### Skips\n\nText.\n"))
    pdf = printed.path.read_bytes()
    assert not printed.standards
    assert any("PDF/UA-1" in notice for notice in printed.notices)
    assert b"pdfuaid" not in pdf
    assert b"/StructTreeRoot" in pdf


def test_no_row_of_a_long_table_is_printed_over_another(write: Write) -> None:
    rows = "".join(f"| row {at} | {'words that wrap ' * 9}end {at} |\n" for at in range(80))
    table = f"| A | B |\n|:---|:---------|\n{rows}\n: Long {{#tbl-a}}\n"
    pdf = render_pdf(write(f"# A {{#sec-a}}\n\n{table}")).path
    pages = text_of(pdf, "-bbox").split("<page ")[1:]
    assert len(pages) > 2
    seen = 0
    for page in pages:
        tops = [float(top) for top in re.findall(r'yMin="([\d.]+)"[^>]*>row<', page)]
        seen += len(tops)
        assert all(b - a > 15 for a, b in itertools.pairwise(tops))
    assert seen == 80


def test_what_stands_behind_a_finding_has_no_title_on_paper(write: Write) -> None:
    document = write(
        "# Data {#sec-data}\n\n"
        "::: {.callout-note .finding}\n## Claim\n\nDetail.\n\n"
        "::: {.callout-note .details .behind}\n## To be clicked\n\nMore of it.\n:::\n\n:::\n\n"
        "::: {.callout-note .details}\n## Method\n\nSteps.\n:::\n"
    )
    text = text_of(render_pdf(document).path)
    assert "To be clicked" not in text
    assert all(words in text for words in ("Claim", "Detail.", "More of it.", "Method", "Steps."))


CHINESE = "信用风险模型龘镕喆繁體風險與鬱卒违约率性别代码粗体表图"


def _fonts_of(pdf: bytes) -> dict[str, set[str]]:
    """{font: the characters that are set in it} of a PDF, by its own tables of characters."""
    objects = {
        int(number): body for number, body in re.findall(rb"(?s)(\d+) 0 obj\b(.*?)\bendobj", pdf)
    }
    fonts: dict[str, set[str]] = {}
    for body in objects.values():
        name = re.search(rb"/BaseFont\s*/(?:[A-Z]{6}\+)?([\w-]+)", body)
        table = re.search(rb"/ToUnicode (\d+) 0 R", body)
        if name and table:
            stream = objects[int(table[1])].split(b"stream", 1)[1].lstrip(b"\r\n")
            text = zlib.decompressobj().decompress(stream).decode("latin-1")
            codes = re.findall(r"<[0-9A-Fa-f]{4}>\s*<([0-9A-Fa-f]+)>", text)
            shown = {bytes.fromhex(code).decode("utf-16-be") for code in codes}
            fonts.setdefault(name[1].decode(), set()).update(shown)
    return fonts


def test_chinese_is_printed_in_the_font_that_comes_along_where_the_system_has_none(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typst

    folder = typeset._fonts()[1]
    ours = typst.Fonts(include_system_fonts=False, font_paths=[folder.name])
    monkeypatch.setattr(typeset, "_fonts", lambda: (ours, folder))
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.svg").write_text(SVG.format("违约率"), encoding="utf-8")
    document = write(
        "# 表 {#sec-a}\n\n`代码` **粗体**\n\n![图](figures/a.svg){#fig-a}\n\n"
        "| 性别 |\n|---|\n| 1 |\n",
        "---\ntitle: 信用风险模型龘镕喆\nsubtitle: 繁體風險與鬱卒\n---\n",
    )
    fonts = _fonts_of(render_pdf(document).path.read_bytes())
    (chinese,) = [name for name in fonts if name.startswith("ReportHanSans")]
    assert set(CHINESE) <= fonts[chinese]
    for name, shown in fonts.items():
        assert name == chinese or not shown & set(CHINESE)


def test_the_chinese_font_holds_the_characters_of_both_scripts_and_its_licence() -> None:
    from fontTools.ttLib import TTFont

    held = TTFont(chinese_font()).getBestCmap()
    for codec, rows, columns in (
        ("gb2312", range(0xB0, 0xF8), range(0xA1, 0xFF)),
        ("big5", range(0xA4, 0xC7), [*range(0x40, 0x7F), *range(0xA1, 0xFF)]),
        ("gbk", range(0x81, 0xA1), range(0x40, 0xFF)),
    ):
        pairs = (bytes([a, b]).decode(codec, "ignore") for a in rows for b in columns)
        wanted = {ord(sign) for pair in pairs for sign in pair if 0x4E00 <= ord(sign) < 0xA000}
        assert len(wanted) > 5000
        assert wanted <= set(held)
    licence = (chinese_font().parent / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert chinese_font().stat().st_size < 5.1e6


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


def test_severities_and_verdicts_of_a_docx_have_styles_of_their_own(sample: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(render_docx(sample).read_bytes()))
    document = archive.read("word/document.xml").decode("utf-8")
    used = set(re.findall(r'w:rStyle w:val="(\w+)"', document))
    assert {"TagHigh", "TagMedium", "VerdictMet", "VerdictNotMet"} <= used
    assert "CalloutTitleImportant" in document


def test_columns_of_a_docx_are_as_wide_as_their_numbers(write: Write) -> None:
    text = "a long text that takes several lines of its column and gives room to numbers " * 2
    document = write(
        "# A {#sec-a}\n\n"
        f"| Text | Number |\n|:-----|---:|\n| {text} | 12 345 678.9 (12 345–67 890) |\n\n"
        ": C {#tbl-a}\n"
    )
    archive = zipfile.ZipFile(io.BytesIO(render_docx(document).read_bytes()))
    xml = archive.read("word/document.xml").decode("utf-8")
    words, numbers = (int(width) for width in re.findall(r'<w:gridCol w:w="(\d+)"', xml))
    letters = len("12 345 678.9 (12 345–67 890)")
    assert numbers / (words + numbers) > letters / 118
    assert words > numbers


def test_a_tall_picture_leaves_room_on_its_page_in_print(sample: Path) -> None:
    tall = '<svg xmlns="http://www.w3.org/2000/svg" width="400pt" height="900pt"></svg>'
    for picture in (sample.parent / "figures").glob("*.svg"):
        picture.write_text(tall, encoding="utf-8")
    document = zipfile.ZipFile(io.BytesIO(render_docx(sample).read_bytes())).read(
        "word/document.xml"
    )
    heights = [int(height) for height in re.findall(rb'<wp:extent cx="\d+" cy="(\d+)"', document)]
    assert heights
    assert max(heights) <= 11.5 * 360_000  # 11.5 cm
    assert render_pdf(sample).path.read_bytes().startswith(b"%PDF")


def test_the_styles_of_the_report_reach_the_docx() -> None:
    archive = zipfile.ZipFile(io.BytesIO(reference_document({})))
    styles = archive.read("word/styles.xml").decode("utf-8")
    ET.fromstring(styles)  # noqa: S314 - our own file
    names = set(re.findall(r'w:styleId="(\w+)"', styles))
    assert {"Callout", "CalloutTitle", "Question", "Answer", "Caption", "TOC2", "TabTitle"} <= names
    assert {"TagHigh", "TagMedium", "VerdictMet", "VerdictNotMet", "CalloutImportant"} <= names
    assert "tblBorders" in styles
    assert len(names) == len(re.findall(r'w:styleId="', styles))


def test_pictures_become_png_in_order(sample: Path) -> None:
    pictures = sorted((sample.parent / "figures").glob("*.svg"))
    made = rasterise(pictures)
    assert len(made) == len(pictures)
    assert all(image.startswith(b"\x89PNG") for image in made)
    assert rasterise([]) == []


HEAD = """---
title: Credit & risk
author: Model validation
date: '2026-11-29'
description: Report on the run 3f2a9c
keywords: [deepseek-report, 3f2a9c, 'sha256:ab']
lang: en
papersize: letter
---
"""
BODY = """
# Decide {#sec-decide}

::: {.promises}
- [ROC AUC]{.promise-name} [0.79]{.promise-value} [0.77–0.80]{.promise-interval}
  [at least 0.75]{.promise-bound} [✓ met]{.verdict .verdict-met}
:::

As @fig-a, @tbl-a and @sec-bias show.

## Parts {#sec-parts}

![A picture](figures/a.svg){#fig-a fig-alt="Three bars"}

::: {.how-to-read}
Longer is more.
:::

| Group | Share |
|:--|--:|
| men | 12 % |
| women | 11 % |

: By group {#tbl-a}

1 of 9 rows: [`tables/long.html`](tables/long.html){.file} ([CSV](tables/long.csv){.file}).
All settings: [`config.yaml`](config.yaml){.file}.

# Bias {#sec-bias}

| Group |
|:--|
| all |

: Once more {#tbl-b}
"""
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="99pt" height="40pt" '
    'font-family="DejaVu Sans, sans-serif"><text x="1" y="20">{}</text></svg>'
)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small document with all that a printed report has beside its text."""
    folder = tmp_path_factory.mktemp("paper")
    for name in ("figures", "tables"):
        (folder / name).mkdir()
    (folder / "figures" / "a.svg").write_text(SVG.format("men"), encoding="utf-8")
    (folder / "tables" / "long.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    document = folder / "report.qmd"
    document.write_text(HEAD + BODY, encoding="utf-8")
    return document


@pytest.fixture(scope="module")
def word_parts(paper: Path) -> dict[str, str]:
    with zipfile.ZipFile(render_docx(paper)) as archive:
        return {n: archive.read(n).decode() for n in archive.namelist() if n.endswith("xml")}


def _cells(row: str) -> list[str]:
    return ["".join(re.findall(r"<w:t[^>]*>([^<]*)", cell)) for cell in row.split("<w:tc>")[1:]]


def test_headings_captions_and_references_of_a_docx_are_counted_by_fields(
    word_parts: dict[str, str],
) -> None:
    text = word_parts["word/document.xml"]
    assert re.findall(r"SEQ (\w+) ", text) == ["Figure", "Table", "Table"]
    marks = set(re.findall(r'<w:bookmarkStart[^>]* w:name="(\w+)"', text))
    targets = re.findall(r" (?:PAGE)?REF (\w+) ", text)
    assert len(re.findall(" REF ", text)) == 3
    assert set(targets) <= marks
    assert set(re.findall(r'w:anchor="(\w+)"', text)) <= marks
    assert all(len(name) <= 40 for name in marks)
    heading = text[text.index('"Heading2"') :].split("</w:p>")[0]
    assert re.findall("<w:t[^>]*>([^<]*)", heading) == ["Parts"]
    levels = word_parts["word/numbering.xml"]
    assert 'w:pStyle w:val="Heading2"' in levels
    assert levels.rindex("</w:abstractNum>") < levels.index("<w:num ")


def test_the_contents_of_a_docx_are_filled_and_ask_nobody_to_update_them(
    word_parts: dict[str, str],
) -> None:
    text = word_parts["word/document.xml"]
    entries = re.findall(r'w:val="TOC([12])"/>(.*?)</w:p>', text, re.DOTALL)
    shown = [(level, re.findall(r"<w:t [^>]*>([^<]*)", entry)) for level, entry in entries]
    assert shown == [
        ("1", ["1", "Decide"]), ("2", ["1.1", "Parts"]), ("1", ["2", "Bias"]),
    ]  # fmt: skip
    assert all("PAGEREF" in entry for _, entry in entries)
    assert "dirty" not in text
    assert "updateFields" not in word_parts["word/settings.xml"]


def test_rows_of_a_docx_stay_whole_and_promises_are_a_table(word_parts: dict[str, str]) -> None:
    rows = re.findall("<w:tr>.*?</w:tr>", word_parts["word/document.xml"], re.DOTALL)
    assert all(row.startswith("<w:tr><w:trPr><w:cantSplit/>") for row in rows)
    assert _cells(rows[0]) == ["Promise", "Measured", "95 % interval", "Promised and outcome"]
    assert _cells(rows[1])[:3] == ["ROC AUC ", "0.79 ", "0.77–0.80 "]
    heads = [row for row in rows if "w:tblHeader" in row]
    assert len(heads) == 3
    assert all("<w:keepNext/>" in row for row in heads)


def test_a_docx_has_page_numbers_a_paper_and_the_day_of_the_run(word_parts: dict[str, str]) -> None:
    core = word_parts["docProps/core.xml"]
    for value in ("Credit &amp; risk", "Model validation", "2026-11-29T00:00:00Z", "3f2a9c"):
        assert value in core
    assert all(f" {field} " in word_parts["word/footer1.xml"] for field in ("PAGE", "NUMPAGES"))
    assert "Credit &amp; risk" in word_parts["word/header1.xml"]
    assert '<w:pgSz w:h="15840" w:w="12240" />' in word_parts["word/document.xml"]
    for name, part in word_parts.items():
        ET.fromstring(part)  # noqa: S314 - our own file
        if name.startswith(("word/header", "word/footer")):
            assert f'PartName="/{name}"' in word_parts["[Content_Types].xml"]


def test_a_pdf_for_archives_names_its_run_and_carries_its_tables(paper: Path) -> None:
    printed = render_pdf(paper)
    assert printed.standards == ("PDF/A-3a", "PDF/UA-1")
    assert not printed.notices
    pdf = printed.path.read_bytes()
    for text in (b"<pdfaid:part>3", b"<pdfaid:conformance>A", b"<pdfuaid:part>1", b"2026-11-29"):
        assert text in pdf
    for text in (b"Model validation", b"deepseek-report, 3f2a9c, sha256:ab", b"GTS_PDFA1"):
        assert text in pdf
    assert b"tables/long.csv" in pdf
    assert len(re.findall(rb"/S\s*/Caption\b", pdf)) == 3
    assert pdf == render_pdf(paper).path.read_bytes()
    text = text_of(printed.path)
    assert "tables/long.csv (attached)" in text
    assert "config.yaml (in the run folder)" in text
    assert "long.html" not in text


def test_a_pdf_that_is_none_for_screen_readers_may_be_one_for_archives(write: Write) -> None:
    printed = render_pdf(write("# A {#sec-a}\n\n#### Skips\n\nText.\n", HEAD))
    assert printed.standards == ("PDF/A-3u",)
    assert "does not keep to PDF/A-3a with PDF/UA-1" in printed.notices[0]


def test_a_pdf_of_a_run_without_a_day_says_that_it_is_none_for_archives(write: Write) -> None:
    printed = render_pdf(write("# A {#sec-a}\n\nText.\n"))
    assert printed.standards == ("PDF/UA-1",)
    assert "asks for a date" in printed.notices[0]


def test_a_brief_has_headings_and_lists_for_screen_readers(write: Write) -> None:
    document = write(
        "::: {.overall}\nAll is met.\n:::\n\n"
        ":::: {.beside}\n::: {.gravest}\n::: {.short-finding .severity-high}\nOne.\n:::\n\n"
        "::: {.short-finding .severity-low}\nTwo.\n:::\n:::\n::::\n\n"
        "::: {.sign}\n- Name\n\n- Date\n:::\n",
        "---\ntitle: T\nbrief: true\n---\n",
        "brief",
    )
    pdf = render_pdf(document).path.read_bytes()
    tags = [len(re.findall(rf"/S\s*/{tag}\b".encode(), pdf)) for tag in ("H1", "L", "LI")]
    assert tags == [1, 2, 4]


def test_a_character_without_a_glyph_is_replaced_and_named_and_spoils_no_label(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typeset, "_known_fonts", typeset.font_files)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.svg").write_text(SVG.format("年 age 한"), encoding="utf-8")
    text = "# A {#sec-a}\n\nText 국.\n\n![P](figures/a.svg){#fig-a fig-alt=P}\n"
    printed = render_pdf(write(text, HEAD))
    assert printed.standards[0] == "PDF/A-3a"
    of_text, of_picture = printed.notices
    assert "국 (U+AD6D)" in of_text
    assert "figures/a.svg" in of_picture
    assert "한 (U+D55C)" in of_picture
    assert "年 age 한" in of_picture
    shown = _fonts_of(printed.path.read_bytes())
    assert "年" in next(shown[name] for name in shown if name.startswith("ReportHanSans"))
    assert not any(name.startswith("LastResort") for name in shown)
    notices: list[str] = []
    rasterise([tmp_path / "figures" / "a.svg"], notices.append)
    assert "한 (U+D55C)" in notices[0]


def test_usual_text_asks_for_no_font() -> None:
    def fonts() -> list[Path]:
        raise AssertionError("a font was looked into")

    assert not typeset.without_glyph(["Ümlaut, “quoted” – 12\u202f345 … Ж ω\n\t"], fonts)


def page_with_a_picture(folder: Path) -> str:
    """What stands above a picture `/a.svg` that begins a page."""
    (folder / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="400pt" height="300pt"></svg>', "utf-8"
    )
    template = (shipped("templates") / "typst" / "report.typ").read_text("utf-8")
    defined = template[: template.index("$if(date-text)$")].replace(
        "$if(brief)$1$else$2$endif$", "2"
    )
    return f"{defined}\n#set page(height: 220mm)\n#v(120mm)\n"


def places(source: str, folder: Path) -> list[tuple[str, int]]:
    """What the marks of a document name, and the page of each, from the head of the first page."""
    marks = json.loads(typeset._call("query", source, folder, selector="<place>", field="value"))
    return [(what, page) for what, _, page, down in sorted(marks, key=lambda mark: mark[2:])]


TITLES = ["= A section", "#tab-title[A picture]", "#details([A table])[#picture]"]


@pytest.mark.parametrize("title", TITLES[:2])
def test_a_picture_that_is_moved_stands_before_the_next_heading(tmp_path: Path, title: str) -> None:
    source = f'{page_with_a_picture(tmp_path)}#picture("/a.svg", caption: [One])\nText.\n\n{title}'
    moved = typeset._with_full_pages(source, tmp_path)
    assert moved != source
    assert places(moved, tmp_path)[1:] == [("picture", 2), ("title", 2)]


@pytest.mark.parametrize("title", TITLES)
def test_a_picture_of_a_title_that_begins_a_page_stands_below_it(
    tmp_path: Path, title: str
) -> None:
    picture = 'picture("/a.svg", caption: [One])'
    body = (
        title.replace("picture]", f"{picture}]") if "#picture" in title else f"{title}\n#{picture}"
    )
    source = f"{page_with_a_picture(tmp_path)}#v(80mm)\n{body}\nText."
    by_itself = typeset._with_full_pages(source, tmp_path)
    shown = places(by_itself, tmp_path)
    assert [what for what, _ in shown] == ["title", "text", "picture"]
    assert {page for _, page in shown} == {2}
    moved = source.replace("#let moved = ()", '#let moved = ("/a.svg", )')
    assert places(moved, tmp_path)[0] == ("picture", 2)


def test_a_picture_that_would_leave_a_page_half_empty_is_moved(tmp_path: Path) -> None:
    page = page_with_a_picture(tmp_path)
    source = f'{page}#picture("/a.svg", caption: [One])\nText.\n#v(60mm)'
    (moved,) = re.findall(r"(?m)^#let moved = (.*)$", typeset._with_full_pages(source, tmp_path))
    assert moved == '("/a.svg", )'
    alone = f'{page}#picture("/a.svg", in-row: true, caption: [One])'
    assert typeset._with_full_pages(alone, tmp_path) == alone


CITATION = Path(deepseek_report.__file__).parents[1] / "CITATION.cff"
BOX = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">'
    '<rect width="9" height="9"/></svg>'
)


def unpacked(pdf: bytes) -> bytes:
    """A PDF with what its streams hold."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    for stream in streams:
        with contextlib.suppress(zlib.error):
            pdf += zlib.decompress(stream)
    return pdf


@pytest.mark.parametrize(
    "text",
    [r"\input{/etc/passwd}", "50% & more", "a_b^c", "$x$ #1 ~", "{open", "line\nbreak", "\x1b[0m"],
)
def test_a_text_of_a_stranger_is_no_command(text: str) -> None:
    written = latex_text(text)
    bare = re.sub(r"\\textbackslash\{\}|\\text\w+\{\}|\\[{}$&#%_]", "", written)
    assert not set(bare) & set("\\{}$&#%_^~\n\x1b")


def test_a_table_has_rules_of_booktabs_and_numbers_to_the_right() -> None:
    rows = [{"name": "A & B", "value": "0.75", "x": None}, {"name": "c_d", "value": "−1.2 (−2–0)"}]
    text = latex_table("All of 50 %", "a b_c", {"name": "Name", "value": "Value"}, rows)
    assert r"\begin{tabular}{lr}" in text
    assert r"\caption{All of 50 \%}" in text
    assert r"\label{tab:a-b-c}" in text
    assert r"A \& B & 0.75 \\" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]


def test_pictures_become_pdf_at_the_widths_of_columns_and_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text(BOX, encoding="utf-8")
    first = {path.name: path.read_bytes() for path in picture_pdfs(tmp_path)}
    again = {path.name: path.read_bytes() for path in picture_pdfs(tmp_path)}
    assert first == again
    for name, millimetres in WIDTHS.items():
        width = re.search(rb"/MediaBox ?\[0 0 ([\d.]+) ", unpacked(first[f"a-{name}.pdf"]))
        assert width is not None
        assert float(width[1]) == pytest.approx(millimetres / 25.4 * 72, abs=0.1)


def test_a_report_is_cited_by_run_and_digest() -> None:
    entry = bibtex("3f2a", "Loans & more", "0.1.0", "ab" * 32, "2026")
    assert entry.startswith("@misc{deepseek-report-3f2a,\n  title = {{Loans \\& more}},\n")
    assert "year = {2026}" in entry
    assert f"sha256:{'ab' * 32}" in entry
    assert "year" not in bibtex("3f2a", "Loans", "0.1.0", "ab")


def test_the_citation_of_the_software_names_this_version() -> None:
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    assert cited["version"] == deepseek_report.__version__
    assert cited["license"] == "Apache-2.0"
