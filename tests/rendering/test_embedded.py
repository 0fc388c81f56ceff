"""The page: links, scripts, pictures; a long document in two parts; no file through a link."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.errors import RenderError
from deepseek_report.rendering import embedded
from deepseek_report.rendering.render import render
from deepseek_report.visualizations.style import PALETTE
from tests.worded import printed

VOID = {"meta", "br", "hr", "img", "input", "col", "link"}


class _Tree(HTMLParser):
    """Checks that tags close in order; collects ids, references and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.pointed: list[str] = []
        self.sources: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key == "id":
                self.ids.append(value or "")
            if key == "href" and (value or "").startswith("#"):
                self.pointed.append((value or "")[1:])
            if key in {"src", "href"}:
                self.sources.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def tree(page: SimpleNamespace) -> _Tree:
    parser = _Tree()
    parser.feed(page.text)
    return parser


def test_every_tag_closes_and_every_id_is_unique(tree: _Tree) -> None:
    assert tree.open == []
    assert len(tree.ids) == len(set(tree.ids))


def test_every_link_inside_the_page_has_its_target(tree: _Tree) -> None:
    assert set(tree.pointed) - {""} <= set(tree.ids)


def test_nothing_is_loaded_from_elsewhere(tree: _Tree, page: SimpleNamespace) -> None:
    assert [source for source in tree.sources if not source.startswith(("#", "tables/"))] == []
    assert "default-src 'none'" in page.text


def test_only_the_pages_own_scripts_may_run(page: SimpleNamespace) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page.text)
    assert policy is not None
    rule = next(
        directive for directive in policy[1].split("; ") if directive.startswith("script-src")
    )
    scripts = re.findall(r"<script>(.*?)</script>", page.text, flags=re.DOTALL)
    packed = re.search(r'id="plotly">([^<]*)<', page.text)
    assert packed is not None
    allowed = [*map(str.encode, scripts), gzip.decompress(base64.b64decode(packed[1]))]
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in allowed]
    assert rule == "script-src " + " ".join(f"'sha256-{digest}'" for digest in hashes)


def test_the_interactive_figures_unpack_to_what_was_written(page: SimpleNamespace) -> None:
    packed = re.search(r'id="twins">([^<]*)<', page.text)
    assert packed is not None
    figures = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    for name, figure in figures.items():
        path = page.path.parent / "figures" / f"{name}.json"
        assert figure == json.loads(path.read_text("utf-8"))
    assert sorted(figures) == ["global-importance", "parameter-projection", "roc-curve"]


def test_numbers_and_references_agree(tree: _Tree) -> None:
    text = " ".join("".join(tree.text).split())
    assert "As Figure 1 and Table 2 show; Section 3" in text
    assert "“absent” (not shown)" in text


def test_hostile_text_is_shown_as_it_is(tree: _Tree) -> None:
    text = " ".join("".join(tree.text).split())
    assert '<script>alert("x")</script> | {{< include /etc/passwd >}} $x$ @fig-1 `c` *b*' in text


def test_two_renders_give_the_same_bytes(page: SimpleNamespace) -> None:
    again = embedded.render_html(page.path.with_suffix(".qmd"))
    assert again.read_text(encoding="utf-8") == page.text


def test_a_page_with_interactive_figures_is_small(page: SimpleNamespace) -> None:
    assert len(page.text.encode()) < 1_000_000


def test_a_document_without_interactive_figures_carries_no_library(tmp_path: Path) -> None:
    document = tmp_path / "report.qmd"
    document.write_text("---\ntitle: T\n---\n\n# A\n", encoding="utf-8")
    text = embedded.render_html(document).read_text(encoding="utf-8")
    assert 'id="plotly"' not in text
    assert len(text) < 76_200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("See @fig-nowhere.", "unresolved reference @fig-nowhere"),
        ("```{=html}\n<b>x</b>\n```", "a raw block"),
        ("![T](figures/none.svg){#fig-x}", "the picture is missing"),
        ("![T](../../etc/passwd){#fig-x}", "must be an SVG file below"),
    ],
)
def test_what_cannot_be_rendered_is_an_error(tmp_path: Path, body: str, message: str) -> None:
    document = tmp_path / "report.qmd"
    document.write_text(f"---\ntitle: T\n---\n\n{body}\n", encoding="utf-8")
    with pytest.raises(RenderError, match=message):
        embedded.render_html(document)


def test_every_palette_colour_becomes_a_variable_that_the_page_defines(
    page: SimpleNamespace,
) -> None:
    text = "".join(f'<path fill="{light}"/>' for light, _ in PALETTE.values())
    inlined = embedded.inline_svg(f'<svg xmlns="http://www.w3.org/2000/svg">{text}</svg>', "n", "a")
    used = re.findall(r"var\((--pic-\w+)\)", inlined)
    assert len(used) == len(PALETTE)
    assert all(f"{name}:" in page.text for name in used)


def test_a_picture_with_a_layout_for_a_narrow_page_brings_both(tmp_path: Path) -> None:
    (tmp_path / "figures" / "narrow").mkdir(parents=True)
    drawn = '<svg xmlns="http://www.w3.org/2000/svg"><g id="{}"/></svg>'
    (tmp_path / "figures" / "a.svg").write_text(drawn.format("wide"), encoding="utf-8")
    (tmp_path / "figures" / "narrow" / "a.svg").write_text(drawn.format("small"), encoding="utf-8")
    canvas = '<div class="canvas" data-src="figures/a.svg" data-alt="what it shows"></div>'
    page = embedded.assemble(canvas, tmp_path)
    assert re.findall(r'<div class="(wide|narrow)"><svg', page) == ["wide", "narrow"]
    assert page.count('aria-label="what it shows"') == 2
    assert {'id="pic-a-wide"', 'id="pic-a-narrow-small"'} <= set(re.findall(r'id="[^"]*"', page))


def test_ids_of_a_picture_get_its_name() -> None:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg"><clipPath id="c"/><g clip-path="url(#c)"/>'
        '<use href="#c"/></svg>'
    )
    inlined = embedded.inline_svg(drawn, "roc", 'say "x" & <y>')
    assert 'id="pic-roc-c"' in inlined
    assert "url(#pic-roc-c)" in inlined
    assert 'href="#pic-roc-c"' in inlined
    assert 'aria-label="say &quot;x&quot; &amp; &lt;y&gt;"' in inlined


def test_rendering_imports_nothing_that_computes(sample: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from deepseek_report.rendering.render import render;"
        f"render(Path({str(sample.parent)!r}), ('html',));"
        "heavy = {'torch', 'shap', 'sklearn', 'matplotlib', 'scipy', 'plotly', 'lime'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert printed(script) == "[]"


def test_unknown_formats_and_engines_name_the_choices(sample: Path, tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="html, pdf, docx"):
        render(sample.parent, ("odt",))
    with pytest.raises(RenderError, match="auto, embedded, quarto"):
        render(sample.parent, ("html",), "word")
    with pytest.raises(RenderError, match="no report source"):
        render(tmp_path)


def test_a_file_is_written_in_the_place_of_a_link_and_not_through_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("kept", encoding="utf-8")
    link = tmp_path / "report.html"
    link.symlink_to(outside)
    plain_files.write_text(link, "new\n")
    assert outside.read_text(encoding="utf-8") == "kept"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new\n"
    link.unlink()
    link.symlink_to(tmp_path / "nowhere")
    plain_files.write_text(link, "again")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    (tmp_path / "figures").symlink_to(tmp_path / "outside")
    plain_files.empty_folder(tmp_path / "figures")
    assert (tmp_path / "outside" / "kept").exists()
    assert not (tmp_path / "figures").is_symlink()
    assert list((tmp_path / "figures").iterdir()) == []


@pytest.mark.parametrize("name", ["html", "pdf", "docx"])
def test_no_format_is_written_through_a_link(name: str, sample: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(sample.parent, tmp_path / "run")
    page, outside = folder / f"report.{name}", tmp_path / "outside"
    page.unlink(missing_ok=True)
    page.symlink_to(outside)
    assert render(folder, (name,)) == [page]
    assert page.is_file()
    assert not page.is_symlink()
    assert not outside.exists()


TABLE = "| a | b |\n| :-- | --: |\n| x | 1 |\n\n: {caption} {{#tbl-{name}}}\n"
CHAPTER = """
# Chapter {n} {{#sec-{n}}}

See @sec-{other}, @tbl-{other} and @fig-{n}.

## What was found

![Title {n}](p.svg){{#fig-{n} fig-alt="a picture"}}

{table}

## What was found

```text
# no chapter {{#fig-none}}
```
"""
PAGE = "<nav>$toc$\n@@toc@@\n</nav><main>$body$@@body@@\n</main>"


def of_chapters(chapters: int) -> str:
    front = "---\ntitle: T\n---\n"
    return front + "".join(
        CHAPTER.format(n=n, other=n % chapters + 1, table=TABLE.format(caption=f"Of {n}", name=n))
        for n in range(1, chapters + 1)
    )


def page_of(tmp_path: Path, text: str) -> str:
    source, template = tmp_path / "report.qmd", tmp_path / "page.html"
    source.write_text(text)
    template.write_text(PAGE)
    arguments = ("--standalone", "--toc", "--section-divs", "--wrap=none")
    return re.sub(r"\n+", "\n", embedded.convert(source, template, arguments))


HIDDEN = """
::: {.content-visible unless-format="html"}

![Of paper](p.svg){#fig-paper fig-alt="a picture"}

:::
"""


def test_two_parts_give_the_page_that_one_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = of_chapters(4)
    in_two = page_of(tmp_path, text)
    assert len(embedded.cut(text)) == 2
    monkeypatch.setattr(embedded, "cut", lambda whole: [whole])
    assert in_two == page_of(tmp_path, text)
    assert in_two.count("<h2") == 4


def test_what_a_page_does_not_show_is_not_counted(tmp_path: Path) -> None:
    text = of_chapters(4)
    with_hidden = page_of(tmp_path, text.replace("\n# Chapter 2", f"{HIDDEN}\n# Chapter 2"))
    assert with_hidden == page_of(tmp_path, text)
    assert re.findall(r'label">Figure\s(\d)', with_hidden) == ["1", "2", "3", "4"]


def test_a_title_that_names_a_figure_is_told_in_another_part(tmp_path: Path) -> None:
    text = of_chapters(4).replace("# Chapter 4 {", "# Beside @fig-4 {")
    assert 'title="Beside Figure\u00a04"' in page_of(tmp_path, f"{text}\nSee @sec-4.\n")


def test_a_line_in_a_fence_starts_no_chapter() -> None:
    first, second = embedded.cut(of_chapters(2))
    assert second.startswith("# Chapter 2")
    assert "# no chapter" in first


def test_a_document_of_one_chapter_stays_whole() -> None:
    assert len(embedded.cut(of_chapters(1))) == 1


def test_a_reference_that_no_part_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="unresolved reference @fig-lost"):
        page_of(tmp_path, of_chapters(2) + "\nSee @fig-lost.\n")
