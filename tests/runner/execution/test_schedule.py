"""In which order pieces of plans start, and what a stage does whose inputs could not be made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deepseek_report.artifacts.message import message
from deepseek_report.runner.execution import execute
from deepseek_report.runner.execution.computing import StageOutcome, _refuse, kept_outcome
from deepseek_report.runner.execution.execute import _Schedule
from deepseek_report.runner.execution.open_plan import OpenPlan, WorkItem
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.planning.plan import Stage
from deepseek_report.store import Store
from tests.worded import say


class Plan:
    """A plan whose pieces can all start."""

    def __init__(self, name: str, *stages: str) -> None:
        self.name = name
        self.waiting = {stage: Stage(stage, "") for stage in stages}

    def startable(self) -> Iterator[WorkItem]:
        for stage in self.waiting.values():
            name = f"{self.name}:{stage.id}"
            yield WorkItem((name,), name, cast("OpenPlan[Any]", self), stage)


def order(*plans: Plan, processes: int = 2) -> list[str]:
    schedule = _Schedule(cast("list[OpenPlan[Any]]", list(plans)), NoReporter())
    schedule.processes = processes
    return [task.name for task in schedule.startable()]


def test_a_report_is_written_as_soon_as_it_can_be() -> None:
    plans = Plan("1", "report"), Plan("2", "measures/a"), Plan("3", "data")
    assert order(*plans) == ["1:report", "2:measures/a", "3:data"]


def test_the_reports_of_the_last_runs_wait_for_what_else_can_start() -> None:
    plans = Plan("1"), Plan("2", "report"), Plan("3", "measures/a", "measures/b")
    assert order(*plans) == ["3:measures/a", "3:measures/b", "2:report"]
    assert order(*plans, processes=1) == ["2:report", "3:measures/a", "3:measures/b"]


def test_what_most_has_to_wait_for_starts_first(tmp_path, monkeypatch) -> None:
    stages = [
        Stage("measures/long", "a"),
        Stage("explanations/short", "b"),
        Stage("measures/cases", "c", ("explanations/short",)),
        Stage("conclusions", "d", ("measures/long", "measures/cases")),
    ]
    experiment = SimpleNamespace(report=SimpleNamespace(language="en"))
    plan = OpenPlan(cast("Any", experiment), stages, Store(tmp_path), "cpu", NoReporter())
    monkeypatch.setattr(plan, "task", lambda stage: stage.id)
    assert list(plan.startable()) == ["measures/long", "explanations/short"]
    plan.expect({"measures/long": 3.0, "explanations/short": 1.0, "measures/cases": 2.5})
    assert list(plan.startable()) == ["explanations/short", "measures/long"]
    plan.expect({"measures/long": 3.0, "explanations/short": 1.0, "measures/cases": 1.5})
    assert list(plan.startable()) == ["measures/long", "explanations/short"]


class Launcher:
    """Notes what it is told, and carries nothing out."""

    elsewhere = False

    def __init__(self) -> None:
        self.calls: list[str] = []

    def load_early(self, modules: object) -> None:
        del modules
        self.calls.append("load_early")

    def carry_out(self, schedule: _Schedule, processes: int, modules: object) -> None:
        del processes, modules
        list(schedule.startable())  # what another plan has had done is taken over
        self.calls += [task.name for task in schedule.startable()]


class Carried(Plan):
    """A plan whose first piece is needed by all others; it notes where it runs."""

    runs_here = is_news = False

    def __init__(self, name: str, launcher: Launcher, *stages: str) -> None:
        super().__init__(name, *stages)
        self.experiment = SimpleNamespace(launcher=launcher)
        self.launcher = launcher

    def startable(self) -> Iterator[WorkItem]:
        for task in list(super().startable())[: 1 if "data" in self.waiting else None]:
            yield replace(task, id=(task.stage.id,))

    def work(self, stage: Stage) -> Any:
        self.launcher.calls.append(f"here {self.name}:{stage.id}")
        return lambda _: StageOutcome(stage.id)

    def returned(self, stage: Stage, result: Any) -> None:
        del result
        del self.waiting[stage.id]

    def done(self, outcome: StageOutcome) -> None:
        del self.waiting[outcome.stage]


def carried_out(launcher: Launcher, monkeypatch, *plans: Carried) -> list[str]:
    monkeypatch.setattr(execute, "modules_to_load", lambda *_: [])
    schedule = _Schedule(cast("list[OpenPlan[Any]]", list(plans)), NoReporter())
    schedule.processes = 2
    schedule.run()
    return launcher.calls


def test_the_data_that_all_wait_for_are_read_here_while_processes_are_loaded(monkeypatch) -> None:
    launcher = Launcher()
    first = Carried("1", launcher, "data", "training")
    second = Carried("2", launcher, "data", "measures/a")
    calls = carried_out(launcher, monkeypatch, first, second)
    assert calls == ["load_early", "here 1:data", "1:training", "2:measures/a"]


def test_data_are_read_by_the_processes_where_others_need_not_wait(monkeypatch) -> None:
    launcher = Launcher()
    first = Carried("1", launcher, "data", "training")
    second = Carried("2", launcher, "training")
    calls = carried_out(launcher, monkeypatch, first, second)
    assert calls == ["load_early", "1:data", "2:training"]


def test_another_machine_reads_the_data_itself(monkeypatch) -> None:
    launcher = Launcher()
    launcher.elsewhere = True
    calls = carried_out(launcher, monkeypatch, Carried("1", launcher, "data", "training"))
    assert calls == ["load_early", "1:data"]


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
