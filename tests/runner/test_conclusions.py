"""Conclusions are drawn after everything is measured and before the pictures, which read them."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.files import dump_json
from deepseek_report.findings.conclude import conclude, conclusions_of
from deepseek_report.provenance import code_of
from deepseek_report.runner.execution.computing import StageOutcome
from deepseek_report.runner.execution.open_plan import OpenPlan
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.planning.plan import _CONCLUDING, Stage, make_plan
from deepseek_report.store import Store
from tests.configured import experiment_of

#: An experiment of which only the language counts.
EXPERIMENT = SimpleNamespace(report=SimpleNamespace(language="en"))
#: Pictures that speak of the verdicts on explainers.
READING = {
    "pictures/attribution_by_value",
    "pictures/beeswarm",
    "pictures/case_contributions",
    "pictures/deletion_curves",
    "pictures/feature_effects",
    "pictures/global_importance",
    "pictures/reliance",
}
THRESHOLD = "report.thresholds=[{metric: roc_auc, at_least: 0.6, set_by: us, why: test}]"


@cache
def plan(*overrides: str) -> dict[str, Stage]:
    stages = make_plan(experiment_of("debug=fast", "jobs=1", *overrides))
    return {stage.id: stage for stage in stages}


def changed(*overrides: str) -> set[str]:
    before, after = plan(), plan(*overrides)
    return {name for name in before if before[name].key != after[name].key}


def test_they_rest_on_every_stage_before_the_pictures() -> None:
    stages = plan()
    before = [name for name in stages if not name.startswith("pictures/")]
    assert before[-1] == "conclusions"
    assert list(stages["conclusions"].inputs) == before[:-1]


def test_a_picture_is_keyed_by_them_only_if_it_reads_them() -> None:
    assert {name for name, stage in plan().items() if "conclusions" in stage.inputs} == READING


def test_another_threshold_measures_nothing_again() -> None:
    assert changed(THRESHOLD) == {"conclusions", *READING}


def test_an_unrelated_metric_draws_no_picture_again_but_those_that_read_conclusions() -> None:
    again = changed("metrics.latency.repeats=31")
    assert again == {"measures/latency", "conclusions", *READING}


def test_a_rule_of_the_findings_is_part_of_no_other_key() -> None:
    rule = "deepseek_report.findings.rules_performance"
    assert rule in code_of(_CONCLUDING)
    assert rule not in code_of("deepseek_report.runner.execution.stages")


def test_they_hang_on_what_was_left_out() -> None:
    assert plan("measure_time=false")["conclusions"].key != plan()["conclusions"].key


def test_below_full_privacy_they_are_keyed_by_what_may_be_told() -> None:
    keys = {
        plan("report.privacy=aggregate", f"report.privacy_floor={floor}")["conclusions"].key
        for floor in (5, 9)
    }
    assert len(keys) == 2


def test_what_a_run_holds_is_what_is_concluded_from_its_folder(real_run: Results) -> None:
    held = real_run.conclusions
    assert held.findings
    assert held.verdicts
    assert held.leading in real_run.explanations
    assert dump_json(asdict(conclude(real_run))) == dump_json(asdict(held))


def test_an_older_folder_without_them_gives_the_same(real_run: Results) -> None:
    paths = {name: path for name, path in real_run.paths.items() if name != "conclusions"}
    again = conclusions_of(replace(real_run, paths=paths))
    assert dump_json(asdict(again)) == dump_json(asdict(real_run.conclusions))


@pytest.fixture
def run(tmp_path: Any) -> OpenPlan[None]:
    return OpenPlan(EXPERIMENT, [], Store(tmp_path), "cpu", NoReporter())  # type: ignore[arg-type]


def test_they_are_drawn_whatever_failed_but_the_data(run: OpenPlan[None]) -> None:
    stage = Stage("conclusions", "k", ("data", "training", "measures/roc_auc"))
    assert run.can_do_without(stage, ["training", "measures/roc_auc"])
    assert not run.can_do_without(stage, ["data"])


def test_what_was_made_without_a_broken_input_has_another_key_and_so_has_what_reads_it(
    run: OpenPlan[None], tmp_path: Any
) -> None:
    run.done(StageOutcome("training", tmp_path, cached=True))
    run.done(StageOutcome("measures/roc_auc", reason="no memory", cached=True))
    conclusions = Stage("conclusions", "k", ("training", "measures/roc_auc"))
    picture = Stage("pictures/beeswarm", "p", ("training", "conclusions"))
    assert run.as_made(conclusions).key != "k"
    assert run.as_made(picture).key != "p"
    assert run.as_made(Stage("pictures/other", "o", ("training",))).key == "o"


def test_what_cannot_be_applied_is_part_of_the_plan_and_changes_no_key(
    run: OpenPlan[None], tmp_path: Any
) -> None:
    run.done(StageOutcome("training", tmp_path, cached=True))
    run.done(StageOutcome("measures/sweep", reason="two classes", applicable=False, cached=True))
    assert run.as_made(Stage("conclusions", "k", ("training", "measures/sweep"))).key == "k"
