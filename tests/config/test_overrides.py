"""Overrides of the command line: what can be read, and what is said of usual mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.cli import run
from deepseek_report.config.compose import compose
from deepseek_report.config.overrides import parse
from tests.configured import experiment_of
from tests.worded import printed, problems, write_conf


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


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["chek"], 'did you mean "check"?'),
        (["chek", "model=mlp"], 'did you mean "check"?'),
        (["rendr", "reports/x"], 'did you mean "render"?'),
        (["model=mlp", "check"], "a command comes first, followed by what it is about"),
        (["check", "model=mlp", "render"], "render is a command"),
        (["-m", "seed=1,2", "doctr"], 'did you mean "doctor"?'),
        (["loans.csv"], "nor key=value, such as model=mlp"),
        (["check", "model"], "nor key=value, such as model=mlp"),
    ],
)
def test_a_word_that_is_no_override_says_what_may_be_meant(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ("RandomForestClassifier", "did you mean sklearn.ensemble.RandomForestClassifier?"),
        ("LogisticRegresion", "did you mean sklearn.linear_model.LogisticRegression?"),
        ("RandomForest", "sklearn.ensemble.RandomForestClassifier or sklearn.ensemble.Ran"),
        ("sklearn.RandomForestClassifier", "sklearn.ensemble.RandomForestClassifier?"),
        ("sklearn.tree.LogisticRegression", "sklearn.linear_model.LogisticRegression?"),
        ("nobody.Knows", "is outside the trusted packages"),
        ("Nothing", "is outside the trusted packages"),
    ],
)
def test_an_estimator_by_its_last_name_is_told_by_its_full_one(
    estimator: str, expected: str
) -> None:
    text = problems("model=sklearn", f"model.estimator={estimator}", "dataset=digits")
    assert expected in text


def test_the_full_name_is_found_without_importing_the_library() -> None:
    code = "import sys; from deepseek_report.models.own.own_classes import full_names as f; "
    code += "print(f('RandomForestClassifier', ['sklearn']), 'sklearn' in sys.modules)"
    assert printed(code).split() == ["['sklearn.ensemble.RandomForestClassifier']", "False"]


@pytest.mark.parametrize(
    "pair",
    [
        ["paths.store=a", "paths.store=b"],
        ["seed=1", "seed=2"],
        ["model=mlp", "model=nam"],
        ["+seed=1", "++seed=1"],
    ],
)
def test_a_key_that_is_given_twice_is_a_problem(pair: list[str]) -> None:
    text = problems(*pair)
    assert f"command line, {pair[1]}: " in text
    assert f"is given twice; it is also in {pair[0]}" in text


def test_what_belongs_to_the_machine_may_be_set_again() -> None:
    experiment = experiment_of("jobs=1", "device=auto", "jobs=3", "device=cpu")
    assert (experiment.settings.jobs, experiment.settings.device) == (3, "cpu")


def test_a_part_and_a_field_of_it_are_not_the_same_key() -> None:
    experiment_of("explainers=[lime,shap,random]", "explainers.lime.num_samples=300")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with YAMLs in `conf`, which nobody has named."""
    target = "deepseek_report.explainers.accounts.Random"
    write_conf(tmp_path / "conf", {"explainers/mine": f"mine:\n  _target_: {target}\n"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


_HINT = "run with --config-dir conf"


@pytest.mark.parametrize("config_dir", [None, ".", "conf/explainers"])
def test_a_yaml_in_another_folder_is_told_with_the_option_that_finds_it(
    config_dir: str | None, study: Path
) -> None:
    text = problems("explainers=[shap,mine]", config_dir=config_dir)
    assert _HINT in text
    composed = compose(["explainers=[shap,mine]", "report.thresholds=[]"], "conf")
    assert "mine" in composed.raw["explainers"]


def test_a_choice_in_a_file_that_lies_elsewhere_is_told_so_too(study: Path) -> None:
    loans = "# @package _global_\ndefaults:\n  - override /explainers: [mine]\n"
    write_conf(study / "other", {"experiment/loans": loans})
    text = problems("experiment=loans", config_dir="other")
    assert "loans.yaml:3" in text
    assert _HINT in text


@pytest.mark.parametrize(
    ("override", "expected"),
    [("explainers=[mime]", "not in the group"), ("model=mine", "not in the")],
)
def test_a_file_of_another_name_or_group_is_not_taken_for_it(
    override: str, expected: str, study: Path
) -> None:
    text = problems(override)
    assert expected in text
    assert "--config-dir" not in text


def test_an_empty_folder_of_yamls_is_no_problem(study: Path) -> None:
    (study / "empty").mkdir()
    assert experiment_of(config_dir="empty").name == "credit_risk"
