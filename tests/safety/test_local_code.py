"""A trusted package in the folder of a study is importable, and nothing else of that folder is."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepseek_report.config import local_code
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.runner.execution.workers import workers
from deepseek_report.wording.words import languages
from tests.configured import experiment_of
from tests.worded import problems, write_files

_METRIC = '''
from dataclasses import dataclass
from typing import ClassVar
from deepseek_report.metrics.performance.classification_scores import Accuracy

@dataclass(frozen=True)
class Mine(Accuracy):
    """A metric of a study's own."""
'''


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test leaves a package or a finder behind."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(local_code._FINDER, "folders", {})
    yield
    for name in [module for module in sys.modules if module.startswith("lab_")]:
        del sys.modules[name]


def study(folder: Path, package: str, *, init: bool) -> Path:
    """A folder with a package and, beside it, a folder of YAMLs that names it."""
    choice = f"mine:\n  _target_: {package}.measure.Mine\n"
    files = {f"{package}/measure.py": _METRIC, "conf/metrics/mine.yaml": choice}
    write_files(folder, files | ({f"{package}/__init__.py": ""} if init else {}))
    return folder / "conf"


_CHOSEN = ["metrics=[mine]", "report.thresholds=[]"]


@pytest.mark.parametrize("init", [True, False], ids=["with __init__", "without __init__"])
@pytest.mark.parametrize("here", [True, False], ids=["in the current folder", "beside the YAMLs"])
def test_a_trusted_package_of_a_study_is_found(
    init: bool, here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = f"lab_{init}_{here}".lower()
    conf = study(tmp_path / "study", package, init=init)
    monkeypatch.chdir(conf.parent if here else tmp_path)
    before = list(sys.path)
    with pytest.raises(ConfigProblems, match=f"run with --trust {package}"):
        experiment_of(*_CHOSEN, config_dir=str(conf))
    experiment = experiment_of(*_CHOSEN, config_dir=str(conf), trust=[package])
    assert type(experiment.metrics["mine"]).__module__ == f"{package}.measure"
    assert sys.path == before


def test_a_package_that_is_nowhere_says_where_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = study(tmp_path / "study", "lab_elsewhere", init=True)
    (conf.parent / "lab_elsewhere").rename(tmp_path / "away")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigProblems, match="run in the folder that holds lab_elsewhere"):
        experiment_of(*_CHOSEN, config_dir=str(conf), trust=["lab_elsewhere"])


@pytest.mark.parametrize("name", ["json", "torch", "deepseek_report", "yaml", "sklearn"])
def test_a_file_of_the_folder_never_stands_for_a_library(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file')")
    (tmp_path / "unnamed_lab.py").write_text("raise SystemExit('nobody trusts it')")
    monkeypatch.chdir(tmp_path)
    local_code.install(local_code.find([name], [tmp_path]))
    origin = importlib.util.find_spec(name).origin  # type: ignore[union-attr]
    assert origin is None or not origin.startswith(str(tmp_path))
    assert importlib.util.find_spec("unnamed_lab") is None


def test_a_folder_without_code_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "reports" / "x").mkdir(parents=True)
    assert local_code.find(["reports", "../x", "a.b"], [tmp_path]) == {}


def test_a_worker_finds_the_same_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab_in_worker.py").write_text("def twice(x):\n    return 2 * x\n")
    monkeypatch.chdir(tmp_path / "..")
    local_code.install(local_code.find(["lab_in_worker"], [tmp_path]))
    twice = importlib.import_module("lab_in_worker").twice
    with workers(1) as (processes, _):
        assert processes.others.submit(twice, 4).result(timeout=120) == 8


def test_the_installed_command_finds_it_though_the_folder_is_not_on_its_path(
    tmp_path: Path,
) -> None:
    study(tmp_path, "lab_of_script", init=False)
    script = "import sys; sys.path[:] = [p for p in sys.path if p]; "
    script += "from deepseek_report.cli import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-P", "-c", script, "--cfg", "job", "--config-dir", "conf", *_CHOSEN]
    environment = {**os.environ, "DEEPSEEK_REPORT_TRUST": "lab_of_script"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "lab_of_script.measure.Mine" in done.stdout


@pytest.mark.parametrize("language", ["xx", "zh-Hans", "en-GB"])
def test_a_language_without_texts_is_a_problem(language: str) -> None:
    text = problems(f"report.language={language}")
    assert f'report.language={language}: there are no texts in the language "{language}"' in text
    assert f"allowed: {', '.join(languages())}" in text


def test_a_text_that_is_no_language_at_all_is_one_problem() -> None:
    with pytest.raises(ConfigProblems) as caught:
        experiment_of("report.language=Deutsch")
    assert len(caught.value.problems) == 1
