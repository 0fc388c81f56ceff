"""What `run.json` says of parts that cannot be applied: which of them the config names itself."""

from __future__ import annotations

from types import SimpleNamespace

from deepseek_report.config.experiment import Refusal
from deepseek_report.runner.execution.computing import Execution, StageOutcome
from deepseek_report.runner.planning.plan import make_plan, run_id
from tests.configured import experiment_of


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
