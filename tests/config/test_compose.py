"""Composition: groups, overrides, a folder of one's own, sweeps, and values in a copied tree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import OmegaConf

from deepseek_report.config.catalogue import folders
from deepseek_report.config.compose import Composer, compose
from deepseek_report.config.composed import locate
from deepseek_report.config.config_files import MULTIPLE
from deepseek_report.config.hydra_files import ConfigFiles
from deepseek_report.config.overrides import expand
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.validate import validate
from tests.configured import experiment_of
from tests.worded import study, write_conf


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
    mine = study("defaults:\n  - override /model: mlp\nname: mine\nseed: 9")
    conf = write_conf(tmp_path, {"experiment/mine": mine})
    experiment = experiment_of("experiment=mine", config_dir=conf)
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


ROOTS = tuple(folders())
CHOOSING = ("experiment=credit_risk", "debug=fast")


#: Lists are written out before Hydra composes: it knows no sets.
WRITTEN_OUT = (*CHOOSING, *(f"{group}=[]" for group in MULTIPLE if group != "metrics"))
WRITTEN_OUT += ("metrics=[roc_auc]",)
JOBS = [
    ("++seed=1",),
    ("++seed=2", "++seeds.data=1"),
    ("++report.title='A, b: c'", "++report.formats=[html,brief]"),
    ("++trainer.new_field=1e-3", "++trainer={epochs: 2}"),
    ("++name=${seed}", "++decision.threshold=null"),
    ("++seed=1", "++seed=3"),
    ("++metrics.roc_auc.x=true",),
]


def own_composer() -> Composer:
    """A composer that shares nothing with those of other tests."""
    return replace(Composer.of(None), files=ConfigFiles(ROOTS))


@pytest.mark.parametrize("values", JOBS)
def test_a_value_in_a_copy_is_what_hydra_makes_of_it(values: tuple[str, ...]) -> None:
    files = ConfigFiles(ROOTS)
    files.tree([*WRITTEN_OUT, "++seed=77", "++report.title=before"])  # leaves no trace
    tree, placements = files.tree([*WRITTEN_OUT, *values])
    assert (tree, placements) == ConfigFiles(ROOTS).tree([*WRITTEN_OUT, *values])
    with initialize_config_dir(str(ROOTS[-1]), version_base="1.3"):
        by_hydra = hydra_compose("config", [*WRITTEN_OUT, *values])
    assert OmegaConf.to_container(tree) == OmegaConf.to_container(by_hydra)


def test_hydra_composes_the_same_files_once(monkeypatch: pytest.MonkeyPatch) -> None:
    composed = []
    merge = ConfigLoaderImpl._compose_config_from_defaults_list

    def counted(self: ConfigLoaderImpl, defaults: Any, repo: Any) -> Any:
        composed.append(defaults)
        return merge(self, defaults, repo)

    monkeypatch.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", counted)
    composer = own_composer()
    first = [composer.compose([*CHOOSING, f"seed={seed}"]) for seed in (1, 2)]
    other = composer.compose([*CHOOSING, "model=mlp", "seed=1"])
    assert len(composed) == 2
    assert [composed.raw["seed"] for composed in first] == [1, 2]
    assert other == compose([*CHOOSING, "model=mlp", "seed=1"])


@pytest.mark.parametrize(
    "override", ["~trainer.epochs", "seed@place=3", "seed.inside=3", "trainer=[1]"]
)
def test_what_hydra_refuses_is_refused_in_its_words(override: str) -> None:
    composer = own_composer()
    composer.compose(CHOOSING)
    reasons = []
    for again in (composer, own_composer()):
        try:
            composed = again.compose([*CHOOSING, override])
            reasons.append([str(problem) for problem in composed.problems] or composed.raw)
        except ConfigProblems as error:
            reasons.append(str(error))
    assert reasons[0] == reasons[1]


def test_a_value_stands_in_the_file_that_has_the_last_word(tmp_path: Path) -> None:
    mine = study("defaults:\n  - breast_cancer\n  - override /metrics: [mine]\nname: mine")
    other = "defaults: [other]\nmine: {n_resamples: 300}\n"
    target = "deepseek_report.metrics.performance.classification_scores.BrierScore"
    part = f"# A score.\n# @package metrics.mine\n_target_: {target}\nreference: base_rate\n"
    files = {"experiment/mine": mine, "metrics/mine": other, "metrics/other": part}
    composed = compose(["experiment=mine"], write_conf(tmp_path, files))
    for path, place in (
        ("name", "experiment/mine.yaml:5"),
        ("report.thresholds", "conf/experiment/breast_cancer.yaml"),
        ("metrics.mine.n_resamples", "metrics/mine.yaml:2"),
        ("metrics.mine.reference", "metrics/other.yaml:4"),
    ):
        assert place in locate(composed, path.split("."))
