"""What the processes of a run are started with."""

from __future__ import annotations

from deepseek_report.runner.planning.plan import make_plan, modules_to_load
from tests.configured import experiment_of
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
