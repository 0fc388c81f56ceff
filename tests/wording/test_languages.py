"""Chinese and German: what a catalog may say and must leave alone, and whole texts in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, meta

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.cli import run
from deepseek_report.compliance.framework import frameworks_folder, load_framework
from deepseek_report.sections.bottlenecks import BottlenecksSection
from deepseek_report.sections.reproducibility import ReproducibilitySection
from deepseek_report.sections.robustness import RobustnessSection
from deepseek_report.wording.words import languages, read_catalog, untranslated, wording
from tests.real_runs import with_report
from tests.shared_runs import SmallRun
from tests.worded import leaves
from tests.wording.marked_page import visible_texts

CATALOGS = shipped("templates") / "locale"


#: Inside of a text: slots and statements, and what is typed as it stands.
NOT_SAID = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|`[^`]*`|deepseek-report [\w-]+|https?://\S+", re.DOTALL
)


#: Two small words in a row: names of methods and keys of a config stand alone.
ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,}")


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    return dict(leaves(read_catalog(CATALOGS, "zh")))


@pytest.fixture(scope="module")
def english() -> dict[str, str]:
    return dict(leaves(read_catalog(CATALOGS, "en")))


def test_every_chinese_text_has_the_key_of_an_english_one(
    chinese: dict[str, str], english: dict[str, str]
) -> None:
    own = ("formats.", "cardinals.", "names.", "numbers.", "frameworks.")  # with no English key
    other = [
        key
        for key in chinese
        if key not in english and not key.startswith(own) and ".names." not in key
    ]
    assert other == []


def test_a_chinese_text_fills_no_slot_that_the_english_one_lacks(
    chinese: dict[str, str], english: dict[str, str]
) -> None:
    always = {"noun", "nouns", "the_noun", "the_nouns", "case_one", "case_many", "case_numbered"}
    always |= {"decided_for", "decided_against", "deciders", "group_names"}
    environment: Environment = wording("zh")._environment  # knows the filters
    own: dict[str, set[str]] = {}
    for key, text in chinese.items():
        if "{" in text and key in english and not key.startswith(("numbers.", "composed.")):
            slots, known = (
                meta.find_undeclared_variables(environment.parse(template))
                for template in (text, english[key])
            )
            if slots - known - always:
                own[key] = slots - known
    assert own == {}


def test_no_english_phrase_stands_in_a_chinese_text(chinese: dict[str, str]) -> None:
    left = {
        key: phrase[0]
        for key, text in chinese.items()
        if (phrase := ENGLISH.search(NOT_SAID.sub(" ", text)))
    }
    assert left == {}


def test_a_difference_in_points_has_its_unit_before_the_interval() -> None:
    numbers = wording("zh").numbers
    assert numbers.signed_gap(Estimate(-0.012, -0.02, -0.004)) == "−1.2 个百分点（−2.0 至 −0.4）"


def test_chinese_lacks_next_to_nothing(english: dict[str, str]) -> None:
    """A new text may stand in English for a while, but not many of them."""
    prefixes = ("references.", "explainer_references.", "exports.letters.", "formats.")
    left = [key for key in untranslated("zh") if not key.startswith(prefixes)]
    assert len(left) < 0.02 * len(english), left


@pytest.mark.parametrize(
    ("key", "values", "worded"),
    [
        ("见{{ a }}第", {"a": "SHAP"}, "见 SHAP 第"),
        ("从 {{ a }} 到 {{ b }}，{{ b }}", {"a": "逾期", "b": "2 个月"}, "从逾期到 2 个月，2 个月"),
        ("用{{ a }}。其他", {"a": "某法。"}, "用某法。其他"),
        ("{{ a }}占 {{ n|percent }}", {"a": "2005年SHAP值", "n": 0.5}, "2005年SHAP值占 50.0%"),
        ("变化 1， AUC {{ a }}", {"a": "2"}, "变化 1，AUC 2"),
    ],
)
def test_han_and_latin_characters_stand_apart_around_what_fills_a_text(
    key: str, values: dict[str, Any], worded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = wording("zh")
    monkeypatch.setattr(
        words, "_look_up", lambda key_looked_up: key if key_looked_up == "tried" else None
    )
    monkeypatch.setattr(words, "_templates", {})
    assert words.text("tried", **values) == worded


def test_names_with_numbers_are_taken_apart_at_the_right_place() -> None:
    words = wording("zh", data_set="taiwan_credit")
    assert words.name("layer 1, attention norm") == "第 1 层，注意力归一化"
    paid, owed = "Amount paid in September 2005", "Bill in September 2005"
    assert words.name(f"{paid} ≤ {owed}") == f"{words.name(paid)} ≤ {words.name(owed)}"


def test_rows_of_the_frameworks_of_the_default_experiment_stand_in_chinese() -> None:
    experiment = shipped("conf") / "experiment" / "credit_risk.yaml"
    text = experiment.read_text(encoding="utf-8")
    shown = re.search(r"override /frameworks: \[(.*?)\]", text)
    default = (shipped("conf") / "frameworks/sets/default.yaml").read_text(encoding="utf-8")
    assert shown is not None
    names = [
        *re.findall(r"^- (\w+)", default, re.M),
        *shown[1].replace("default, ", "").split(", "),
    ]
    words = wording("zh")
    for name in names:
        rows = load_framework(frameworks_folder() / f"{name}.yaml").rows
        chinese = words.framework(name)["rows"]
        assert {row.id for row in rows} == set(chinese), name
        assert all(re.search("[一-鿿]", texts["asks"]) for texts in chinese.values()), name


@pytest.fixture(scope="module")
def in_german(real_run: Results) -> Results:
    return with_report(real_run, language="de")


def test_every_german_text_has_the_key_and_the_slots_of_an_english_one() -> None:
    english = dict(leaves(read_catalog(CATALOGS, "en")))
    environment = wording("de")._environment
    for key, text in leaves(read_catalog(CATALOGS, "de")):
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


#: What is typed as it stands, and who made the data, as they say it.
AS_IT_STANDS = re.compile(r"deepseek-report [^，。；]*|^(来源|引用|许可|文件)：.*")


#: Quotations of a framework's file, which stands in English and is marked as such.
OF_FRAMEWORKS = frozenset({"compliance"})


def test_no_english_phrase_stands_in_a_chinese_report(small_run: SmallRun, tmp_path: Path) -> None:
    folder = small_run.copied(tmp_path / small_run.folder.name)
    assert run(["render", str(folder), "--language", "zh"]) == 0
    shown = visible_texts((folder / "report.html").read_text(encoding="utf-8"))
    assert sum(len(re.findall(r"[\u3400-\u9fff]", text.text)) for text in shown) > 5000
    left = [
        (text.part, text.where, phrase[0], text.text[:80])
        for text in shown
        if text.part not in OF_FRAMEWORKS
        and (phrase := ENGLISH.search(AS_IT_STANDS.sub("", text.text)))
    ]
    assert left == []
    dangling = [
        text.text[:80] for text in shown if re.search(r"@\{?(sec|fig|tbl)-|。。|<!|\[\]", text.text)
    ]
    assert dangling == []
