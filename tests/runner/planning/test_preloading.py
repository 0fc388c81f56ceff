"""What the processes of a run are started with, also while later jobs of a sweep are composed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from deepseek_report.runner import sweep
from deepseek_report.runner.execution.local_launcher import LocalLauncher
from deepseek_report.runner.planning.plan import make_plan, modules_to_load
from deepseek_report.runner.planning.sweeping import SweepJob, sweep_jobs
from deepseek_report.store import Store
from tests.configured import experiment_of, few_parts
from tests.worded import printed


def loaded(*overrides: str) -> list[str]:
    experiment = experiment_of("dataset=breast_cancer", *overrides)
    return modules_to_load(experiment, make_plan(experiment))


def test_a_run_loads_its_parts_and_the_library_of_its_model() -> None:
    modules = loaded()
    assert "torch" in modules
    assert "deepseek_report.metrics.performance.baselines" in modules
    assert len(modules) == len(set(modules))


def test_an_estimator_needs_no_torch() -> None:
    modules = loaded(
        "model=sklearn", "explainers=[random]", "metrics=[roc_auc]", "report.thresholds=[]"
    )
    code = "import sys, importlib\n" + "".join(f"import {module}\n" for module in modules)
    code += "print('torch' in sys.modules)"
    assert printed(code) == "False"


def test_parts_whose_stages_are_in_the_store_are_not_loaded() -> None:
    experiment = experiment_of("experiment=breast_cancer")
    pictures = [stage for stage in make_plan(experiment) if stage.kind == "pictures"]
    modules = modules_to_load(experiment, pictures)
    assert "deepseek_report.metrics.performance.baselines" not in modules
    assert "deepseek_report.visualizations.performance.ranking_pictures" in modules


def test_a_metric_is_handed_what_it_takes_wherever_it_stands_in_the_list() -> None:
    listed = "[options,faithfulness_effect,deletion,insertion,direct_use]"
    chosen = [f"metrics={listed}", "visualizations=[]", "report.thresholds=[]", "sections=[]"]
    experiment = experiment_of(*chosen)
    planned = {stage.id: stage.inputs for stage in make_plan(experiment)}
    assert "measures/direct_use" in planned["measures/options"]
    assert {"measures/deletion/shap", "measures/insertion/random"} <= {
        *planned["measures/faithfulness_effect"]
    }


FEW = ("model=mlp", "debug=fast", *few_parts(explainers="random", visualizations="roc_curve"))


@dataclasses.dataclass(frozen=True)
class Recording(LocalLauncher):
    loaded: list[Sequence[str]] = dataclasses.field(default_factory=list)

    def load_early(self, modules: Sequence[str]) -> None:
        self.loaded.append(modules)


def recorded(job: SweepJob) -> tuple[SweepJob, list[Sequence[str]]]:
    launcher = Recording()
    experiment = dataclasses.replace(job.experiment, launcher=launcher)
    return dataclasses.replace(job, experiment=experiment), launcher.loaded


def jobs(tmp_path: Path, *more: str) -> list[SweepJob]:
    return sweep_jobs([*FEW, "seed=1,2", "device=cpu", f"paths.store={tmp_path}", *more])


def test_the_first_job_is_handed_over_before_the_others_are_composed(tmp_path: Path) -> None:
    first: list[SweepJob] = []
    overrides = [*FEW, "seed=1,2", f"paths.store={tmp_path}"]
    assert sweep_jobs(overrides, on_first=first.append)[0] is first[0]
    assert len(first) == 1


def test_what_the_first_job_is_to_run_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "cores", lambda: 2)
    job, loaded = recorded(jobs(tmp_path)[0])
    sweep.load_early(job)
    assert "torch" in loaded[0]
    assert "deepseek_report.metrics.performance.classification_scores" in loaded[0]


def test_nothing_is_loaded_for_a_job_that_the_store_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "cores", lambda: 2)
    job, loaded = recorded(jobs(tmp_path)[0])
    store = Store(tmp_path.absolute())
    for stage in make_plan(job.experiment):
        store.publish(stage.id, stage.key, store.work_folder(stage.id, stage.key), {})
    sweep.load_early(job)
    assert not loaded


@pytest.mark.parametrize("jobs_at_a_time", ["jobs=1", "jobs=null"])
def test_nothing_is_loaded_where_all_runs_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs_at_a_time: str
) -> None:
    monkeypatch.setattr(sweep, "cores", lambda: 1)
    job, loaded = recorded(jobs(tmp_path, jobs_at_a_time)[0])
    sweep.load_early(job)
    assert not loaded
