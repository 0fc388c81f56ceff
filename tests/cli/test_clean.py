"""`clean`: what goes, what stays, and that nothing outside of the store is touched."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from deepseek_report.artifacts.storage.formats import head_of
from deepseek_report.cli import run
from deepseek_report.runner.execution.stages import _STAGES
from deepseek_report.runner.planning.plan import CONCLUSIONS
from deepseek_report.runner.run_folders.cleaning import KINDS
from deepseek_report.store import Store
from deepseek_report.store.folders import SENT, held
from tests.shared_runs import Terminal

STAGE, USED, UNUSED = "measures/deletion/shap", "a" * 64, "b" * 64


class Stored:
    """A store with one stage that a run was made from, and one that none was."""

    def __init__(self, folder: Path, terminal: Terminal) -> None:
        self.root, self.reports, self.terminal = folder / "store", folder / "reports", terminal
        (self.root / ".locks").mkdir(parents=True)
        self.store = Store(self.root)
        self.used, self.unused = map(self.publish, (USED, UNUSED))
        self.run = self.reports / "x" / "0123456789ab"
        self.run.mkdir(parents=True)
        record = {**head_of("run"), "stages": [{"id": STAGE, "key": USED}]}
        (self.run / "run.json").write_text(json.dumps(record))

    def publish(self, key: str) -> Path:
        work = self.store.work_folder(STAGE, key)
        (work / "numbers.bin").write_bytes(bytes(5000))
        return self.store.publish(STAGE, key, work, {})

    def clean(self, *options: str, code: int = 0) -> str:
        places = [f"paths.store={self.root}", f"paths.reports={self.reports}"]
        printed = self.terminal("clean", *places, *options, code=code)
        return printed.out + printed.err


@pytest.fixture
def stored(tmp_path: Path, terminal: Terminal) -> Stored:
    return Stored(tmp_path, terminal)


def age(path: Path, days: float) -> None:
    then = time.time() - 86_400 * days
    for entry in [path, *path.rglob("*")]:
        os.utime(entry, (then, then), follow_symlinks=False)


def test_the_kinds_of_stages_are_those_that_a_run_makes() -> None:
    assert set(KINDS) == {*_STAGES, CONCLUSIONS}


def test_work_that_a_killed_command_had_sent_goes_when_it_is_old(stored: Stored) -> None:
    (stored.root / SENT).mkdir()
    old, young = (Path(mkdtemp(dir=stored.root / SENT)) for _ in range(2))
    age(old, 1)
    stored.clean("--yes")
    assert [path.is_dir() for path in (old, young, stored.used)] == [False, True, True]


def test_without_yes_nothing_goes(stored: Stored) -> None:
    printed = stored.clean()
    assert "Would go: 1 folder" in printed
    assert "add --yes" in printed
    assert stored.used.is_dir()
    assert stored.unused.is_dir()


def test_what_no_run_was_made_from_goes_and_what_one_was_made_from_stays(stored: Stored) -> None:
    assert "Removed 1 folder: 5." in stored.clean("--yes")
    assert stored.used.is_dir()
    assert not stored.unused.exists()
    stored.clean("--all", "--apply")
    assert not stored.used.exists()
    assert not (stored.root / "measures").exists()


def test_what_is_younger_than_asked_for_stays(stored: Stored) -> None:
    age(stored.unused, 29)
    stored.clean("--older-than", "30d", "--yes")
    assert stored.unused.is_dir()
    age(stored.unused, 31)
    stored.clean("--older-than=30d", "--yes")
    assert not stored.unused.exists()


def test_an_age_that_is_none_is_a_problem(stored: Stored) -> None:
    assert "12h, 30d, 4w" in stored.clean("--older-than", "soon", "--yes", code=2)
    assert stored.unused.is_dir()


def test_a_running_run_loses_nothing(stored: Stored) -> None:
    with held(stored.root):
        assert "A run uses the store now" in stored.clean("--yes", code=1)
    assert stored.unused.is_dir()


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


def test_a_stage_that_somebody_makes_now_stays(stored: Stored) -> None:
    with stored.store.lock(STAGE, UNUSED):
        assert "making it now" in stored.clean("--yes", code=1)
    assert stored.unused.is_dir()


def test_what_killed_runs_left_goes(stored: Stored) -> None:
    work = stored.store.work_folder("training", UNUSED)
    (work / "half.bin").write_bytes(bytes(10))
    names = (".old-0123456789ab-77", ".work-0123456789ab", ".work-notes", ".old-mine-1")
    *asides, first, second = (stored.run.parent / name for name in names)
    for folder in [*asides, first, second]:
        folder.mkdir()
        (folder / "file").touch()
    stored.clean("--yes")
    assert not work.exists()
    assert all(aside.is_dir() for aside in asides)  # a run with another store may be writing them
    for folder in asides:
        age(folder, 1)
    stored.clean("--yes")
    assert not any(aside.exists() for aside in asides)
    assert first.is_dir()
    assert second.is_dir()


def test_links_and_foreign_folders_are_neither_followed_nor_removed(
    stored: Stored, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    (outside / ("d" * 32)).mkdir(parents=True)
    (outside / "precious").write_text("keep")
    links = [stored.root / "measures" / ("c" * 32), stored.root / "pictures"]
    for link in (stored.unused / "link", *links):
        link.symlink_to(outside)
    foreign = [stored.root / "holiday" / ("e" * 32), stored.root / "measures" / "not-a-key"]
    for folder in foreign:
        folder.mkdir(parents=True)
    stored.clean("--all", "--yes")
    assert not stored.unused.exists()
    assert (outside / "precious").read_text() == "keep"
    assert (outside / ("d" * 32)).is_dir()
    assert all(link.is_symlink() for link in links)
    assert all(folder.is_dir() for folder in foreign)


def test_a_folder_that_is_no_store_is_left_alone(tmp_path: Path, terminal: Terminal) -> None:
    home = tmp_path / "home" / "data" / ("f" * 32)
    home.mkdir(parents=True)
    printed = terminal("clean", f"paths.store={tmp_path / 'home'}", "--all", "--yes")
    assert "is no store" in printed.out
    assert home.is_dir()


def test_a_run_folder_that_cannot_be_read_is_told(stored: Stored) -> None:
    (stored.run / "run.json").write_text("{")
    assert "1 cannot be read" in stored.clean()
