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

from deepseek_report.errors import RenderError
from deepseek_report.rendering import markdown, pandoc, quarto
from deepseek_report.rendering.page_words import label_arguments
from deepseek_report.rendering.render import render
from deepseek_report.rendering.typeset import compile_pdf
from deepseek_report.wording.words import wording
from tests.worded import write_program

Installing = Callable[[str], None]
GOOD = 'echo "<p>whole</p>" > report.html'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report.qmd").write_text("---\ntitle: T\n---\n\n# A\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Installing:
    """Puts a program called `quarto` on PATH that does what a real one does in some case."""

    def installed(script: str) -> None:
        path = write_program(folder / "bin" / "quarto", script)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

    return installed


def made(folder: Path, name: str = "html", text: str = "") -> list[Path]:
    """What Quarto makes of the document, or of this text in its place."""
    if text:
        (folder / "report.qmd").write_text(text, encoding="utf-8")
    return quarto.render(folder / "report.qmd", (name,))


def test_a_whole_render_gives_its_path(folder: Path, install: Installing) -> None:
    install(f'echo "$@" > {folder}/called; {GOOD}')
    assert render(folder, ("html",), "quarto") == [folder / "report.html"]
    words = ["render", "report.qmd", "--to", "html", "--no-execute"]
    assert (folder / "called").read_text().split() == words


def test_pdf_goes_through_typst(folder: Path, install: Installing) -> None:
    install(f'echo "$@" > {folder}/called; echo x > report.pdf')
    assert made(folder, "pdf") == [folder / "report.pdf"]
    assert "typst" in (folder / "called").read_text()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('echo "ERROR: bad" >&2; exit 3', "exit code 3"),
        ("exit 0", "was not written"),
        ('echo "<p>see ?@fig-x</p>" > report.html', r"\?@fig-x"),
        (f'{GOOD}; echo "WARNING: Unable to resolve crossref @fig-y" >&2', "@fig-y"),
        (f'{GOOD}; printf "\\033[33mWARN: x\\033[39m" >&2', "WARN: x"),
        (f'{GOOD}; echo "WARNING (/opt/quarto/main.lua:9) no such key" >&2', "no such key"),
        (f'{GOOD}; echo "[WARNING] Could not fetch resource a.svg" >&2', "a.svg"),
        (f'{GOOD}; echo "error: unknown variable: x" >&2', "unknown variable"),
    ],
)
def test_what_quarto_passes_over_is_an_error(
    folder: Path, install: Installing, script: str, message: str
) -> None:
    install(script)
    with pytest.raises(RenderError, match=message):
        made(folder)


def test_a_mark_inside_a_script_is_no_reference(folder: Path, install: Installing) -> None:
    install('echo "<script>a?@fig-x</script><p>y</p>" > report.html')
    assert made(folder)


def test_an_unknown_key_in_the_head_is_an_error(folder: Path, install: Installing) -> None:
    install(GOOD)
    with pytest.raises(RenderError, match='titel \\(did you mean "title"'):
        made(folder, text="---\ntitle: T\ntitel: U\n---\n")


def test_without_quarto_the_message_says_what_to_do_and_promises_no_python_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(RenderError, match=r"no Python package holds it.*--engine embedded"):
        render(folder, ("html",), "quarto")


@pytest.mark.parametrize(
    "line",
    [
        "Warning: couldn't recognize format, using default tabset rendering",
        "  subtitle: 'WARNING: a model that errs, ERROR: not found'",
        "  title: Unable to resolve unknown key",
        "pandoc ",
    ],
)
def test_what_quarto_says_without_harm_is_no_trouble(
    folder: Path, install: Installing, line: str
) -> None:
    install(f'{GOOD}; echo "{line}" >&2')
    assert made(folder)


def test_quarto_leaves_nothing_but_the_finished_file_in_the_run_folder(
    folder: Path, install: Installing
) -> None:
    for name in ("figures", "tables", "artifacts"):
        (folder / name).mkdir()
        (folder / name / "a.svg").write_text("<svg/>", encoding="utf-8")
    (folder / "_quarto.yml").write_text("project: {pre-render: [evil.py]}", encoding="utf-8")
    (folder / "figures" / "out").symlink_to("/etc/passwd")
    (folder / "report.css").write_text("p {}", encoding="utf-8")
    litter = "mkdir -p .quarto/idx report_files site_libs; touch report.quarto_ipynb .gitignore"
    install(f"ls -A > {folder}/seen; ls figures > {folder}/pictures; {litter}; {GOOD}")
    before = {path.name for path in folder.iterdir()}
    made(folder, text="---\ntitle: T\nformat: {html: {css: report.css}}\n---\n")
    added = {"report.html", "seen", "pictures"}
    assert {path.name for path in folder.iterdir()} == before | added
    seen = (folder / "seen").read_text().split()
    assert seen == ["figures", "report.css", "report.qmd", "tables"]
    assert (folder / "pictures").read_text().split() == ["a.svg"]


def test_the_usual_keys_of_a_hand_edited_head_are_accepted_and_its_files_are_there(
    folder: Path, install: Installing
) -> None:
    head = (
        "---\ntitle: T\nparams: {alpha: 0.1}\ndate: 2026-11-25\nexecute: {echo: false}\n"
        "bibliography: refs.bib\ntheme: [cosmo, mine.scss]\ncss: [own.css, ../outside.css]\n"
        "include-in-header: [{text: '<b>'}, head.html]\n---\n"
    )
    for name in ("refs.bib", "mine.scss", "own.css", "head.html", "unnamed.txt"):
        (folder / name).write_text("x", encoding="utf-8")
    (folder.parent / "outside.css").write_text("x", encoding="utf-8")
    install(f"ls > {folder}/seen; {GOOD}")
    assert made(folder, text=head)
    seen = (folder / "seen").read_text().split()
    assert seen == ["head.html", "mine.scss", "own.css", "refs.bib", "report.qmd"]


@pytest.mark.parametrize("head", ["title: [", "just words"])
def test_a_head_that_is_no_mapping_is_an_error(
    folder: Path, install: Installing, head: str
) -> None:
    install(GOOD)
    with pytest.raises(RenderError, match="front matter"):
        made(folder, text=f"---\n{head}\n---\n")


def test_docx_with_pictures_needs_a_converter_and_says_so(
    folder: Path, install: Installing, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("echo x > report.docx")
    monkeypatch.setenv("PATH", f"{folder}/bin")
    with pytest.raises(RenderError, match=r"rsvg-convert.*librsvg2-bin.*--engine embedded"):
        made(folder, "docx", "![T](figures/a.svg){#fig-a}\n")


def test_a_project_above_the_folder_for_temporary_files_is_refused(
    folder: Path, install: Installing, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(GOOD)
    (folder / "tmp").mkdir()
    (folder / "_quarto.yml").write_text("project: {}", encoding="utf-8")
    monkeypatch.setattr("tempfile.tempdir", str(folder / "tmp"))
    with pytest.raises(RenderError, match=r"_quarto\.yml lies above"):
        made(folder)


def test_quarto_is_found_where_its_variable_says(
    folder: Path, install: Installing, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(GOOD)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("QUARTO_PATH", str(folder / "bin" / "quarto"))
    assert render(folder, ("html",), "quarto") == [folder / "report.html"]


def test_the_head_of_a_report_is_one_that_the_engine_accepts(sample: Path) -> None:
    head = quarto._front_matter(sample)
    assert head["format"]["html"]["css"] == "report.css"
    assert "breakable: true" in head["format"]["typst"]["include-in-header"]["text"]
    assert set(quarto._named_files(head)) >= {"report.css"}
    style = (sample.parent / "report.css").read_text(encoding="utf-8")
    for block in (".facts ul", ".verdict-met", ".tag-high", ".question p", ".callout.finding"):
        assert block in style


def test_a_table_longer_than_a_page_breaks_in_a_pdf_by_quarto(sample: Path, tmp_path: Path) -> None:
    typst = quarto._front_matter(sample)["format"]["typst"]
    rows = ", ".join(f"[{number}], [row]" for number in range(150))
    table = f"#figure(table(columns: 2, {rows}), kind: table, caption: [As Quarto writes it])"
    pages = [
        len(re.findall(rb"/Type\s*/Page\b", compile_pdf(f"{header}\n{table}", tmp_path)))
        for header in ("", typst["include-in-header"]["text"])
    ]
    assert pages[0] == 1
    assert pages[1] > 2


def test_quarto_finds_nothing_absolute_in_a_report(sample: Path) -> None:
    """So `quarto preview report.qmd` works in any copy of the folder."""
    text = sample.read_text(encoding="utf-8")
    assert str(sample.parent) not in text
    assert not re.search(r"\]\((?:/|file:|[A-Za-z]:)", text)


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


def test_the_real_quarto_renders_the_sample_whole(sample: Path, tmp_path: Path) -> None:
    if shutil.which("quarto") is None:
        pytest.skip("needs `quarto` on PATH; it is in no package registry")
    folder = shutil.copytree(sample.parent, tmp_path / "run")
    assert made(folder)[0].exists()
