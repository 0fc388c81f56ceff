"""What a stage does when some of its inputs could not be made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from deepseek_report.artifacts.message import message
from deepseek_report.runner.execution.computing import StageOutcome, _refuse, kept_outcome
from deepseek_report.runner.execution.open_plan import OpenPlan
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.planning.plan import Stage
from deepseek_report.store import Store
from tests.worded import say

NEEDS = {"robustness": {"measures/robustness"}, "global_importance": {"measures/importance"}}


@pytest.fixture
def run(tmp_path: Path) -> OpenPlan[None]:
    pictures = {name: SimpleNamespace(needs=frozenset(ids)) for name, ids in NEEDS.items()}
    report = SimpleNamespace(language="en")
    experiment = SimpleNamespace(visualizations=pictures, report=report)
    return OpenPlan(experiment, [], Store(tmp_path), "cpu", NoReporter())


def test_a_picture_is_given_up_where_all_of_a_need_is_lost(run: OpenPlan[None]) -> None:
    inputs = ("data", "predictions", "measures/robustness", "measures/roc_auc")
    assert not run.can_do_without(Stage("pictures/robustness", "", inputs), [inputs[2]])


def test_a_picture_does_without_what_it_only_also_uses(run: OpenPlan[None]) -> None:
    inputs = ("data", "predictions", "measures/robustness", "measures/roc_auc")
    assert run.can_do_without(Stage("pictures/robustness", "", inputs), [inputs[3]])


def test_a_picture_of_several_explanations_does_without_one(run: OpenPlan[None]) -> None:
    both = ("measures/importance/shap", "measures/importance/lime")
    stage = Stage("pictures/global_importance", "", ("data", "predictions", *both))
    assert run.can_do_without(stage, [both[0]])
    assert not run.can_do_without(stage, list(both))


def test_what_cannot_be_applied_is_told_once_by_its_own_reason(run: OpenPlan[None]) -> None:
    lost = StageOutcome("measures/sweep", reason="needs two classes", applicable=False)
    reasons: list[str] = []
    run.reporter = SimpleNamespace(
        finished=lambda _stage, _seconds, problem, applicable: reasons.append(problem)
    )
    run.done(lost)
    run.done(run.given_up(Stage("pictures/sweep", "", (lost.stage,)), [lost.stage]))
    outcome = run.execution.outcomes["pictures/sweep"]
    assert (outcome.reason, outcome.applicable) == ("needs two classes", False)
    assert reasons == ["needs two classes", ""]


def test_what_lacks_a_broken_input_says_which_one_and_why(run: OpenPlan[None]) -> None:
    run.done(StageOutcome("measures/sweep", reason="no memory"))
    outcome = run.given_up(Stage("pictures/sweep", "", ("measures/sweep",)), ["measures/sweep"])
    assert outcome.applicable
    assert "measures/sweep: no memory" in say(outcome.reason)


def test_a_refusal_is_kept_as_a_message_that_any_language_can_word(tmp_path: Path) -> None:
    store, stage = Store(tmp_path), Stage("measures/sweep", "0" * 64, ())
    reason = message("refusals.two_classes", n=4)
    assert _refuse(store, stage, reason).reason == reason
    folder = store.find(stage.id, stage.key)
    assert folder is not None
    kept = kept_outcome(store, stage, folder)
    assert (kept.reason, kept.applicable) == (reason, False)
