"""`clean`: what goes, what stays, and that nothing outside of the store is touched."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run
from deepseek_report.runner.execution.stages import _STAGES
from deepseek_report.runner.launchers.outbox import Outbox
from deepseek_report.runner.planning.plan import CONCLUSIONS
from deepseek_report.runner.run_folders.cleaning import KINDS
from deepseek_report.store import Store
from deepseek_report.store.folders import held

USED, UNUSED = "a" * 64, "b" * 64


def publish(store: Store, stage: str, key: str) -> Path:
    work = store.work_folder(stage, key)
    (work / "numbers.bin").write_bytes(bytes(5000))
    return store.publish(stage, key, work, {})


def age(path: Path, days: float) -> None:
    then = time.time() - 86_400 * days
    for entry in [path, *path.rglob("*")]:
        os.utime(entry, (then, then), follow_symlinks=False)


@pytest.fixture
def stored(tmp_path: Path) -> Any:
    """A store with one stage that a run was made from, and one that none was."""
    store = Store(tmp_path / "store")
    store_lock = tmp_path / "store" / ".locks"
    store_lock.mkdir(parents=True)
    folders = {
        "used": publish(store, "measures/deletion/shap", USED),
        "unused": publish(store, "measures/deletion/shap", UNUSED),
    }
    record = {"stages": [{"id": "measures/deletion/shap", "key": USED}]}
    run_folder = tmp_path / "reports" / "x" / "0123456789ab"
    run_folder.mkdir(parents=True)
    (run_folder / "run.json").write_text(json.dumps(record))
    return folders


def clean(tmp_path: Path, *options: str) -> int:
    places = [f"paths.store={tmp_path / 'store'}", f"paths.reports={tmp_path / 'reports'}"]
    return run(["clean", *places, *options])


def test_the_kinds_of_stages_are_those_that_a_run_makes() -> None:
    assert set(KINDS) == {*_STAGES, CONCLUSIONS}


def test_work_that_a_killed_command_had_sent_goes_when_it_is_old(
    stored: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outboxes = [Outbox.make(tmp_path / "store").folder for _ in range(2)]
    age(outboxes[0], 1)
    assert clean(tmp_path, "--yes") == 0
    assert not outboxes[0].exists()
    assert outboxes[1].is_dir()
    assert stored["used"].is_dir()


def test_without_yes_nothing_goes(
    stored: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clean(tmp_path) == 0
    printed = capsys.readouterr().out
    assert "Would go: 1 folder" in printed
    assert "add --yes" in printed
    assert stored["used"].is_dir()
    assert stored["unused"].is_dir()


def test_what_no_run_was_made_from_goes_and_what_one_was_made_from_stays(
    stored: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clean(tmp_path, "--yes") == 0
    assert "Removed 1 folder: 5." in capsys.readouterr().out
    assert stored["used"].is_dir()
    assert not stored["unused"].exists()
    assert clean(tmp_path, "--all", "--apply") == 0
    assert not stored["used"].exists()
    assert not (tmp_path / "store" / "measures").exists()


def test_what_is_younger_than_asked_for_stays(stored: Any, tmp_path: Path) -> None:
    age(stored["unused"], 29)
    assert clean(tmp_path, "--older-than", "30d", "--yes") == 0
    assert stored["unused"].is_dir()
    age(stored["unused"], 31)
    assert clean(tmp_path, "--older-than=30d", "--yes") == 0
    assert not stored["unused"].exists()


def test_an_age_that_is_none_is_a_problem(
    stored: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clean(tmp_path, "--older-than", "soon", "--yes") == 2
    assert "12h, 30d, 4w" in capsys.readouterr().err
    assert stored["unused"].is_dir()


def test_a_running_run_loses_nothing(
    stored: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path / "store"):
        assert clean(tmp_path, "--yes") == 1
    assert "A run uses the store now" in capsys.readouterr().out
    assert stored["unused"].is_dir()


def test_a_run_holds_its_store_while_it_runs(
    small_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = []

    def probe(*arguments: Any, **named: Any) -> None:
        with (small_run.store / ".locks" / "in-use").open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free.append(True)
            except BlockingIOError:
                free.append(False)
        raise KeyboardInterrupt

    monkeypatch.setattr("deepseek_report.runner.run.make_plan", probe)
    assert run(small_run.overrides(tmp_path)) == 130
    assert free == [False]


def test_a_stage_that_somebody_makes_now_stays(
    stored: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(tmp_path / "store").lock("measures/deletion/shap", UNUSED):
        assert clean(tmp_path, "--yes") == 1
    assert "making it now" in capsys.readouterr().out
    assert stored["unused"].is_dir()


def test_what_killed_runs_left_goes(stored: Any, tmp_path: Path) -> None:
    work = Store(tmp_path / "store").work_folder("training", UNUSED)
    (work / "half.bin").write_bytes(bytes(10))
    reports = tmp_path / "reports" / "x"
    asides = [reports / ".old-0123456789ab-77", reports / ".work-0123456789ab"]
    others = [reports / ".work-notes", reports / ".old-mine-1"]
    for folder in [*asides, *others]:
        folder.mkdir()
        (folder / "file").touch()
    assert clean(tmp_path, "--yes") == 0
    assert not work.exists()
    assert all(aside.is_dir() for aside in asides)  # a run with another store may be writing them
    for folder in asides:
        age(folder, 1)
    assert clean(tmp_path, "--yes") == 0
    assert not any(aside.exists() for aside in asides)
    assert all(other.is_dir() for other in others)


def test_links_and_foreign_folders_are_neither_followed_nor_removed(
    stored: Any, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("keep")
    inside = stored["unused"] / "link"
    inside.symlink_to(outside)
    store = tmp_path / "store"
    (store / "measures" / ("c" * 32)).symlink_to(outside)
    (store / "pictures").symlink_to(outside)
    (outside / ("d" * 32)).mkdir()
    (store / "holiday" / ("e" * 32)).mkdir(parents=True)
    (store / "measures" / "not-a-key").mkdir()
    assert clean(tmp_path, "--all", "--yes") == 0
    assert not stored["unused"].exists()
    assert (outside / "precious").read_text() == "keep"
    assert (outside / ("d" * 32)).is_dir()
    assert (store / "pictures").is_symlink()
    assert (store / "measures" / ("c" * 32)).is_symlink()
    assert (store / "holiday" / ("e" * 32)).is_dir()
    assert (store / "measures" / "not-a-key").is_dir()


def test_a_folder_that_is_no_store_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home" / "data" / ("f" * 32)
    home.mkdir(parents=True)
    assert run(["clean", f"paths.store={tmp_path / 'home'}", "--all", "--yes"]) == 0
    assert "is no store" in capsys.readouterr().out
    assert home.is_dir()


def test_a_run_folder_that_cannot_be_read_is_told(
    stored: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reports" / "x" / "0123456789ab" / "run.json").write_text("{")
    assert clean(tmp_path) == 0
    assert "1 cannot be read" in capsys.readouterr().out
