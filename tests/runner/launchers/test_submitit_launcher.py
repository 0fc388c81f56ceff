"""Workers as jobs of Slurm: what would be sent, and the same by processes of this machine."""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from deepseek_report.errors import DeepseekReportError
from deepseek_report.runner.execution import run_events
from deepseek_report.runner.launchers.outbox import Outbox, take_pieces
from deepseek_report.runner.launchers.submitit_launcher import SubmititLauncher
from tests.runner.launchers.test_crew import WHERE, Plain
from tests.worded import write_program

pytest.importorskip("submitit", reason="launcher=submitit needs the package submitit")


def test_processes_of_this_machine_do_the_work(tmp_path: Path) -> None:
    schedule: Any = Plain({"a": WHERE, "b": WHERE}, tmp_path)
    SubmititLauncher(cluster="local", most=1).carry_out(schedule, 1, [])
    assert schedule.results == dict.fromkeys("ab", run_events.__name__)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of commands that stand for those of Slurm; `sbatch` keeps what it is sent."""
    commands = tmp_path / "commands"
    write_program(commands / "srun", "")
    write_program(commands / "sbatch", f'cp "$1" {tmp_path}/sent; echo job 7')
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    return tmp_path


def test_a_job_of_slurm_is_a_function_of_this_package_and_a_path(slurm: Path) -> None:
    box = Outbox.make(slurm)
    launcher = SubmititLauncher(minutes=90, memory=2.5, partition="long", account="risk")
    launcher.start(box, 1)
    script = (slurm / "sent").read_text(encoding="utf-8")
    for line in ("time=90", "mem=2560MB", "cpus-per-task=1", "partition=long", "account=risk"):
        assert f"#SBATCH --{line}\n" in script
    assert "qos" not in script
    assert f"-m submitit.core._submit {box.logs}" in script
    pickled = next(box.logs.glob("7_submitted.pkl")).read_bytes()
    texts = [value for _, value, _ in pickletools.genops(pickled) if isinstance(value, str)]
    named = {text for text in texts if text.startswith("deepseek_report")}
    assert named == {take_pieces.__module__}
    assert "take_pieces" in texts
    assert str(box.folder) in texts


@pytest.mark.parametrize("value", ["a\n", "a\n#SBATCH --wrap=rm", "a b", "a;b", "$(x)", "`x`"])
def test_nothing_but_plain_names_reaches_the_script(value: str) -> None:
    with pytest.raises(ValidationError, match="partition"):
        TypeAdapter(SubmititLauncher).validate_python({"partition": value})


def test_without_slurm_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeepseekReportError, match=r"launcher\.cluster=local"):
        SubmititLauncher().start(Outbox.make(tmp_path), 1)
