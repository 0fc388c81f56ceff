"""The texts of a language: slots, names, labels, groups of cases, and what stands in English."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.rounding import TEXT
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.errors import ArtifactError
from deepseek_report.tasks import TASKS
from deepseek_report.wording import estimates
from deepseek_report.wording.words import CaseWords, Wording, languages, read_catalog, wording
from tests.worded import leaves

CATALOGS = shipped("templates") / "locale"


@pytest.mark.parametrize("language", languages())
def test_every_text_is_a_valid_template_and_every_finding_has_four(language: str):
    tree = read_catalog(CATALOGS, language)
    words = Wording(tree)
    for _, text in leaves(tree, alone=True):
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
    for key, text in leaves(tasks.get(task, {}), alone=True):
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


def test_both_labels_of_a_crossing_and_all_of_joined_conditions_begin_small_inside_of_a_sentence():
    texts = {"formats": {"labels_inside": "small"}}
    words = Wording(texts, written=frozenset({"Beruf"}))
    assert words.inline("Sex × Age band") == "sex × age band"
    assert words.inline("Sex × Beruf") == "sex × Beruf"  # as a file has it
    condition = "Credit limit is over 7 and Class is “Bed and Board” and Beruf is “Arzt”"
    inside = "credit limit is over 7 and class is “Bed and Board” and Beruf is “Arzt”"
    assert words.condition(condition) == inside
    assert Wording({}).condition(condition) == condition


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


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("Age band", "age band"),
        ("SHAP", "SHAP"),
        ("ROC AUC", "ROC AUC"),
        ("Brier score", "Brier score"),
        ("", ""),
        ("X", "x"),
    ],
)
def test_a_label_in_a_sentence_keeps_its_abbreviations(label, text):
    assert estimates.in_sentence(label) == text


LABELS = {"applicant": "Applicant's status", "partner": "Partner's status"}
CONFIG = {
    "groups": {
        "applicant": {"employed": "employed applicants"},
        "partner": {"employed": "applicants with an employed partner"},
        "applicant × partner": {"employed × retired": "applicants who work beside a pensioner"},
        "under 25": "the young",
    }
}


def claim(worst: str, best: str, attribute: str) -> str:
    words = wording("en").for_cases({"group_names": CaseWords.of(CONFIG).group_names(LABELS)})
    parts = {"worst": worst, "best": best, "attribute": attribute}
    return words.text("findings.part_gap.claim", **parts, wrongly=None)


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("Applicant's status", "employed applicants"),
        ("applicant", "employed applicants"),
        ("Partner's status", "applicants with an employed partner"),
    ],
)
def test_the_same_level_of_two_attributes_is_called_by_the_words_of_each(
    attribute: str, expected: str
) -> None:
    assert claim("employed", "retired", attribute) == (
        f"The model does worse for {expected} than for “retired”."
    )


def test_a_crossing_has_words_under_the_names_of_both() -> None:
    text = claim("employed × retired", "retired × retired", "Applicant's status × partner's status")
    assert "worse for applicants who work beside a pensioner than" in text


@pytest.mark.parametrize("attribute", ["Age band", "Partner's status"])
def test_a_level_without_an_attribute_is_called_so_of_any(attribute: str) -> None:
    assert "worse for the young than" in claim("under 25", "retired", attribute)


def test_levels_without_words_name_their_attribute_once() -> None:
    assert claim("retired", "ill", "Partner's status") == (
        "The model does worse for cases with partner's status “retired” than for “ill”."
    )


def test_a_condition_means_the_same_where_a_word_of_the_code_is_a_name_as_well() -> None:
    sentence = "{{ 'Accuracy' if metric == 'accuracy' else 'Error' }} ({{ metric }})"
    words = Wording({"a": sentence, "names": {"accuracy": "准确率"}})
    assert words.text("a", metric="accuracy") == "Accuracy (准确率)"


@pytest.mark.parametrize("empty", [None, float("nan"), Estimate(float("nan"))])
@pytest.mark.parametrize(
    ("sentence", "worded"),
    [
        ("{% if gap is none %}no gap{% else %}{{ gap }}{% endif %}", "no gap"),
        ("{{ 'a gap' if gap else 'no gap' }}", "no gap"),
        ("{{ 'wide' if gap == 1 else 'no' }} gap", "no gap"),
        ("gap: {{ gap|number }}", "gap: none"),
        ("{{ 'wide' if gap > 1 else 'no' }} gap", "left out: gap"),
        ("{{ 2 * gap }}", "left out: gap"),
        ("{{ gap|count }} rows", "left out: gap"),
        ("{{ gap }}", "left out: gap"),
        ("{{ inner }}", "left out: gap"),
        ("so{% if inner %}: {{ inner }}{% endif %}", "so"),
    ],
)
def test_what_a_text_may_do_with_an_empty_value(empty: object, sentence: str, worded: str) -> None:
    words = Wording(
        {"a": sentence, "inner": "{{ 'wide' if gap > 1 else 'no' }} gap",
         "numbers": {"not_defined": "none"},
         "refusals": {"needs_a_value": "left out: {{ value }}"}}
    )  # fmt: skip
    inner = message("inner", gap=empty)
    assert words.text("a", gap=empty, inner=inner) == worded


def test_a_place_beyond_a_list_and_a_part_of_an_empty_value_are_empty() -> None:
    words = Wording(
        {"a": "{{ groups[0].rate.low|percent }}", "b": "{{ groups[1].n + 1 }}",
         "numbers": {"not_defined": "none"},
         "refusals": {"needs_a_value": "left out: {{ value }}"}}
    )  # fmt: skip
    values = {"groups": [{"rate": Estimate(0.5), "n": 3}]}
    assert words.text("a", **values) == "none"
    assert words.text("b", **values) == "left out: groups[1].n"
