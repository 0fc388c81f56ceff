"""The command that a report prints repeats its run, in another folder, from its words alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.cli import run
from deepseek_report.config.portable import shell_line
from tests.worded import write_files

EXPLAINER = """
from dataclasses import dataclass
from deepseek_report.explainers.accounts import Random


@dataclass(frozen=True)
class Fails(Random):
    def explain(self, context):
        raise OSError(2, "No such file or directory", __file__)
"""


def write_study(folder: Path) -> None:
    """A config folder and a package of one's own, beside the run, and nothing else."""
    from deepseek_report.compliance.framework import frameworks_folder

    files = {
        "my_conf/explainers/fails.yaml": "fails:\n  _target_: own_parts.parts.Fails\n",
        "my_conf/frameworks/house.yaml": (
            "house:\n  _target_: deepseek_report.compliance.framework.FrameworkChoice\n"
            "  id: gdpr\n  file: my_conf/house.yaml\n"
        ),
        "my_conf/house.yaml": (frameworks_folder() / "gdpr.yaml").read_text(encoding="utf-8"),
        "own_parts/__init__.py": "",
        "own_parts/parts.py": EXPLAINER,
    }
    write_files(folder, files)


def write_data(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    rows = [
        f"{a:.4f},{b:.4f},{'yes' if a + b + c > 0 else 'no'}"
        for (a, b), c in zip(x, rng.normal(size=400), strict=True)
    ]
    folder.mkdir(parents=True)
    (folder / "loans.csv").write_text("\n".join(["a,b,paid", *rows]) + "\n", encoding="utf-8")
    return folder / "loans.csv"


def arguments(data: Path) -> list[str]:
    return [
        *("--config-dir", "my_conf", "--trust", "own_parts", "name=loans", "dataset=csv"),
        *(f"dataset.path='{data}'", "dataset.target=paid", "model=sklearn", "measure_time=false"),
        *("explainers=[fails,random]", "metrics=[roc_auc]", "visualizations=[]", "jobs=1"),
        *("sections=[summary,reproducibility,compliance]", "frameworks=[house]"),
        *("explain.instances=10", "explain.background=8", "report.title=Anna's $5 loans"),
    ]


def words_of(line: str, **variables: str) -> list[str]:
    """The words of a command line as a shell reads them."""
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {line}"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\0")[:-1]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run folder of a study with data elsewhere, and the study in two places."""
    base = tmp_path_factory.mktemp("Anna Lee")
    first = base / "first"
    write_study(first)
    data = write_data(base / "private data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(first)
        patch.syspath_prepend(str(first))
        assert run(arguments(data)) == 1  # one explainer fails, and the report says so
    (folder,) = (first / "reports" / "loans").iterdir()
    return base, first, folder


def test_the_printed_command_repeats_the_run_in_another_folder(
    studies: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base, _, folder = studies
    command = json.loads((folder / "run.json").read_text())["command"]
    line = shell_line(command)
    assert line in (folder / "report.qmd").read_text(encoding="utf-8")
    assert command["folder"] == ["my_conf", "own_parts", "my_conf/house.yaml"]
    second = base / "second"
    write_study(second)
    moved = base / "moved $data"
    shutil.copytree(base / "private data", moved)
    program, *words = words_of(line, DATA_DIR=str(moved))
    assert program == "deepseek-report"
    monkeypatch.chdir(second)
    monkeypatch.syspath_prepend(str(second))
    assert run(words) == 1
    capsys.readouterr()
    again = second / "reports" / "loans" / folder.name
    for name in ("run.json", "config.yaml", "scores.parquet", "report.qmd", "evidence.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_no_path_or_user_of_this_machine_stands_anywhere_in_a_run_folder(studies: Any) -> None:
    base, _, folder = studies
    secrets = [base.name, str(base), "private data", str(Path.home()) + "/"]
    node = rf"(?<![a-z0-9]){re.escape(os.uname().nodename)}(?![a-z0-9])"  # it may be part of a word
    leaks = re.compile("|".join([*map(re.escape, secrets), node]).encode())
    for path in folder.rglob("*"):
        assert base.name not in path.name
        if path.is_file():
            assert not leaks.search(path.read_bytes()), path


def test_the_reason_of_a_failure_names_the_file_without_its_folder(studies: Any) -> None:
    problems = json.loads((studies[2] / "run.json").read_text())["problems"]
    (reason,) = [
        problem["reason"] for problem in problems if problem["stage"] == "explanations/fails"
    ]
    assert re.search(r"'own_parts/parts.py'", reason)


def test_a_framework_of_ones_own_is_read_from_the_run_folder_alone(
    studies: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where its file is not
    copy = shutil.copytree(studies[2], tmp_path / "copy")
    assert run(["render", str(copy)]) == 1  # for the part that failed
    before = (studies[2] / "report.qmd").read_bytes()
    assert (copy / "report.qmd").read_bytes() == before
    assert before.count(b"GDPR")
