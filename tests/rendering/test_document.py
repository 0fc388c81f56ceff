"""The document of a report: sections, pictures, tables, and what its first screen needs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.rendering.document import front_matter, write_qmd
from deepseek_report.rendering.embedded import render_html, with_doors
from deepseek_report.rendering.page_words import ReportOptions
from deepseek_report.rendering.render import render_docx
from deepseek_report.wording.words import WordedFinding

from .conftest import document_of, results_with

SECTION = SectionContent("x", "X", "Q?", "A.")


def written(tmp_path: Path, body: str, results: Results | None = None) -> str:
    """The document of one section, by a template with this body."""
    made = document_of(tmp_path / "run", [SECTION], {"x": body}, results)
    return made.path.read_text(encoding="utf-8")


def test_pictures_that_are_read_alike_say_how_once_a_section(tmp_path: Path) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    ways = {"a": "Bars up.", "b": "Bars up.", "c": "Dots."}
    pictures = [Picture(name, svg, name, name, how) for name, how in ways.items()]
    body = "{{ picture('a') }}{{ picture('b') }}{{ picture('c') }}"
    text = written(tmp_path, body, results_with(*pictures))
    assert [text.count(how) for how in ("Bars up.", "Dots.")] == [1, 1]
    assert text.index("Bars up.") < text.index("#fig-b") < text.index("Dots.")


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    body = "{{ section_header(section) }}{{ table([{'a': 1.5, 'b': 'x'}], 't', 'C') }}"
    assert written(tmp_path, body) == written(tmp_path, body)


def test_the_head_is_yaml_whose_titles_show_themselves() -> None:
    head = yaml.safe_load(front_matter(ReportOptions(title="A: *b* {{< x >}}", author="- x")))
    assert head["title"] == "A: \\*b\\* \\{\\{\\< x \\>\\}\\}"
    assert head["author"] == "\\- x"


def test_the_audience_is_named_where_the_config_names_it(tmp_path: Path) -> None:
    options = ReportOptions(audience="the *credit* committee")
    text = write_qmd(results_with(), [], options, tmp_path).path.read_text("utf-8")
    assert "Written for the \\*credit\\* committee." in text
    plain = write_qmd(results_with(), [], ReportOptions(), tmp_path).path.read_text("utf-8")
    assert "Written for" not in plain


def test_a_section_without_a_template_uses_the_generic_one(tmp_path: Path) -> None:
    content = SectionContent("mine", "Mine", "Q?", "A.", caveats=["Careful."])
    text = document_of(tmp_path / "run", [content], {}).path.read_text("utf-8")
    assert "# Mine {#sec-mine}" in text
    assert "Careful." in text


def test_a_template_that_fails_shows_its_reason_and_is_a_failure(tmp_path: Path) -> None:
    made = document_of(tmp_path / "run", [SECTION], {"x": "{{ values.nothing.here }}"})
    text = made.path.read_text("utf-8")
    assert "# X {#sec-x}" in text
    assert ".incomplete" in text
    assert "UndefinedError" in made.failures["sections/x"]


def test_a_reference_to_what_is_not_shown_says_so(tmp_path: Path) -> None:
    text = written(
        tmp_path, "{{ section_header(section) }} {{ section_ref('x') }}, {{ ref('fig', 'no') }}"
    )
    assert "@sec-x, “no” (not shown)" in text


def test_a_picture_that_failed_is_named_and_one_not_asked_for_is_silent(tmp_path: Path) -> None:
    failed = results_with().with_failures({"pictures/roc_curve": "no scores"})
    text = written(tmp_path, "{{ picture('roc_curve') }}{{ picture('other') }}", failed)
    assert "no scores" in text
    assert "other" not in text


def test_a_picture_shown_twice_is_one_figure_and_a_reference(tmp_path: Path) -> None:
    picture = Picture("a_b", "<svg/>", "T", "alt", "how", {"data": [], "layout": {}})
    text = written(tmp_path, "{{ picture('a_b') }}{{ picture('a_b') }}", results_with(picture))
    assert text.count("{#fig-a-b") == 1
    assert "See @fig-a-b." in text
    assert (tmp_path / "run" / "figures" / "a-b.svg").read_text() == "<svg/>"
    assert (tmp_path / "run" / "figures" / "a-b.json").exists()


def test_tables_of_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    text = written(tmp_path, "{{ table([{'a': 1}], 't', 'C') }}{{ table([{'a': 2}], 't', 'C') }}")
    assert "{#tbl-t}" in text
    assert "{#tbl-t-2}" in text
    assert sorted(p.name for p in (tmp_path / "run" / "tables").iterdir()) == ["t-2.csv", "t.csv"]


def test_a_picture_that_no_template_names_stands_in_its_section_before_the_caveats(
    tmp_path: Path,
) -> None:
    named, own = (Picture(name, "<svg/>", f"T {name}", "alt", "how", None, "x") for name in "ab")
    body = "{{ section_header(section) }}{{ picture('a') }}{{ section_footer(section) }}"
    content = SectionContent("x", "X", "Q?", "A.", caveats=["Careful."])
    made = document_of(tmp_path / "run", [content], {"x": body}, results_with(own, named))
    parts = made.path.read_text("utf-8")
    places = [parts.index(mark) for mark in ("#fig-a", "## Further pictures", "#fig-b", "Careful.")]
    assert places == sorted(places)
    assert parts.count("{#fig-") == 2


def test_a_template_without_a_footer_and_one_that_fails_show_the_pictures_of_their_section(
    tmp_path: Path,
) -> None:
    picture = Picture("a", "<svg/>", "T", "alt", "how", section="x")
    assert "#fig-a" in written(tmp_path, "{{ section_header(section) }}", results_with(picture))
    broken = "{{ picture('a') }}{{ values.nothing.here }}"
    assert "#fig-a" in written(tmp_path, broken, results_with(picture))


def test_pictures_of_an_earlier_document_are_gone(tmp_path: Path) -> None:
    picture = Picture("a", "<svg/>", "T", "alt", "how")
    written(tmp_path, "{{ picture('a') }}", results_with(picture))
    written(tmp_path, "nothing")
    assert list((tmp_path / "run" / "figures").iterdir()) == []


def test_a_column_can_be_written_by_a_macro(tmp_path: Path) -> None:
    text = written(tmp_path, "{{ table([{'v': 'not met'}], 't', formats={'v': verdict}) }}")
    assert "[✗ not met]{.verdict .verdict-not-met}" in text


@pytest.mark.parametrize("name", ["html", "full"])
def test_the_shipped_options_are_valid(name: str) -> None:
    from deepseek_report.artifacts.storage.local_paths import shipped

    values = yaml.safe_load((shipped("conf") / "report" / f"{name}.yaml").read_text("utf-8"))
    values.pop("_target_")
    assert TypeAdapter(ReportOptions).validate_python(values).title == "Model report"


@pytest.mark.parametrize(
    "values", [{"language": "english please"}, {"formats": ["odt"]}, {"as_of": "today"}]
)
def test_options_out_of_range_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ReportOptions).validate_python(values)


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


def with_first(
    tmp_path: Path, first: str, sections: list[SectionContent], picture: Picture = PICTURE
) -> Path:
    bodies = {"first": first, "bias": "{{ section_header(section) }}", "broken": "{{ no.such }}"}
    opening = SectionContent("first", "First", "Q?", "A.", {"it": FINDING})
    return document_of(tmp_path / "run", [opening, *sections], bodies, results_with(picture)).path


def test_a_link_leads_to_the_card_which_stands_in_its_section_whatever_its_template_shows(
    tmp_path: Path,
) -> None:
    bias = SectionContent("bias", "Bias", "Q?", "A.", {"findings": [FINDING]})
    text = with_first(tmp_path, LINK, [bias]).read_text("utf-8")
    assert "[Men \\*wait\\* longer.](#finding-errors-apart)" in text
    assert text.count("{#finding-errors-apart}") == 1
    assert text.index("# Bias") < text.index("{#finding-errors-apart}")
    assert "Also: \\[others\\](x)." in text
    for name in ("broken", "without_template"):
        content = SectionContent(name, "T", "Q?", "A.", {"findings": [FINDING]})
        assert "{#finding-errors-apart}" in with_first(tmp_path, LINK, [content]).read_text("utf-8")


def test_a_link_to_a_card_that_is_not_there_leads_to_its_section_or_nowhere(tmp_path: Path) -> None:
    bias = SectionContent("bias", "Bias", "Q?", "A.")
    assert "longer.](#sec-bias)" in with_first(tmp_path, LINK, [bias]).read_text("utf-8")
    assert "\n\nMen \\*wait\\* longer.\n" in with_first(tmp_path, LINK, []).read_text("utf-8")


def test_the_first_screen_becomes_a_docx_with_its_small_picture(tmp_path: Path) -> None:
    sized = '<svg xmlns="http://www.w3.org/2000/svg" width="{}pt" height="20pt"/>'
    picture = Picture("a_b", sized.format(40), "T", "alt", "how", narrow=sized.format(30))
    first = "{{ section_header(section) }}{{ small_picture('a_b') }}{{ picture('a_b') }}"
    document = with_first(tmp_path, first, [], picture)
    archive = zipfile.ZipFile(render_docx(document))
    assert len([name for name in archive.namelist() if name.startswith("word/media/")]) == 2


def test_the_small_picture_and_the_numbered_one_share_a_file_and_no_id(tmp_path: Path) -> None:
    first = "{{ section_header(section) }}{{ small_picture('a_b') }}{{ small_picture('no') }}"
    first += "{{ picture('a_b') }}"
    document = with_first(tmp_path, first, [])
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
