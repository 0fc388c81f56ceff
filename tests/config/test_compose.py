"""Composition: groups, overrides, the user's own folder, sweeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.config.compose import compose
from deepseek_report.config.overrides import expand
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.validate import validate
from tests.configured import experiment_of


def test_the_default_configuration_is_valid() -> None:
    experiment = experiment_of()
    assert experiment.name == "credit_risk"
    assert set(experiment.explainers) >= {"shap", "lime", "random"}


def test_a_choice_of_several_and_a_field_of_one_can_be_overridden_together() -> None:
    composed = compose(["explainers=[lime,random]", "explainers.lime.num_samples=77"])
    assert list(composed.raw["explainers"]) == ["lime", "random"]
    assert composed.raw["explainers"]["lime"]["num_samples"] == 77


def test_a_field_that_the_yaml_does_not_list_can_be_set_without_a_plus_sign() -> None:
    assert experiment_of("model.pool=mean").model.pool == "mean"


def test_every_override_problem_is_reported_at_once() -> None:
    composed = compose(["model=mpl", "explainers=[shap,lima]", "=", "seed=x", "name=<b>"])
    with pytest.raises(ConfigProblems) as caught:
        validate(composed)
    assert len(caught.value.problems) == 5
    assert 'did you mean "mlp"?' in str(caught.value)
    assert 'did you mean "lime"?' in str(caught.value)


def test_a_folder_of_ones_own_joins_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: mlp\nname: mine\nseed: 9\n"
    )
    experiment = experiment_of("experiment=mine", config_dir=str(tmp_path))
    assert (experiment.name, experiment.settings.seed) == ("mine", 9)
    assert type(experiment.model).__name__ == "MLP"


def test_a_missing_folder_of_ones_own_is_named() -> None:
    with pytest.raises(ConfigProblems, match="not a folder"):
        compose([], "no/such/folder")


def test_a_sweep_is_every_combination_in_order() -> None:
    jobs = list(expand(["seed=1,2", "model=mlp,deepseek", "report.title='a, b'"]))
    assert [job[:2] for job in jobs] == [
        ["seed=1", "model=mlp"],
        ["seed=1", "model=deepseek"],
        ["seed=2", "model=mlp"],
        ["seed=2", "model=deepseek"],
    ]
    assert all(job[2] == "report.title='a, b'" for job in jobs)


def test_other_data_leave_the_default_study_with_its_title_and_thresholds() -> None:
    raw = compose(["dataset=csv", "dataset.path=a.csv", "dataset.target=y"]).raw
    assert raw["name"] == "csv"
    assert raw["report"]["thresholds"] == []
    assert compose(["dataset=csv", "name=loans"]).raw["name"] == "loans"
    assert compose(["dataset=credit", "experiment=credit_risk"]).raw["name"] == "credit_risk"


def test_a_study_may_hold_settings_of_parts_that_are_not_chosen() -> None:
    experiment = experiment_of("metrics=[accuracy]", "report.thresholds=[]")
    assert list(experiment.metrics) == ["accuracy"]


def test_settings_of_a_part_that_does_not_exist_are_a_problem() -> None:
    with pytest.raises(ConfigProblems, match='did you mean "lime"'):
        experiment_of("explainers.lima.num_samples=80")
