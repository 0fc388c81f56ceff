"""In which order the pieces of several plans start."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from deepseek_report.runner.execution.execute import _Schedule
from deepseek_report.runner.execution.open_plan import OpenPlan, WorkItem
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.planning.plan import Stage
from deepseek_report.store import Store


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
    experiment = SimpleNamespace(single={"report": SimpleNamespace(language="en")})
    plan = OpenPlan(cast("Any", experiment), stages, Store(tmp_path), "cpu", NoReporter())
    monkeypatch.setattr(plan, "task", lambda stage: stage.id)
    assert list(plan.startable()) == ["measures/long", "explanations/short"]
    plan.expect({"measures/long": 3.0, "explanations/short": 1.0, "measures/cases": 2.5})
    assert list(plan.startable()) == ["explanations/short", "measures/long"]
    plan.expect({"measures/long": 3.0, "explanations/short": 1.0, "measures/cases": 1.5})
    assert list(plan.startable()) == ["measures/long", "explanations/short"]
