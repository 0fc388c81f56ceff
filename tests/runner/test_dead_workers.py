"""A process that is ended from outside, and a run that is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.artifacts.seeds import Seeds
from deepseek_report.runner.execution.computing import Execution
from deepseek_report.runner.execution.execute import execute
from deepseek_report.runner.execution.local_launcher import LocalLauncher
from deepseek_report.runner.planning.plan import Stage, incomplete_id
from deepseek_report.store import Store
from tests.configured import Recorder, few_parts, places_in
from tests.worded import say

#: A data set that counts its attempts in files, and ends its own process where it is told to.
SOURCE = """
import os, signal, time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Deadly:
    marks: Path
    deaths: dict
    beside: str
    read = ""

    def source_digest(self):
        return ""

    def load(self, seed, progress):
        stage = progress.stage
        attempt = 1 + len(list(self.marks.glob(stage.replace("/", ".") + "-*")))
        (self.marks / f"{stage.replace('/', '.')}-{attempt}").touch()
        if attempt <= self.deaths.get(stage, 0):
            while attempt == 1 and not list(self.marks.glob(self.beside + "-1")):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        if attempt == 1 and stage == self.beside.replace(".", "/"):
            time.sleep(600)  # until it is ended with the other one, however late that starts
        return self

    def save(self, folder):
        (folder / "result.txt").write_text("whole")


def config_of(group, key=""):
    return {"_target_": "deadly_source.Deadly"}
"""
STAGES = tuple(Stage(f"data/{name}", f"key-{name}") for name in "abcdef")


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, deaths: dict[str, int]
) -> tuple[Execution, Recorder]:
    """Six stages, two at a time; `data/b` runs beside the first that is ended."""
    (folder / "deadly_source.py").write_text(SOURCE)
    (folder / "marks").mkdir()
    monkeypatch.syspath_prepend(str(folder))
    from deadly_source import Deadly, config_of  # type: ignore[import-not-found]

    settings = SimpleNamespace(jobs=2, measure_time=False, split=SimpleNamespace(folds=None))
    data = Deadly(folder / "marks", deaths, "data.b")
    experiment = SimpleNamespace(
        dataset=data,
        model=ModelPart(),
        report=SimpleNamespace(language="en"),
        metrics={},
        config_of=config_of,
        settings=settings,
        seeds=Seeds(0, 0, 0, 0),
        is_given=False,
        launcher=LocalLauncher(),
        privacy=SimpleNamespace(is_full=True),
    )
    reporter = Recorder()
    return execute(experiment, STAGES, Store(folder / "store"), "cpu", reporter), reporter  # type: ignore[arg-type]


def attempts(folder: Path, name: str) -> int:
    return len(list((folder / "marks").glob(f"data.{name}-*")))


def test_what_was_lost_is_tried_once_more_alone_and_what_dies_again_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution, reporter = run(tmp_path, monkeypatch, {"data/a": 9, "data/d": 1})
    assert [failure.stage for failure in execution.failures] == ["data/a"]
    assert set(execution.folders) == {f"data/{name}" for name in "bcdef"}
    assert attempts(tmp_path, "a") == 2
    assert attempts(tmp_path, "b") == 2
    assert attempts(tmp_path, "d") == 2
    assert all(attempts(tmp_path, name) <= 2 for name in "cef")
    assert "ended from outside" in say(execution.failures[0].reason)
    tried_again = [stage for stage, problem in reporter.stages if "once more, with" in problem]
    assert tried_again.count("data/a") == tried_again.count("data/b") == 1


def test_a_run_that_lacks_parts_has_another_id_than_the_whole_one() -> None:
    whole = "0123456789ab"
    first, two = incomplete_id(whole, ["measures/a"]), incomplete_id(whole, ["measures/b"])
    assert len({whole, first, two}) == 3
    assert first.startswith(f"{whole}-incomplete-")
    assert incomplete_id(whole, ["b", "a"]) == incomplete_id(whole, ["a", "b"])


def _start(folder: Path) -> subprocess.Popen[str]:
    """A run of nothing but a training that can be stopped."""
    parts = ("debug=fast", *few_parts(explainers="random"), *places_in(folder))
    return subprocess.Popen(
        [sys.executable, "-m", "deepseek_report", *parts],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_interrupts,  # noqa: PLW1509 - no threads here that could hold a lock
    )


def _hear_interrupts() -> None:
    """Undo that a shell's background job, as a test run may be one, is deaf to interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _wait_for_training(run: subprocess.Popen[str]) -> None:
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("train"):
            return


def _is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_says_so_without_a_traceback_and_leaves_no_process(
    sign: signal.Signals, tmp_path: Path
) -> None:
    run = _start(tmp_path)
    _wait_for_training(run)
    if sign is signal.SIGTERM:
        run.send_signal(sign)
    else:
        os.killpg(run.pid, sign)  # as a terminal does
    errors = run.communicate(timeout=30)[1]
    assert run.returncode == 130
    assert "run the same command again" in errors
    assert "Traceback" not in errors
    end = time.monotonic() + 10
    while not _is_gone(run.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert _is_gone(run.pid)


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_run_that_is_to_outlive_its_terminal_does(before: signal.Handlers) -> None:
    """`nohup` starts a command with the signal ignored."""
    code = (
        "import signal\nfrom deepseek_report.__main__ import _end_tidily\n_end_tidily()\n"
        "print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, before),
    )
    assert done.stdout.strip() == str(before is signal.SIG_IGN)
