"""Names that are put together are worded part by part, and a person's own stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.metrics.failures.conditions import all_conditions
from deepseek_report.wording.of_results import words_for
from deepseek_report.wording.pseudo import LANGUAGE
from deepseek_report.wording.words import CATALOGS, Names
from tests.wording.marked_page import words_outside

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
def marked(marked_catalogs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CATALOGS, str(marked_catalogs))


def test_a_name_is_taken_apart_and_put_together_as_the_language_does() -> None:
    stored = "Age is over 46.5\u00a0years and Sex is “man”"
    assert GERMAN.of(stored) == "Alter über 46,5 Jahre und Geschlecht: „Mann“"


@pytest.mark.parametrize("name", ["Cats and dogs", "Age and dogs", "3.11", "46\u00a0miles", ""])
def test_what_is_not_made_of_known_names_stays_as_it_is(name: str) -> None:
    assert GERMAN.of(name) == name


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize(
    "name",
    ["Sex × age band", "34\u00a0years", "NT$\u00a02\u202f000", "Age: 46\u00a0years",
     "25–34 to under 25",
     "mean 0.8", "steps 1–10", "rows 1–4 × columns 5–8", "word 3", "none within 3 features"],
)  # fmt: skip
def test_no_word_of_a_name_that_ships_stays_unmarked(name: str) -> None:
    assert words_outside([words_for(LANGUAGE, SCHEMA, SHIPPED).name(name)]) == []


@pytest.mark.usefixtures("marked")
def test_every_part_of_the_data_that_metrics_name_is_worded() -> None:
    inputs = np.column_stack([np.arange(20.0, 60.0), np.zeros(40)])
    parts = all_conditions(SCHEMA, inputs, inputs, {})
    words = words_for(LANGUAGE, SCHEMA, SHIPPED)
    assert [
        condition.text for condition in parts if words_outside([words.name(condition.text)])
    ] == []


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("title", ["My loans", Message("reviews.title")])
def test_names_of_data_that_are_only_called_like_those_that_ship_stay(title: object) -> None:
    words = words_for(LANGUAGE, SCHEMA, {"name": "taiwan_credit", "title": title})
    assert [words.name(name) for name in SCHEMA.own_names] == list(SCHEMA.own_names)


@pytest.mark.usefixtures("marked")
def test_a_word_of_the_package_is_a_persons_own_where_the_data_have_it() -> None:
    mine = replace(SCHEMA, target=Target("y", "found", ("missing", "masked")))
    assert words_for(LANGUAGE, mine).name("masked") == "masked"
    assert words_for(LANGUAGE, SCHEMA).name("masked") == "⟦masked⟧"
    assert words_for(LANGUAGE, mine).name("Age is missing") == "Age ⟦is missing⟧"
