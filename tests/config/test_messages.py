"""What is said of usual mistakes names what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.cli import run
from deepseek_report.config.compose import compose
from tests.configured import experiment_of
from tests.worded import printed, problems, write_conf


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
