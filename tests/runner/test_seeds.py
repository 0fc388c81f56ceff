"""What another seed makes anew: a stage is keyed by its own seed alone, and by what it reads."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest

from deepseek_report.config.experiment import Experiment, Refusal
from deepseek_report.runner.execution.computing import Execution, StageOutcome
from deepseek_report.runner.planning.plan import Stage, make_plan, run_id
from tests.configured import experiment_of

SMALL = ("debug=fast", "jobs=1")
DRAWING = {"shap", "lime", "random"}


@cache
def experiment(*overrides: str) -> Experiment:
    return experiment_of(*SMALL, *overrides)


@cache
def keys(*overrides: str) -> dict[str, str]:
    return {stage.id: stage.key for stage in make_plan(experiment(*overrides))}


def changed(*overrides: str, base: tuple[str, ...] = ()) -> set[str]:
    before, after = keys(*base), keys(*overrides)
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def stages(*overrides: str) -> dict[str, Stage]:
    return {stage.id: stage for stage in make_plan(experiment(*overrides))}


def reads_any(stage: Stage, plan: dict[str, Stage], wanted: set[str]) -> bool:
    """Whether a stage is one of these, or reads one of them, directly or not."""
    return stage.id in wanted or any(reads_any(plan[name], plan, wanted) for name in stage.inputs)


def hanging_on(wanted: set[str]) -> set[str]:
    plan = stages()
    return {name for name, stage in plan.items() if reads_any(stage, plan, wanted)}


def test_one_seed_for_all_is_the_same_as_four_equal_ones() -> None:
    four = [f"seeds.{step}=1" for step in ("data", "training", "explain", "measure")]
    assert not changed(*four)
    assert not changed("seed=7", *four)


def test_a_step_takes_its_own_seed_before_the_shared_one() -> None:
    seeds = experiment("seed=3", "seeds.explain=8").seeds
    assert (seeds.data, seeds.training, seeds.explain, seeds.measure) == (3, 3, 8, 3)


def test_another_seed_of_the_training_keeps_the_data() -> None:
    again = changed("seeds.training=2")
    assert again == hanging_on({"training"})
    assert "data" not in again
    assert {"measures/proxies", "measures/learning_curve"}.isdisjoint(again)


def test_another_seed_keeps_the_split_where_the_data_have_their_own() -> None:
    again = changed("seed=2", "seeds.data=1")
    assert "data" not in again
    assert {"training", "predictions", "measures/proxies"} <= again


def test_another_seed_of_the_explainers_repeats_those_that_draw_and_what_reads_them() -> None:
    again = changed("seeds.explain=2")
    assert again == hanging_on({f"explanations/{name}" for name in DRAWING})
    assert {"data", "training", "predictions", "measures/roc_auc"}.isdisjoint(again)
    assert "explanations/integrated_gradients" not in again


def test_another_seed_of_the_measures_repeats_the_metrics_that_draw_and_what_reads_them() -> None:
    again = changed("seeds.measure=2")
    metrics = experiment().metrics
    drawing = {
        name
        for name in keys()
        if name.startswith("measures/") and "seed" in metrics[name.split("/")[1]].reads
    }
    assert again == hanging_on(drawing)
    assert {"measures/confusion_matrix", "measures/parameters"}.isdisjoint(again)
    assert not [name for name in again if name.startswith("explanations/")]


def test_runs_of_other_seeds_have_other_ids_and_the_shared_seed_alone_is_none() -> None:
    def identity(*overrides: str) -> str:
        return run_id(experiment(*overrides), make_plan(experiment(*overrides)))

    steps = ("data", "training", "explain", "measure")
    ids = {identity(f"seeds.{step}=2") for step in steps} | {identity()}
    assert len(ids) == 5
    assert identity("seed=2", *(f"seeds.{step}=1" for step in steps)) == identity()


def test_what_a_run_records_are_the_four_seeds() -> None:
    recorded = experiment("seed=3", "seeds.measure=0").raw["seeds"]
    assert recorded == {"data": 3, "training": 3, "explain": 3, "measure": 0}


@pytest.mark.parametrize("text", ["seeds.data=-1", "seeds.training=x", "seeds.explian=2"])
def test_a_seed_that_cannot_be_is_a_problem(text: str) -> None:
    from deepseek_report.config.problems import ConfigProblems

    with pytest.raises(ConfigProblems, match=text.partition("=")[0].rpartition(".")[2]):
        experiment(text)


def test_a_part_that_the_config_names_is_marked_and_one_of_a_set_is_not() -> None:
    experiment = SimpleNamespace(
        refused=[Refusal("measures/latency", "a"), Refusal("measures/mae", "b")],
        is_named=lambda artifact: artifact.startswith(("measures/latency", "measures/gap")),
    )
    failed = StageOutcome("measures/gap/shap", reason="c")
    refused = StageOutcome("measures/gap/lime", reason="c", applicable=False)
    execution = Execution({outcome.stage: outcome for outcome in (failed, refused)})
    problems = [part.to_json() for part in execution.problems(experiment)]  # type: ignore[arg-type]
    assert [problem for problem in problems if "named" in problem] == [
        {"stage": "measures/latency", "reason": "a", "kind": "not applicable", "named": True},
        {"stage": "measures/gap/lime", "reason": "c", "kind": "not applicable", "named": True},
    ]
    assert [problem["kind"] for problem in problems] == [*["not applicable"] * 3, "failed"]


def test_how_a_list_is_written_changes_no_stage_and_no_run_id() -> None:
    fixed = ["report.thresholds=[]", "metrics=[accuracy,deletion]"]
    by_set = experiment_of("explainers=[fast,-intrinsic]", *fixed)
    listed = ",".join(by_set.explainers)
    by_name = experiment_of(f"explainers=[{listed}]", *fixed)
    assert by_set.named != by_name.named
    assert make_plan(by_set) == make_plan(by_name)
    assert run_id(by_set, make_plan(by_set)) == run_id(by_name, make_plan(by_name))


def test_other_data_and_settings_make_other_results_by_the_same_code() -> None:
    before, after = stages(), stages("dataset.test_share=0.25", "seed=3")
    assert {name for name in before if before[name].key != after[name].key} == before.keys()
    assert {name for name in before if before[name].code != after[name].code} == set()
