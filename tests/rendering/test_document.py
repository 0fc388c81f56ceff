from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.rendering.document import front_matter, write_qmd
from deepseek_report.rendering.page_words import ReportOptions

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
    assert head["format"]["html"]["embed-resources"] is True


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
