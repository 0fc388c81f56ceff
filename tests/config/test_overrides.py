"""Overrides of the command line: what can be read, and what is said of the rest."""

from __future__ import annotations

import pytest

from deepseek_report.config.overrides import parse
from tests.configured import experiment_of
from tests.worded import problems


@pytest.mark.parametrize(
    "title", ["Prüfung der Kredite", "O'Neill", "信用", "a: b", "it\\", "2 % (x"]
)
def test_a_plain_text_is_taken_as_it_is(title: str) -> None:
    assert experiment_of(f"report.title={title}").report.title == title


def test_a_key_that_has_a_value_may_be_written_with_a_plus() -> None:
    assert experiment_of("+seed=3").settings.seed == 3


@pytest.mark.parametrize("text", ["model=mlp,deepseek", "seed=range(1,4)", "report.title=a,b"])
def test_several_values_without_multirun_are_a_problem_that_names_the_flag(text: str) -> None:
    message = problems(text, "trainer.max_epochs=many")
    assert f"command line, {text}: several values for one run" in message
    assert "add -m" in message
    assert "trainer.max_epochs" in message


@pytest.mark.parametrize("text", ["model=null", "~model", "explainers=null", "~explainers"])
def test_a_group_cannot_be_taken_away(text: str) -> None:
    assert f"command line, {text}: nothing is chosen for" in problems(text)


@pytest.mark.parametrize("group", ["experiment", "debug"])
def test_null_for_a_group_that_can_be_left_out_is_a_problem_that_says_how(group: str) -> None:
    text = problems(f"{group}=null", "dataset=digits")
    assert f"command line, {group}=null: nothing is chosen for {group}" in text
    assert f"choose one, or write ~{group} for none" in text
    assert experiment_of(f"~{group}", "dataset=digits").dataset.explained == 8


def test_several_choices_where_one_is_chosen_are_a_problem() -> None:
    assert "several choices" in problems("model=[mlp,deepseek]")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("report.thresholds=3", "a list, such as"),
        ("decision=3", "keys with values"),
        ("seed=1.5", "a whole number"),
        ("measure_time=maybe", "true or false"),
    ],
)
def test_what_is_allowed_is_said_in_plain_words(text: str, allowed: str) -> None:
    assert f"allowed: {allowed}" in problems(text)


def test_a_missing_field_is_looked_for_where_its_list_was_given() -> None:
    text = "report.thresholds=[{metric: roc_auc, at_least: 0.7}]"
    assert f"command line, {text}: report.thresholds.0.set_by must be given" in problems(text)


def test_a_setting_of_an_unknown_part_is_told_with_its_override() -> None:
    text = problems("explainers.lme.num_samples=3")
    assert "command line, explainers.lme.num_samples=3" in text


@pytest.mark.parametrize("text", ["report.title=${foo}", "~nothing"])
def test_what_does_not_compose_is_told_with_its_override(text: str) -> None:
    assert f"command line, {text}: " in problems(text)


@pytest.mark.parametrize("text", ["dataset.drop=[Größe,Straße Nr]", "dataset.drop=[年龄,a/b%]"])
def test_a_list_of_texts_of_any_script_needs_no_quotes(text: str) -> None:
    (parsed,), problems_ = parse([text])
    assert not problems_
    assert parsed.value() == text.partition("=")[2].strip("[]").split(",")
