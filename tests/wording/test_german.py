"""A third language is only words: a section in German, the rest in English, and it is said so."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from jinja2 import meta

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.sections.bottlenecks import BottlenecksSection
from deepseek_report.sections.reproducibility import ReproducibilitySection
from deepseek_report.sections.robustness import RobustnessSection
from deepseek_report.wording.words import languages, read_catalog, untranslated, wording
from tests.real_runs import with_report
from tests.wording.test_words import flat

CATALOGS = shipped("templates") / "locale"


@pytest.fixture(scope="module")
def in_german(real_run: Results) -> Results:
    return with_report(real_run, language="de")


def test_every_german_text_has_the_key_and_the_slots_of_an_english_one() -> None:
    english = dict(flat(read_catalog(CATALOGS, "en")))
    environment = wording("de")._environment
    for key, text in flat(read_catalog(CATALOGS, "de")):
        if key.startswith(("formats.", "numbers.", "names.")):
            continue
        german, known = (
            meta.find_undeclared_variables(environment.parse(each)) for each in (text, english[key])
        )
        assert german <= known, key


def test_the_section_robustness_lacks_no_german_text() -> None:
    assert "de" in languages()
    lacking = [key for key in untranslated("de") if re.search(r"\brobustness\b", key)]
    assert lacking == []


def test_the_section_stands_in_german_with_german_numbers(in_german: Results) -> None:
    content = RobustnessSection().content(in_german)
    assert content.title == "Robustheit"
    assert content.question == "Kippen kleine Fehler in der Eingabe Entscheidungen?"
    assert re.search(r"kippt \d+,\d\u00a0% \(", content.answer)
    assert re.search(r"ROC-AUC .* 0,\d+", content.answer)
    words = " ".join((content.answer, *content.caveats))
    assert not re.search(r"\b(the|of|and|with|values|noise)\b", words)


def test_other_sections_stand_in_english_and_the_report_counts_what_is_missing(
    in_german: Results,
) -> None:
    english = replace(in_german, config={**in_german.config, "report": {"language": "en"}})
    question = BottlenecksSection().content(in_german).question
    assert question == BottlenecksSection().content(english).question
    lacking = wording("de").untranslated[0]
    assert lacking > 1000
    answer = ReproducibilitySection().content(in_german).answer
    number = wording("de").numbers.count(lacking)
    assert f"{number} of" in answer
    assert "they stand in English" in answer
