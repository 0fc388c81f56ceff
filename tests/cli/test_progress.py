"""How far a run is: the whole of it, what is left, and no alarm where nothing went wrong."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from deepseek_report.cli.output import progress as shown
from deepseek_report.cli.output.progress import Bars, Lines, Whole, reporter
from deepseek_report.runner.execution.run_events import NoReporter, Reporter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(shown.time, "monotonic", lambda: now[0])
    return now


def test_the_time_that_is_left_shrinks_with_each_stage_and_with_the_clock(
    clock: list[float],
) -> None:
    whole = Whole()
    whole.plan({"training": 60, "explanations/shap": 120, "report": 5}, 1)
    assert whole.left == pytest.approx(185)
    assert str(whole) == "0 of 2 stages, about 3 min left"
    whole.start("training")
    clock[0] = 20
    assert whole.left == pytest.approx(165)
    whole.finish("training", 60)
    assert whole.left == pytest.approx(125)
    assert str(whole) == "1 of 2 stages, about 2 min left"


def test_stages_correct_what_is_expected_of_others_of_their_kind_alone(clock: list[float]) -> None:
    whole = Whole()
    whole.plan({"measures/a": 24, "measures/b": 24, "pictures/c": 24}, 1)
    whole.finish("measures/a", 48)
    assert whole.left == pytest.approx(24 * 1.5 + 24)
    whole.finish("measures/b", 0, done=False)  # that it broke at once says nothing of others
    assert whole.left == pytest.approx(24)


def test_a_stage_that_tells_how_far_it_is_is_believed_the_more_the_further_it_is(
    clock: list[float],
) -> None:
    whole = Whole()
    whole.plan({"training": 100}, 1)
    whole.start("training")
    clock[0] = 100
    assert whole.left == pytest.approx(25)
    whole.advance("training", 1, 2)
    assert whole.left == pytest.approx(0.5 * 25 + 0.5 * 100)


def test_the_time_that_is_told_rises_by_a_third_at_most(clock: list[float]) -> None:
    whole = Whole()
    whole.plan({"measures/a": 60}, 1)
    assert whole.shown_left() == 60
    whole.plan({"measures/a": 600}, 1)
    assert (whole.shown_left(), whole.shown_left()) == (80, 80)


RECORDED = json.loads(Path(__file__).with_name("recorded_runs.json").read_text())


@pytest.mark.parametrize("run", RECORDED)
def test_of_recorded_runs_the_time_left_rises_by_no_more_than_a_third_and_is_never_far_too_short(
    run: str, clock: list[float]
) -> None:
    """Runs of two hundred, fifty and more seconds, of another machine load, model and data each."""
    whole, events = Whole(), RECORDED[run]
    end, shown_times = events[-1][1], []
    for what, at, *about in events:
        for second in range(math.ceil(clock[0]), math.ceil(at)):
            clock[0] = float(second)
            if whole.expected:
                shown_times.append((end - second, whole.shown_left()))
        clock[0] = at
        if what == "finished":
            stage, seconds, done = about
            whole.finish(stage, seconds, done=done)
        else:
            {"planned": whole.plan, "started": whole.start, "advanced": whole.advance}[what](*about)
    assert len(shown_times) > 30
    times = [seconds for _, seconds in shown_times]
    rises = [later / first for k, first in enumerate(times) if first > 6 for later in times[k:]]
    assert max(rises) <= 4 / 3 + 1e-9
    assert all(seconds > left / 6 for left, seconds in shown_times if left >= 20)
    assert all(seconds <= left * 5 for left, seconds in shown_times if left >= 20)


def test_stages_at_the_same_time_share_it_but_the_longest_one_counts(clock: list[float]) -> None:
    whole = Whole()
    whole.plan({"measures/a": 10, "measures/b": 10, "measures/c": 10, "measures/d": 10}, 2)
    assert whole.left == pytest.approx(20)
    whole.plan({"measures/a": 100, "measures/b": 10}, 2)
    assert whole.left == pytest.approx(100)


def test_a_second_plan_keeps_what_is_finished(clock: list[float]) -> None:
    whole = Whole()
    whole.plan({"data": 1, "training": 1, "report": 1}, 1)
    whole.finish("data", 1)
    whole.plan({"training": 600, "report": 1}, 1)
    assert str(whole) == "1 of 2 stages, about 10 min left"


def test_lines_tell_the_whole_now_and_then(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Lines()
    lines.planned({"training": 60, "measures/a": 60}, 1)
    lines.started("training")
    lines.finished("training", 60.0, "")
    assert "of 2 stages" not in capsys.readouterr().err
    clock[0] = 11
    lines.advanced("measures/a", 1, 2, "")
    assert "1 of 2 stages, about 1 min left" in capsys.readouterr().err


def test_what_cannot_be_applied_is_told_once_at_the_end_and_is_not_said_to_have_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines()
    for name in ("gap/lime", "gap/random", "gap/other"):
        lines.finished(f"measures/{name}", 0.0, "it has no base value", applicable=False)
    for reason in ("a", "b", "c"):
        lines.finished(f"measures/{reason}", 0.0, reason, applicable=False)
    lines.finished("measures/gap/shap", 0.0, "it broke")
    assert capsys.readouterr().err == "measure gap of shap: not done, it broke\n"
    lines.end()
    assert capsys.readouterr().err == (
        "6 parts are not applicable here, as the report lists: "
        "it has no base value (3); a (1); b (1); 1 other reason\n"
    )


def test_where_all_can_be_applied_and_in_a_sweep_nothing_is_told_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines()
    lines.finished("2:measures/gap/lime", 0.0, "it has no base value", applicable=False)
    lines.end()
    assert capsys.readouterr().err == ""


def bars(width: int = 80, **environment: str) -> tuple[Bars, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, _environ=environment)
    return Bars(Progress(TextColumn("{task.description}"), console=console)), out


def test_a_dash_not_a_cross_marks_what_cannot_be_applied() -> None:
    shown_bars, out = bars()
    shown_bars.planned({"measures/a": 1, "measures/b": 1}, 1)
    shown_bars.finished("measures/a", 0.0, "it has no base value", applicable=False)
    assert "✗" not in out.getvalue()
    shown_bars.finished("measures/b", 0.0, "it broke")
    assert "✗" in out.getvalue()
    assert "–" not in out.getvalue()
    shown_bars.end()
    assert "–" in out.getvalue()


def test_no_color_is_respected() -> None:
    coloured, out = bars(TERM="xterm-256color")
    coloured.finished("measures/b", 0.0, "it broke")
    assert "\x1b[31m" in out.getvalue()
    plain, out = bars(TERM="xterm-256color", NO_COLOR="1")
    plain.finished("measures/b", 0.0, "it broke")
    assert not re.search(r"\x1b\[3\dm", out.getvalue())


def test_one_bar_stands_for_the_whole_run() -> None:
    shown_bars, _ = bars()
    shown_bars.planned({"data": 1, "training": 100, "report": 3}, 1)
    shown_bars.started("data")
    shown_bars.finished("data", 1.0, "")
    (whole,) = shown_bars.progress.tasks
    assert (whole.completed, whole.total) == (1, 2)
    assert whole.description == "1 of 2 stages, about 2 min left"


def test_what_is_no_terminal_gets_lines() -> None:
    with reporter() as chosen:
        assert isinstance(chosen, Lines)


def test_every_reporter_takes_what_a_run_tells() -> None:
    shown_bars, _ = bars()
    every: list[Reporter] = [NoReporter(), Lines(), shown_bars]
    for listener in every:
        listener.planned({"data": 1.0}, 2)
        listener.started("data")
        listener.advanced("data", 1, 3, "[red]")
        listener.finished("data", 0.1, "", applicable=True)
