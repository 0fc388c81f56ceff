"""What the source of every report is to Quarto, and every page by either engine.

Quarto is in no package registry, so what needs the program runs where it is on PATH; what the
source must be for it is told of the sources of real reports everywhere.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.errors import RenderError
from deepseek_report.rendering import markdown, pandoc, quarto
from deepseek_report.rendering.page_words import head_of_document, label_arguments
from deepseek_report.rendering.render import render
from deepseek_report.runner.run_folders.hash_check import check_hashes
from deepseek_report.wording.words import wording
from tests.rendering.conftest import HOSTILE, document_of, line_svg, results_with
from tests.rendering.reports import (
    KINDS,
    blocks,
    captions_of_page,
    captions_of_source,
    document_xml,
    read_pdf,
    words_on_one_another,
)

ReportOf = Callable[[str], Path]
FORMATS = ("html", "pdf", "docx")
needs_quarto = pytest.mark.skipif(
    shutil.which("quarto") is None or shutil.which(quarto.CONVERTER) is None,
    reason="needs `quarto` and `rsvg-convert` on PATH; the first is in no package registry",
)
every_report = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def source(report_of: ReportOf, kind: str) -> str:
    return (report_of(kind) / "report.qmd").read_text(encoding="utf-8")


def is_callout(attributes: str) -> bool:
    return ".callout-" in attributes


# --- the source ---


@every_report
def test_no_callout_lies_in_another(source: str) -> None:
    nested = [
        own for around, own in blocks(source) if is_callout(own) and any(map(is_callout, around))
    ]
    assert nested == []
    assert any(is_callout(own) for _, own in blocks(source))


def test_what_stands_behind_a_finding_is_a_block_with_a_title(report_of: ReportOf) -> None:
    text = (report_of("default") / "report.qmd").read_text(encoding="utf-8")
    inner = [around for around, own in blocks(text) if own.startswith(".inner-note")]
    assert len(inner) > 10
    assert all(any(map(is_callout, around)) for around in inner)
    assert text.count("]{.inner-title}\n") == len(inner)


@every_report
def test_an_identifier_stands_on_a_block_around_its_callout(source: str) -> None:
    found_blocks = list(blocks(source))
    assert [own for _, own in found_blocks if is_callout(own) and "#" in own] == []
    around = [own for _, own in found_blocks if own.startswith("#finding-")]
    assert len(around) == len(set(around))
    assert len(around) == sum(".finding " in own for _, own in found_blocks)


@every_report
def test_every_link_inside_of_the_document_leads_somewhere(source: str) -> None:
    defined = set(re.findall(r"\{#([\w-]+)", source))
    assert set(re.findall(r"\]\(#([\w-]+)\)", source)) <= defined


@every_report
def test_a_picture_without_a_number_is_no_figure_to_quarto(source: str) -> None:
    lines = [line for line in source.splitlines() if line.startswith("![")]
    figures = [line for line in lines if "{#fig-" in line]
    others = [line for line in lines if "{#fig-" not in line]
    assert all(line.startswith("![](") for line in others)
    assert not any(line.startswith("![](") for line in figures)


@every_report
def test_the_head_names_files_of_the_folder_alone(report_of: ReportOf, kind: str) -> None:
    folder = report_of(kind)
    head: Any = head_of_document((folder / "report.qmd").read_text(encoding="utf-8"))
    of = head["format"]
    named = [of["html"]["css"], of["docx"]["reference-doc"], of["typst"]["template"]]
    named += [entry["path"] for name in ("docx", "typst") for entry in of[name]["filters"]]
    assert all((folder / name).is_file() for name in named)
    assert list((folder / of["typst"]["font-paths"]).glob("*.otf")) or kind != "chinese"


def test_quarto_finds_nothing_absolute_in_a_report(sample: Path) -> None:
    """So `quarto preview report.qmd` works in any copy of the folder."""
    text = sample.read_text(encoding="utf-8")
    assert str(sample.parent) not in text
    assert not re.search(r"\]\((?:/|file:|[A-Za-z]:)", text)


CODE = "``` {.text}\n::: {.callout-note}\n## no title\n:::\n```"


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (
            "::: {.callout-tip .x}\n## *T* [l](u)\n\nB\n:::",
            "::: {.inner-tip .x}\n[*T* [l](u)]{.inner-title}\n\nB\n:::",
        ),
        ("::: {#a .callout-note}\n\n## T\n:::", "::: {#a .inner-note}\n[T]{.inner-title}\n\n:::"),
        ("::: {.callout-note}\nno title\n:::", "::: {.inner-note}\nno title\n:::"),
        ("## T\n\n::: {.facts}\n:::", "## T\n\n::: {.facts}\n:::"),
        (f"{CODE}\n\n::: {{.callout-note}}\n:::", f"{CODE}\n\n::: {{.inner-note}}\n:::"),
    ],
)  # fmt: skip
def test_a_callout_inside_of_another_is_a_plain_block(text: str, inside: str) -> None:
    written = markdown.inner(markdown.Markdown(text))
    assert re.sub(r"\n{3,}", "\n\n", written) == inside


#: How Quarto takes the attributes out of a caption: from the first word that begins with a brace.
def attributes_as_quarto_finds_them(caption: list[dict[str, Any]]) -> str:
    words = [inline["c"] if inline["t"] == "Str" else " " for inline in caption]
    begin = next(at for at, word in enumerate(words) if word.startswith("{"))
    return "".join(words[begin:])


@pytest.mark.parametrize(
    "text", ["{b", "a {b} c", "{{< include x >}}", "}", "{#tbl-x}", "x{y}", "`{`", "\\{a\\}"]
)
def test_a_brace_in_a_caption_leaves_the_id_to_quarto_and_reads_as_it_is(text: str) -> None:
    table = f"| a |\n|---|\n| 1 |\n\n: {markdown.caption(text)} {{#tbl-it}}\n"
    command = [pandoc.program(), f"--from={pandoc.READER}-table_attributes", "--to=json"]
    done = subprocess.run(command, input=table.encode(), capture_output=True, check=True)
    (block,) = json.loads(done.stdout)["blocks"]
    caption = block["c"][1][1][0]["c"]
    assert attributes_as_quarto_finds_them(caption) == "{#tbl-it}"
    page = pandoc.convert_text(table, Path.cwd(), "html5", label_arguments(wording()))
    shown = re.sub(r"<[^>]+>", "", page.split("table-caption")[1].split("</div>")[0])
    assert html.unescape(shown).removeprefix('">\nTable\u00a01 ').strip() == text
    assert 'id="tbl-it"' in page


def test_braces_in_the_title_and_the_description_of_a_picture_are_entities() -> None:
    assert markdown.plain_braces("{b} `{`") == r"&#123;b&#125; \`&#123;\`"
    title, alt = markdown.plain_braces("{t}"), markdown.plain_braces("{x")
    figure = f'![{title}](a.svg){{#fig-a fig-alt="{alt}"}}'
    page = pandoc.convert_text(figure, Path.cwd(), "html5", [])
    assert "{t}" in page
    assert 'data-alt="{x"' in page


# --- every page ---


def copied(report_of: ReportOf, kind: str, to: Path) -> Path:
    """A copy of the folder of a report, without the pages that lie in it."""
    folder = Path(shutil.copytree(report_of(kind), to / "run"))
    for page in folder.glob("report.[hpd][tdo]*"):
        page.unlink()
    return folder


def check_page(page: Path, source: str) -> None:
    """What holds of a page by either engine: numbers, references, paper, contents."""
    assert captions_of_page(page) == captions_of_source(source)
    if page.suffix == ".html":
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'(?:src|href)="(?:https?:|report_files)', text.split("<main")[1])
    elif page.suffix == ".pdf":
        text = read_pdf(page)
        assert re.search(
            r'<page width="595\.\d*" height="841\.', read_pdf(page, "-bbox", "-l", "1")
        )
        assert words_on_one_another(page) == []
    else:
        text = document_xml(page)
        assert re.search(r'<w:pgSz (?:w:h="16838" )?w:w="11906"', text)
        entries, heads = (
            re.findall(f'w:val="{name}[12]" ?/>', text) for name in ("TOC", "Heading")
        )
        assert len(entries) == len(heads) > 5
        assert not re.search(r'descr="(?:figures/[^"]*)?"[^>]*/><a:graphic', text)
    assert not re.search(
        r"\?@[\w-]+|\?(?:fig|tbl|sec)-", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    )


@every_report
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("engine", ["embedded", pytest.param("quarto", marks=needs_quarto)])
def test_every_report_is_whole_in_every_format_by_either_engine(
    report_of: ReportOf, kind: str, name: str, engine: str, tmp_path: Path
) -> None:
    folder, notices = copied(report_of, kind, tmp_path), list[str]()
    files = {path.name for path in folder.iterdir()}
    (page,) = render(folder, (name,), engine, notices.append)
    check_page(page, (folder / "report.qmd").read_text(encoding="utf-8"))
    assert {path.name for path in folder.iterdir()} == files | {page.name}
    assert [notice for notice in notices if "asks for a date" not in notice] == []


@needs_quarto
@pytest.mark.parametrize("kind", ["texts", "chinese"])
def test_quarto_by_hand_renders_all_formats_of_the_head_and_leaves_nothing_else(
    report_of: ReportOf, kind: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(report_of(kind), tmp_path / "run"))
    files = {path.name for path in folder.iterdir()} | {f"report.{name}" for name in FORMATS}
    command = ["quarto", "render", "report.qmd"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert quarto._complaints(quarto._COLOUR.sub("", done.stderr)) == []
    assert {path.name for path in folder.iterdir()} == files | {".quarto"}
    for name in FORMATS:
        check_page(folder / f"report.{name}", (folder / "report.qmd").read_text(encoding="utf-8"))
    changed = check_hashes(folder).documents
    assert sum(text.startswith("report.html was changed") for text in changed) == 1


EVERYWHERE = """
{{ section_header(section) }}
{{ picture("p") }}
{{ small_picture("p") }}
{{ table([{"a": values.text}], "t", values.text) }}
{{ code_block(values.text) }}
{{ code(values.text) }}
{{ section_footer(section) }}
"""


@needs_quarto
@pytest.mark.parametrize("name", ["docx", "typst"])
def test_the_source_is_valid_to_quarto_without_our_filter(
    report_of: ReportOf, name: str, tmp_path: Path
) -> None:
    folder = copied(report_of, "texts", tmp_path)
    text = (folder / "report.qmd").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    fields = yaml.safe_load(front)
    for options in fields["format"].values():
        for ours in ("filters", "template", "reference-doc", "font-paths"):
            options.pop(ours, None)
    own = f"---\n{yaml.safe_dump(fields, allow_unicode=True)}---\n{body}"
    (folder / "report.qmd").write_text(own, encoding="utf-8")
    command = ["quarto", "render", "report.qmd", "--to", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    harmless = "couldn't recognize format, using default tabset rendering"
    complaints = quarto._complaints(quarto._COLOUR.sub("", done.stderr))
    assert [text for text in complaints if text != harmless] == []


@needs_quarto
@pytest.mark.parametrize("name", FORMATS)
def test_hostile_text_is_shown_by_quarto_as_it_is(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("never shown", encoding="utf-8")
    text = f"{HOSTILE} {{{{< include {secret} >}}}} {{{{< env HOME >}}}}"
    picture = Picture("p", line_svg(), text, text, text)
    section = SectionContent("one", text, text, text, {"text": text}, caveats=[text])
    document_of(tmp_path / "run", [section], {"one": EVERYWHERE}, results_with(picture))
    (page,) = render(tmp_path / "run", (name,), "quarto")
    read = {"html": Path.read_text, "pdf": read_pdf, "docx": document_xml}[name](page)
    assert "never shown" not in read
    assert "include" in read
    assert "env HOME" in re.sub(r"\s+", " ", read)


# --- what is told ---


#: What Quarto 1.11 wrote, and what of it is told.
LOGS = [
    ("\x1b[33mWARN: Unable to resolve @fig-y\x1b[39m", ["Unable to resolve @fig-y"]),
    (
        "FATAL (/q/share/filters/./quarto-post/docx.lua:94) An error occurred:\n"
        "Found a nested callout in the document.\nWARN: Error encountered when rendering files",
        ["An error occurred: Found a nested callout in the document."],
    ),
    (
        "Error running filter /q/share/filters/main.lua:\nFile figures/a.svg not found\n"
        "stack traceback:\n\t[C]: in ?\nWARN: Error encountered when rendering files",
        ["File figures/a.svg not found"],
    ),
    (
        "WARN: one\nerror: label `<finding-x>` does not exist\n    ┌─ report.typ:9\n"
        "ERROR: error: label `<finding-x>` does not exist\n\nERROR: Typst compilation failed",
        ["label `<finding-x>` does not exist", "one"],
    ),
    ("WARNING (/opt/quarto/main.lua:9) no such key", ["no such key"]),
    ("[WARNING] Could not fetch resource a.svg", ["Could not fetch resource a.svg"]),
    ("WARN: typst-gather analyze failed; staging all packages as fallback: not found.", []),
    ("  subtitle: 'WARNING: a model that errs, ERROR: not found'\npandoc \n  to: html", []),
]  # fmt: skip


@pytest.mark.parametrize(("log", "complaints"), LOGS)
def test_of_what_quarto_says_its_complaints_are_told(log: str, complaints: list[str]) -> None:
    assert quarto._complaints(quarto._COLOUR.sub("", log)) == complaints


@needs_quarto
@pytest.mark.parametrize(
    ("name", "added", "complaints"),
    [
        ("docx", "\nSee @fig-nowhere.\n", "crossref @fig-nowhere"),
        ("html", "\nSee @fig-nowhere.\n", "crossref @fig-nowhere"),
        ("pdf", "\n```{=typst}\n#nosuch(1)\n```\n", "unknown variable: nosuch"),
        ("docx", '\n![A](figures/none.svg){#fig-none fig-alt="x"}\n', r"figures/none\.svg"),
    ],
)
def test_what_quarto_cannot_write_is_told_in_a_sentence_and_nothing_is_written(
    sample: Path, tmp_path: Path, name: str, added: str, complaints: str
) -> None:
    folder = Path(shutil.copytree(sample.parent, tmp_path / "run"))
    with (folder / "report.qmd").open("a", encoding="utf-8") as document:
        document.write(added)
    with pytest.raises(
        RenderError, match=rf"report\.{name} was not written.*{complaints}"
    ) as refusal:
        render(folder, (name,), "quarto")
    message = str(refusal.value)
    assert "`--engine embedded`" in message
    assert len(message) < 600
    assert "traceback" not in message
    assert "/tmp/" not in message.replace(str(folder), "")
    assert not (folder / f"report.{name}").exists()


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a document, while QUARTO_PATH names a program that is not there."""
    (tmp_path / "report.qmd").write_text("![](figures/a.svg)\n", encoding="utf-8")
    (tmp_path / "report.css").write_text("", encoding="utf-8")
    monkeypatch.setenv("QUARTO_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_quarto_that_cannot_be_started_is_told_with_what_to_do(named: Path) -> None:
    with pytest.raises(RenderError, match=r"none.*--engine embedded"):
        render(named, ("html",), "quarto")


def test_docx_with_pictures_needs_a_converter_and_says_so(named: Path) -> None:
    with pytest.raises(RenderError, match=r"rsvg-convert.*librsvg2-bin.*--engine embedded"):
        render(named, ("docx",), "quarto")


def test_a_project_above_the_folder_for_temporary_files_is_refused(
    named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (named / "tmp").mkdir()
    (named / "_quarto.yml").write_text("project: {}", encoding="utf-8")
    monkeypatch.setattr("tempfile.tempdir", str(named / "tmp"))
    with pytest.raises(RenderError, match=r"_quarto\.yml lies above"):
        render(named, ("html",), "quarto")


def test_without_quarto_the_message_says_what_to_do_and_promises_no_python_package(
    named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUARTO_PATH")
    with pytest.raises(RenderError, match=r"no Python package holds it.*--engine embedded"):
        render(named, ("html",), "quarto")


def test_the_stylesheet_knows_the_blocks_of_a_report(sample: Path) -> None:
    style = (sample.parent / "report.css").read_text(encoding="utf-8")
    for block in (".facts ul", ".verdict-met", ".tag-high", ".question p", "div.finding"):
        assert block in style
