"""The jobs of a sweep: axes of the command line, of an experiment's block, and one split."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.config.compose import Composer
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.runner.planning.sweeping import job_overrides, sweep_jobs, varying
from tests.configured import experiment_of

STUDY = """\
# @package _global_
# A study of models and seeds.
defaults:
  - /experiment/credit_risk
  - _self_
name: study
{more}
sweep:
{axes}
"""


def study(folder: Path, axes: str, more: str = "") -> str:
    file = folder / "conf" / "experiment" / "study.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(STUDY.format(axes=axes, more=more), encoding="utf-8")
    return str(folder / "conf")


def jobs(overrides: list[str], config_dir: str | None = None) -> list[tuple[str, ...]]:
    return [job.overrides for job in job_overrides(overrides, Composer.of(config_dir))]


def test_the_overrides_in_which_jobs_differ_are_told() -> None:
    texts = [["debug=fast", "seed=1", "model=mlp"], ["debug=fast", "seed=2", "model=mlp"]]
    assert varying(texts) == [["seed=1"], ["seed=2"]]
    assert varying([["seed=1"]]) == [[]]
    assert varying([]) == []


def test_an_experiment_declares_what_is_varied(tmp_path: Path) -> None:
    axes = "  model: [mlp, deepseek]\n  explainers: [[shap, random], [lime]]"
    assert jobs(["experiment=study"], study(tmp_path, axes)) == [
        ("experiment=study", f"model={model}", f"explainers={explainers}")
        for model in ("mlp", "deepseek")
        for explainers in ("[shap,random]", "[lime]")
    ]


def test_the_command_line_stands_in_the_place_of_an_axis(tmp_path: Path) -> None:
    folder = study(tmp_path, "  model: [mlp, deepseek]\n  explain.instances: [20, 40]")
    assert jobs(["experiment=study", "model=nam"], folder) == [
        ("experiment=study", "model=nam", "explain.instances=20"),
        ("experiment=study", "model=nam", "explain.instances=40"),
    ]


def test_every_kind_of_value_reaches_the_job_as_it_stands(tmp_path: Path) -> None:
    axes = "  report.title: [\"A, b: 'c'\", 'null', '7']\n  explain.evaluations: [null, 90000]"
    valid = sweep_jobs(["experiment=study"], study(tmp_path, axes))
    assert [
        (job.experiment.raw["report"]["title"], job.experiment.raw["explain"]["evaluations"])
        for job in valid
    ] == [(title, rows) for title in ("A, b: 'c'", "null", "7") for rows in (None, 90000)]


def test_a_sweep_over_the_seed_keeps_the_split_unless_told() -> None:
    seeds = [job.experiment.seeds for job in sweep_jobs(["seed=1,2", "debug=fast"])]
    assert [seed.data for seed in seeds] == [1, 1]
    assert [(seed.training, seed.explain, seed.measure) for seed in seeds] == [(1,) * 3, (2,) * 3]
    named = [job.experiment.seeds for job in sweep_jobs(["seed=1,2", "seeds.data=${seed}"])]
    assert [seed.data for seed in named] == [1, 2]
    assert jobs(["seed=3", "model=mlp,nam"]) == [("seed=3", "model=mlp"), ("seed=3", "model=nam")]


def test_the_split_that_is_kept_is_that_of_the_experiments_own_seed(tmp_path: Path) -> None:
    own = study(tmp_path, "  seed: [4, 5]", more="seed: 9")
    assert {job[-1] for job in jobs(["experiment=study"], own)} == {"seeds.data=9"}
    data = study(tmp_path, "  seed: [4, 5]", more="seeds: {data: 7}")
    assert {job[-1] for job in jobs(["experiment=study"], data)} == {"seeds.data=7"}


@pytest.mark.parametrize(
    ("axes", "line", "fault"),
    [
        ("  model: mlp", 9, "sweep.model is 'mlp'"),
        ("  model: []", 9, "sweep.model is an empty list"),
        ("  experiment: [a, b]", 9, "experiment cannot be varied by a block"),
        ("  paths.store: [a, b]", 9, "paths.store cannot be varied by a block"),
        ("  modle: [mlp]", 9, 'unknown key "modle"'),
        ("  model: [mlp, mlpp]", 9, '"mlpp" is not in the group model'),
        ("  seed: [1, x]", 9, "seed is"),
        ("  - model", 8, "sweep is ['model']"),
    ],
)
def test_a_wrong_block_is_told_by_file_and_line(
    axes: str, line: int, fault: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigProblems) as error:
        sweep_jobs(["experiment=study"], study(tmp_path, axes))
    (problem,) = error.value.problems
    assert f"conf/experiment/study.yaml:{line}" in problem.where
    assert fault in problem.fault


def test_a_block_cannot_make_a_sweep_that_never_ends(tmp_path: Path) -> None:
    many = ", ".join(map(str, range(40)))
    folder = study(tmp_path, f"  seed: [{many}]\n  explain.instances: [{many}]")
    with pytest.raises(ConfigProblems, match="more than 1000 runs"):
        job_overrides(["experiment=study"], Composer.of(folder))


def test_a_run_without_the_option_is_one_run_of_the_experiments_own_values(tmp_path: Path) -> None:

    folder = study(tmp_path, "  model: [mlp, nam]")
    raw = experiment_of("experiment=study", config_dir=folder).raw
    assert "sweep" not in raw
    assert raw["model"]["_target_"].endswith(".DeepSeek")
