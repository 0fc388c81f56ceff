from __future__ import annotations

import re

import pytest
from jinja2 import UndefinedError

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.rounding import TEXT
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.errors import ArtifactError
from deepseek_report.tasks import TASKS
from deepseek_report.wording.words import Wording, languages, read_catalog, wording

CATALOGS = shipped("templates") / "locale"
#: Texts that quote a requirement.
QUOTES = ("evidence_kinds.", "human_fields.", "exports.letters.regb.")
FORBIDDEN = re.compile(
    r"\b(debias\w*|unbiased|solve[sd]?|compliant|unfair\w*|fair|fairness)\b", re.I
)


def flat(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@pytest.mark.parametrize("language", languages())
def test_no_text_claims_what_no_report_can_show(language: str):
    texts = flat(read_catalog(CATALOGS, language))
    texts = [(key, text) for key, text in texts if not key.startswith(QUOTES)]
    assert [key for key, text in texts if FORBIDDEN.search(str(text))] == []


@pytest.mark.parametrize("language", languages())
def test_every_text_is_a_valid_template_and_every_finding_has_four(language: str):
    tree = read_catalog(CATALOGS, language)
    words = Wording(tree)
    for key, value in flat(tree):
        for text in value if key.endswith(".notes") else [value]:  # of a framework
            assert isinstance(text, str), key
            words._environment.parse(text)
    for key, parts in tree.get("findings", {}).items():
        assert set(parts) - {"more"} == {"claim", "detail", "why", "do"}, key


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("task", list(TASKS))
def test_a_task_says_otherwise_only_what_the_language_says_or_what_sections_of_it_ask(
    language: str, task: str
):
    tree = read_catalog(CATALOGS, language)
    tasks = tree.get("tasks", {})
    assert set(tasks) <= set(TASKS)
    base, merged = wording(language), wording(language, task)
    for key, text in flat(tasks.get(task, {})):
        assert isinstance(text, str), key
        merged._environment.parse(text)
        assert merged.has(key), key
        assert not key.startswith("findings.") or base.has(key), key
    assert merged.label("explainers", "shap") == base.label("explainers", "shap")


def test_an_empty_text_of_a_task_takes_an_entry_out_of_a_table():
    assert "ROC AUC" in wording("en").table("glossary")
    assert "ROC AUC" not in wording("en", "regression").table("glossary")


def test_values_are_taken_as_text_and_never_as_templates():
    words = Wording({"greeting": "Row of {{ name }}."})
    assert words.text("greeting", name="{{ 7 * 7 }} <b>&") == "Row of {{ 7 * 7 }} <b>&."


def test_line_breaks_go_and_thin_spaces_stay():
    assert Wording({"a": "x\n  y\u202fz\u00a0%"}).text("a") == "x y\u202fz\u00a0%"


def test_a_missing_slot_is_an_error_and_not_an_empty_place():
    with pytest.raises(UndefinedError):
        Wording({"a": "{{ gone }}"}).text("a")


def test_a_missing_text_says_which():
    with pytest.raises(ArtifactError, match=r"no text 'findings\.nothing\.claim'"):
        wording("en").finding(Finding("x", "low", "nothing"))


def test_a_name_without_label_is_made_readable():
    assert wording("en").label("explainers", "my_method") == "My method"


def test_a_label_begins_with_a_small_letter_inside_of_a_sentence_where_the_language_says_so():
    texts = {"a": "Die {{ what|inline }}."}
    assert Wording(texts).text("a", what="Kontrolle") == "Die Kontrolle."
    assert (
        Wording({**texts, "formats": {"labels_inside": "small"}}).inline("Age band") == "age band"
    )


def test_names_are_found_in_the_small_letters_in_which_they_are_stored():
    words = Wording({"names": {"Age": "Alter"}})
    assert words.name("age") == words.name("Age") == "Alter"


def test_a_language_without_texts_falls_back_to_english():
    assert wording("xx").label("explainers", "shap") == "SHAP"


def test_a_label_of_any_length_leaves_a_sentence_that_can_be_read():
    words = Wording({"a": "In {{ level }} of {{ levels | listing }}."})
    sentence = words.text("a", level="x" * 10_000, levels=["y" * 10_000, "z"])
    assert len(sentence) < 2 * TEXT + 30
    assert sentence.endswith("z.")


def test_names_that_ship_with_a_data_set_are_said_in_the_language_and_others_stay():
    texts = {
        "names": {"missing": "fehlt"},
        "data_sets": {"loans": {"names": {"Age": "Alter"}}},
        "a": "{{ label }}: {{ value }} {{ levels|join(', ') }}",
    }
    slots = {"label": "Age", "value": "missing", "levels": ["Age", "Aged"]}
    assert Wording(texts, data_set="loans").text("a", **slots) == "Alter: fehlt Alter, Aged"
    assert Wording(texts, data_set="mine").text("a", **slots) == "Age: fehlt Age, Aged"
    named = Wording(texts, data_set="loans").named({"Age": [{"label": "Age"}, 3]})
    assert named == {"Age": [{"label": "Alter"}, 3]}


def test_messages_inside_of_lists_of_mappings_are_worded():
    words = Wording({"a": "{% for part in parts %}{{ part.why }}{% endfor %}", "b": "so"})
    assert words.text("a", parts=[{"why": message("b")}]) == "so"
