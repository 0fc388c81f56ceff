"""The catalog in Chinese: what it may say, and what it must leave alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jinja2 import Environment, meta

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.compliance.framework import frameworks_folder, load_framework
from deepseek_report.wording.words import read_catalog, untranslated, wording
from tests.worded import leaves

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
