"""Another launcher gives the same bytes; what dies in it is told in a sentence."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepseek_report.cli import run
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.errors import DeepseekReportError
from deepseek_report.runner.launchers.joblib_launcher import JoblibLauncher
from tests.cli.test_sweep import files_of, small
from tests.configured import experiment_of


def test_a_sweep_by_joblib_has_the_bytes_of_one_in_this_process(tmp_path: Path) -> None:
    """As one by processes of this machine has them, see `test_sweep.py`."""
    for name, jobs in (("local", 1), ("joblib", 2)):
        overrides = [f"launcher={name}", f"jobs={jobs}", "report.title=First,Second"]
        kept = [text for text in small(tmp_path / name) if not text.startswith("jobs=")]
        assert run(["-m", *kept, *overrides]) == 0
    local, by_joblib = (files_of(tmp_path / name / "reports") for name in ("local", "joblib"))
    assert local == by_joblib


def test_no_result_and_no_command_hangs_on_the_launcher() -> None:
    plain, other = (experiment_of(*texts) for texts in ([], ["launcher=joblib"]))
    assert plain.raw == other.raw
    assert isinstance(other.launcher, JoblibLauncher)
    with pytest.raises(ConfigProblems, match='"slurm" is not in the group launcher'):
        experiment_of("launcher=slurm")


def _die(send: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.filterwarnings("ignore:A worker stopped")
def test_a_process_that_is_killed_is_told_in_a_sentence() -> None:
    plan = SimpleNamespace(work=lambda stage: _die)
    item = SimpleNamespace(id="a", name="a", plan=plan, stage="a")
    schedule: Any = SimpleNamespace(startable=lambda: [item], on_message=lambda message: None)
    with pytest.raises(DeepseekReportError, match="run the same command again"):
        JoblibLauncher().carry_out(schedule, 2, [])
