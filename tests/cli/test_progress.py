"""How far a run is: the whole of it, what is left, and no alarm where nothing went wrong."""

from __future__ import annotations

import io
import re

import numpy as np
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
    assert str(whole) == "0 of 2 stages"  # nothing of this run says yet how long it takes
    whole.start("training")
    clock[0] = 20
    assert whole.left == pytest.approx(165)
    whole.finish("training", 60)
    assert whole.left == pytest.approx(125)
    assert str(whole) == "1 of 2 stages, about 2 min left"


def test_stages_that_take_longer_than_expected_make_the_rest_longer(clock: list[float]) -> None:
    whole = Whole()
    whole.plan({"measures/a": 5, "measures/b": 5}, 1)
    whole.finish("measures/a", 10)
    assert whole.left == pytest.approx(10)


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
    assert str(whole) == "1 of 2 stages"
    assert whole.left == pytest.approx(601)


@pytest.mark.parametrize("slower", [0.3, 1.0, 6.0])
@pytest.mark.parametrize("seed", range(20))
def test_the_time_that_is_told_never_rises_by_more_than_a_third_nor_falls_far_short(
    clock: list[float], slower: float, seed: int
) -> None:
    """Stages that take `slower` times as long as was expected, give or take, in any order."""
    generator = np.random.default_rng(seed)
    expected = {f"measures/m{k}": float(generator.uniform(0.5, 8)) for k in range(30)}
    true = {name: slower * s * generator.uniform(0.7, 1.4) for name, s in expected.items()}
    whole = Whole()
    whole.plan(expected, 1)
    shown: list[float] = []
    for place, name in enumerate(expected):
        whole.start(name)
        for done in range(10):
            clock[0] += true[name] / 10
            whole.advance(name, done + 1, 10)
            text = str(whole)
            if "left" not in text or "few seconds" in text or "some time" in text:
                continue
            is_bound, number, unit = re.findall(r"(about|more than) (\d+) (s|min)", text)[0]
            shown.append(int(number) * (60 if unit == "min" else 1))
            assert shown[-1] <= min(shown) * 4 / 3 + (60 if shown[-1] >= 55 else 10)  # as rounded
            rest = sum(list(true.values())[place + 1 :]) + true[name] * (9 - done) / 10
            assert is_bound == "more than" or shown[-1] >= rest / 3
        whole.finish(name, true[name])
    assert len(shown) > 20


def test_the_stages_that_do_not_apply_are_told_once_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines()
    for name in "abcdefgh":
        lines.finished(f"measures/{name}", 0.0, "it has no trees", applicable=False)
    assert capsys.readouterr().err == ""
    lines.finished("report", 0.1, "")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("8 not applicable here")
    assert line.endswith("measure f and 2 more")


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


def test_a_stage_that_cannot_be_applied_is_not_said_to_have_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines()
    lines.finished("measures/gap/lime", 0.0, "it has no base value", applicable=False)
    lines.finished("measures/gap/shap", 0.0, "it broke")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "measure gap of shap: not done, it broke"


def bars(width: int = 80, **environment: str) -> tuple[Bars, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, _environ=environment)
    return Bars(Progress(TextColumn("{task.description}"), console=console)), out


def test_a_dash_not_a_cross_marks_what_cannot_be_applied() -> None:
    shown_bars, out = bars()
    shown_bars.planned({"measures/a": 1, "measures/b": 1}, 1)
    shown_bars.finished("measures/a", 0.0, "it has no base value", applicable=False)
    assert "✗" not in out.getvalue()
    shown_bars.finished("report", 0.0, "")
    assert "1 not applicable here" in out.getvalue()
    assert "✗" not in out.getvalue()
    shown_bars.finished("measures/b", 0.0, "it broke")
    assert "✗" in out.getvalue()


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
    assert whole.description == "1 of 2 stages"


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
