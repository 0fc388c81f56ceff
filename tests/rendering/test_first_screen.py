"""What the page needs for the first screen: links to cards, the small picture, the doors."""

from __future__ import annotations

import zipfile
from pathlib import Path

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.rendering.embedded import render_html, with_doors
from deepseek_report.rendering.render import render_docx
from deepseek_report.wording.words import WordedFinding

from .conftest import document_of, results_with

FINDING = WordedFinding(
    id="Errors apart",
    severity="high",
    severity_label="critical",
    claim="Men *wait* longer.",
    detail="By 3 days.",
    why="Because.",
    do="Look.",
    section="bias",
    section_title="Bias",
    evidence=("measures/x",),
    limits=(),
    more="Also: [others](x).",
)
LINK = "{{ section_header(section) }}\n\n{{ finding_link(values.it, values.it.claim) }}\n"


PICTURE = Picture("a_b", '<svg xmlns="http://www.w3.org/2000/svg"/>', "T", "alt", "how")


def written(
    tmp_path: Path, first: str, sections: list[SectionContent], picture: Picture = PICTURE
) -> Path:
    bodies = {"first": first, "bias": "{{ section_header(section) }}", "broken": "{{ no.such }}"}
    opening = SectionContent("first", "First", "Q?", "A.", {"it": FINDING})
    return document_of(tmp_path / "run", [opening, *sections], bodies, results_with(picture)).path


def test_a_link_leads_to_the_card_which_stands_in_its_section_whatever_its_template_shows(
    tmp_path: Path,
) -> None:
    bias = SectionContent("bias", "Bias", "Q?", "A.", {"findings": [FINDING]})
    text = written(tmp_path, LINK, [bias]).read_text("utf-8")
    assert "[Men \\*wait\\* longer.](#finding-errors-apart)" in text
    assert text.count("{#finding-errors-apart ") == 1
    assert text.index("# Bias") < text.index("{#finding-errors-apart ")
    assert "Also: \\[others\\](x)." in text
    for name in ("broken", "without_template"):
        content = SectionContent(name, "T", "Q?", "A.", {"findings": [FINDING]})
        assert "{#finding-errors-apart " in written(tmp_path, LINK, [content]).read_text("utf-8")


def test_a_link_to_a_card_that_is_not_there_leads_to_its_section_or_nowhere(tmp_path: Path) -> None:
    bias = SectionContent("bias", "Bias", "Q?", "A.")
    assert "longer.](#sec-bias)" in written(tmp_path, LINK, [bias]).read_text("utf-8")
    assert "\n\nMen \\*wait\\* longer.\n" in written(tmp_path, LINK, []).read_text("utf-8")


def test_the_first_screen_becomes_a_docx_with_its_small_picture(tmp_path: Path) -> None:
    sized = '<svg xmlns="http://www.w3.org/2000/svg" width="{}pt" height="20pt"/>'
    picture = Picture("a_b", sized.format(40), "T", "alt", "how", narrow=sized.format(30))
    first = "{{ section_header(section) }}{{ small_picture('a_b') }}{{ picture('a_b') }}"
    document = written(tmp_path, first, [], picture)
    archive = zipfile.ZipFile(render_docx(document))
    assert len([name for name in archive.namelist() if name.startswith("word/media/")]) == 2


def test_the_small_picture_and_the_numbered_one_share_a_file_and_no_id(tmp_path: Path) -> None:
    first = "{{ section_header(section) }}{{ small_picture('a_b') }}{{ small_picture('no') }}"
    first += "{{ picture('a_b') }}"
    document = written(tmp_path, first, [])
    assert document.read_text("utf-8").count("figures/a-b.svg") == 2
    page = render_html(document).read_text("utf-8")
    assert page.count('<figure class="picture">') == 1
    assert page.count('id="fig-a-b"') == 1
    assert page.count('role="img" aria-label="alt"') == 2


def test_the_contents_name_the_audit_where_it_begins() -> None:
    def entry(name: str) -> str:
        return f'<li><a href="#sec-{name}" id="toc-sec-{name}">x</a></li>\n'

    doors = entry("summary") + entry("cases")
    page = doors + entry("data") + entry("bias")
    assert with_doors(page, "A & B") == (
        f'{doors}<li class="door">A &amp; B</li>\n{entry("data")}{entry("bias")}'
    )
    assert with_doors(doors, "Audit") == doors
    assert with_doors(entry("data"), "Audit") == entry("data")
