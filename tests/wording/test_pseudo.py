"""The language for tests marks every text of the catalogs and nothing that fills a slot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from marked_catalog import LANGUAGE, mark_pattern, mark_template, marked, write_catalog

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.metrics.failures.conditions import all_conditions
from deepseek_report.wording.of_results import words_for
from deepseek_report.wording.words import CATALOGS, Names, Wording, languages, wording
from tests.shared_runs import SmallRun
from tests.worded import leaves, write_conf
from tests.wording.marked_page import words_outside

from .marked_page import own_texts, unmarked


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Gain over random", "⟦Gain over random⟧"),
        ("“{{ name }}” found", "“{{ name }}⟦” found⟧"),
        ("{{ n|plural('row is', 'rows are') }}", "{{ n|plural('⟦row is⟧', '⟦rows are⟧') }}"),
        ("{{ 'up' if x == 'high' else 'down' }}", "{{ '⟦up⟧' if x == 'high' else '⟦down⟧' }}"),
        ("{{ label('explainers', name) }}", "{{ label('explainers', name) }}"),
        ("{% if a in ['up', 'no'] %}on{% endif %}", "{% if a in ['up', 'no'] %}⟦on⟧{% endif %}"),
        ("{{ a|map('explainer')|join('; ') }}", "{{ a|map('explainer')|join('; ') }}"),
        ("{{ {'value': x, 'low': none}|gap }}", "{{ {'value': x, 'low': none}|gap }}"),
        ("{{ x }} – {{ y }}", "{{ x }} – {{ y }}"),
    ],
)  # fmt: skip
def test_texts_of_a_template_are_marked_and_names_of_the_code_are_not(
    template: str, expected: str
) -> None:
    assert mark_template(template) == expected


def test_a_pattern_keeps_its_slots() -> None:
    assert mark_pattern("below {number}") == "⟦below⟧ {number}"
    assert mark_pattern("{number}\u00a0%") == "{number}\u00a0%"


def test_words_outside_of_marks_are_found_and_those_inside_of_any_depth_are_not() -> None:
    assert words_outside(["⟦a ⟦deep⟧ mark⟧ and else"]) == ["and", "else"]
    assert words_outside(["⟦begun", "ended⟧ free"]) == ["free"]
    assert words_outside(["⟦cut off…", "free"]) == ["free"]


def test_numbers_are_patterns_in_the_locale_of_no_language() -> None:
    made = marked({"formats": {"locale": "en_GB"}, "numbers": {"below": "below {number}"}})
    assert made == {"formats": {"locale": "zh_Hans"}, "numbers": {"below": "⟦below⟧ {number}"}}


def test_an_english_list_shows_among_marked_texts() -> None:
    numbers = Wording(marked({"formats": {"locale": "en_GB"}})).numbers
    assert words_outside([numbers.listing(["⟦a⟧", "⟦b⟧"])]) == []
    assert words_outside(["⟦a⟧ and ⟦b⟧"]) == ["and"]


def test_every_text_of_the_marked_catalog_is_a_template_that_compiles(tmp_path: Path) -> None:
    made = yaml.safe_load(write_catalog(tmp_path).read_text(encoding="utf-8"))
    environment = Wording(made)._environment
    texts = {key: text for key, text in leaves(made) if not key.startswith("numbers.")}
    assert len(texts) > 500
    for text in texts.values():
        environment.from_string(text)


def test_a_language_may_begin_with_one_text_and_says_how_many_stand_in_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = 'formats: {locale: nl_NL}\nmetrics: {accuracy: "Nauwkeurigheid"}'
    section = "section_titles: {trust: Vertrouwen}"
    write_conf(tmp_path / "qaa", {"sections/trust": section, "common": common})
    monkeypatch.setenv(CATALOGS, str(tmp_path))
    dutch, english = wording("qaa"), wording("en")
    assert "qaa" in languages()
    assert dutch.label("section_titles", "trust") == "Vertrouwen"
    assert dutch.label("section_titles", "bias") == english.label("section_titles", "bias")
    assert dutch.inline("Roc") == "Roc"  # English writes labels small inside of a sentence
    assert dutch.numbers.number(1.5) == "1,50"
    lacking, texts = dutch.untranslated
    assert (texts - lacking, english.untranslated) == (2, (0, 0))
    assert lacking > 4000


def test_a_further_catalog_is_found_only_where_the_environment_names_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalog(tmp_path)
    monkeypatch.delenv(CATALOGS, raising=False)
    assert LANGUAGE not in languages()
    assert wording(LANGUAGE).label("severities", "low") == wording("en").label("severities", "low")
    monkeypatch.setenv(CATALOGS, str(tmp_path))
    assert LANGUAGE in languages()
    assert wording(LANGUAGE).label("severities", "low").startswith("⟦")
    assert wording(LANGUAGE, "number").numbers.percent(0.5) == "50.0\u00a0%"


def test_a_language_that_is_a_path_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "evil.yaml").write_text("severities: {low: evil}", encoding="utf-8")
    outside = wording(f"../../../..{tmp_path}/evil")
    assert outside.label("severities", "low") == wording("en").label("severities", "low")


SHIPPED = {"name": "taiwan_credit", "title": message("data_sets.taiwan_credit.about.title")}
SCHEMA = Schema(
    (
        Feature("AGE", "Age", "numeric", "years"),
        Feature("SEX", "Sex", "categorical", categories=(Category("1", "man"),)),
    ),
    Target("default", "Default next month", ("no default", "default")),
    (Attribute("age_band", "Age band", ("under 25", "25 or more"), "AGE"),),
)
GERMAN = Names(
    {"Age": "Alter", "Sex": "Geschlecht", "man": "Mann", "years": "Jahre"},
    stored={"is": "{name} is “{value}”", "over": "{name} is over {low}", "both": "{a} and {b}",
            "quantity": "{number}\u00a0{unit}"},
    patterns={"is": "{name}: „{value}“", "over": "{name} über {low}", "both": "{a} und {b}",
              "quantity": "{number} {unit}"},
    number=lambda number: number.replace(".", ","),
)  # fmt: skip


@pytest.fixture
def in_marks(marked_catalogs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CATALOGS, str(marked_catalogs))


def test_a_name_is_taken_apart_and_put_together_as_the_language_does() -> None:
    stored = "Age is over 46.5\u00a0years and Sex is “man”"
    assert GERMAN.of(stored) == "Alter über 46,5 Jahre und Geschlecht: „Mann“"


@pytest.mark.parametrize("name", ["Cats and dogs", "Age and dogs", "3.11", "46\u00a0miles", ""])
def test_what_is_not_made_of_known_names_stays_as_it_is(name: str) -> None:
    assert GERMAN.of(name) == name


@pytest.mark.usefixtures("in_marks")
@pytest.mark.parametrize(
    "name",
    ["Sex × age band", "34\u00a0years", "NT$\u00a02\u202f000", "Age: 46\u00a0years",
     "25–34 to under 25",
     "mean 0.8", "steps 1–10", "rows 1–4 × columns 5–8", "word 3", "none within 3 features"],
)  # fmt: skip
def test_no_word_of_a_name_that_ships_stays_unmarked(name: str) -> None:
    assert words_outside([words_for(LANGUAGE, SCHEMA, SHIPPED).name(name)]) == []


@pytest.mark.usefixtures("in_marks")
def test_every_part_of_the_data_that_metrics_name_is_worded() -> None:
    inputs = np.column_stack([np.arange(20.0, 60.0), np.zeros(40)])
    parts = all_conditions(SCHEMA, inputs, inputs, {})
    words = words_for(LANGUAGE, SCHEMA, SHIPPED)
    assert [
        condition.text for condition in parts if words_outside([words.name(condition.text)])
    ] == []


@pytest.mark.usefixtures("in_marks")
@pytest.mark.parametrize("title", ["My loans", Message("reviews.title")])
def test_names_of_data_that_are_only_called_like_those_that_ship_stay(title: object) -> None:
    words = words_for(LANGUAGE, SCHEMA, {"name": "taiwan_credit", "title": title})
    assert [words.name(name) for name in SCHEMA.own_names] == list(SCHEMA.own_names)


@pytest.mark.usefixtures("in_marks")
def test_a_word_of_the_package_is_a_persons_own_where_the_data_have_it() -> None:
    mine = replace(SCHEMA, target=Target("y", "found", ("missing", "masked")))
    assert words_for(LANGUAGE, mine).name("masked") == "masked"
    assert words_for(LANGUAGE, SCHEMA).name("masked") == "⟦masked⟧"
    assert words_for(LANGUAGE, mine).name("Age is missing") == "Age ⟦is missing⟧"


#: Parts of the page whose words are still in code.
PARTS_LEFT: frozenset[str] = frozenset()


def test_no_word_of_a_report_stands_outside_of_the_catalogs(
    small_run: SmallRun, marked_run: Path
) -> None:
    page = (marked_run / "report.html").read_text(encoding="utf-8")
    bare = [
        (shown.part, shown.where, shown.text[:200], words)
        for shown, words in unmarked(page, own_texts(small_run.folder))
        if shown.part not in PARTS_LEFT
    ]
    assert bare == []
