from __future__ import annotations

import hashlib
import shlex
import subprocess
from pathlib import Path

import pytest

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.storage.local_paths import without_local_paths
from deepseek_report.config.portable import PortablePaths, shell_line

CONFIG = {"dataset": {"path": "", "target": "y"}, "report": {"title": "T"}}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a command is started in, with data in it and beside it."""
    here = tmp_path / "study"
    (here / "data").mkdir(parents=True)
    (here / "data" / "loans.csv").write_text("a\n", encoding="utf-8")
    for name in ("elsewhere", "else where"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "loans.csv").write_text("b\n", encoding="utf-8")
    monkeypatch.chdir(here)
    return here


def with_path(path: str) -> dict[str, object]:
    return {**CONFIG, "dataset": {"path": path, "target": "y"}}


def shown(path: str, here: Path) -> str:
    return str(PortablePaths(with_path(path), here).config["dataset"]["path"])


def test_a_path_below_the_folder_of_the_command_is_relative_however_it_is_spelled(
    study: Path,
) -> None:
    spellings = ["data/loans.csv", "./data/loans.csv", str(study / "data" / "loans.csv")]
    spellings.append("../study/data/loans.csv")
    assert {shown(spelling, study) for spelling in spellings} == {"data/loans.csv"}


def test_a_path_elsewhere_becomes_a_variable(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(str(study.parent / "elsewhere" / "loans.csv"), study) == "$DATA_DIR/loans.csv"
    assert shown("../elsewhere/loans.csv", study) == "$DATA_DIR/loans.csv"
    monkeypatch.setenv("HOME", str(study.parent / "elsewhere"))
    assert shown("~/loans.csv", study) == "$DATA_DIR/loans.csv"


def test_each_folder_has_a_variable_of_its_own_with_its_files(study: Path) -> None:
    base = study.parent
    config = {
        "dataset": {"path": str(base / "elsewhere" / "loans.csv")},
        "model": {"file": str(base / "else where" / "loans.csv")},
        "paths": {"reports": str(base / "out")},
    }
    places = PortablePaths(config, study)
    assert places.config == {
        "dataset": {"path": "$DATA_DIR/loans.csv"},
        "model": {"file": "$DATA_DIR_2/loans.csv"},
    }
    command = places.command(["seed=1", f"paths.reports={base / 'out'}", "jobs=1"], None, ())
    entry = {"name": "loans.csv", "sha256": hashlib.sha256(b"b\n").hexdigest()}
    assert command["variables"] == {"DATA_DIR": [entry], "DATA_DIR_2": [entry]}
    assert command["overrides"] == ["seed=1"]


def test_text_that_is_no_path_stays_as_it_is(study: Path) -> None:
    texts = ["a/b", "mlp", "data", "/r/none of these", "https://x.org/a/b", "1/2", "org/name"]
    config = {"report": {str(number): text for number, text in enumerate(texts)}}
    assert PortablePaths(config, study).config == config


def test_an_override_with_a_path_is_written_as_the_config_writes_it(study: Path) -> None:
    path = str(study.parent / "else where" / "loans.csv")
    overrides = [f"dataset.path='{path}'", "report.title=A $5 loan"]
    command = PortablePaths(with_path(path), study).command(
        overrides, "my_conf", ["deepseek_report", "mine"]
    )
    assert command["overrides"] == ["dataset.path='$DATA_DIR/loans.csv'", "report.title=A $5 loan"]
    assert command["config_dir"] == "my_conf"
    assert command["trust"] == ["mine"]
    assert shell_line(command) == (
        "deepseek-report --config-dir my_conf --trust mine "
        "\"dataset.path='$DATA_DIR/loans.csv'\" 'report.title=A $5 loan'"
    )


def test_the_folder_of_the_command_is_told_by_what_it_must_hold(study: Path) -> None:
    (study / "my_conf").mkdir()
    (study / "mine").mkdir()
    places = PortablePaths(with_path("data/loans.csv"), study)
    command = places.command([], str(study / "my_conf"), ["mine", "installed"])
    assert command["folder"] == ["my_conf", "mine", "data/loans.csv"]
    elsewhere = PortablePaths(CONFIG, study).command([], str(study.parent / "elsewhere"), [])
    assert elsewhere["config_dir"] == "$CONFIG_DIR/elsewhere"
    assert elsewhere["folder"] == []


@pytest.mark.parametrize(
    "text",
    ["x=$DATA_DIR/l.csv", "x='$DATA_DIR/a'", "x=$DATA_DIR/`id`", "x=$DATA_DIR/$(id)!\"'\\", "a b"],
)
def test_a_shell_reads_each_word_back_and_runs_nothing(text: str) -> None:
    command = {"program": ["printf", "%s"], "overrides": [text], "variables": {"DATA_DIR": []}}
    done = subprocess.run(
        ["sh", "-c", shell_line(command)],
        env={"DATA_DIR": "/m n/ü", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == text.replace("$DATA_DIR", "/m n/ü")


def test_names_of_variables_from_a_strangers_file_reach_no_shell() -> None:
    hostile = {"DATA_DIR;id": [], "X": []}
    line = shell_line({"program": ["x"], "overrides": ["$X/$(id)"], "variables": hostile})
    assert shlex.split(line) == ["x", "$X/$(id)"]
    assert line == "x '$X/$(id)'"


def test_no_absolute_path_is_left_in_a_sentence(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/Anna Lee")
    text = (
        f"[Errno 2] No such file: '{study / 'data' / 'x.csv'}'; /home/Anna Lee/a b/c.csv: bad; "
        f'{study.parent / "elsewhere"}: not found; "/srv/anna k/model.skops"; /var/lib/x/y.so, '
        "C:\\Users\\anna\\x.csv"
    )
    shortened = without_local_paths(text)
    assert "data/x.csv" in shortened
    assert "…/model.skops" in shortened
    assert "…/x.csv" in shortened
    for secret in ("Anna", "anna", "/srv", "/var", "Users", str(study.parent)):
        assert secret not in shortened
    plain = "the ratio a/b is 1/2 at https://doi.org/10.1/x, <b>x</b>, w/o units, 3 GiB/s"
    assert without_local_paths(plain) == plain


def test_paths_of_this_machine_leave_messages_and_what_they_hold() -> None:
    nested = message("a", reason=message("b", error="/srv/data/loans.csv"), n=3)
    clean = without_local_paths(nested)
    assert clean == message("a", reason=message("b", error="…/loans.csv"), n=3)
