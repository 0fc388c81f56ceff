"""A fault at any write, a full disk or a kill: the next run gives the same bytes."""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.storage.files import (
    load_arrays,
    load_json,
    save_arrays,
    save_json,
    save_table,
)
from deepseek_report.runner.execution import computing, open_plan
from deepseek_report.runner.execution import execute as module
from deepseek_report.runner.execution.local_launcher import LocalLauncher
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.planning.plan import Stage
from deepseek_report.store import Store, copy_tree, folders, hash_folder, replace_folder

STAGES = (Stage("data", "a" * 64), Stage("training", "b" * 64, ("data",)))


class Killed(BaseException):
    """Stands for the end of the process: nothing can be written any more."""


class Disk:
    """Counts every change of the disk; the one with the number `at` fails as `fault` says.

    error : this one fails. full : half of what is written arrives, then nothing more does until
    the next run. kill : the same, and nothing at all happens any more.
    """

    def __init__(self, at: int = 0, fault: str = "") -> None:
        self.at, self.fault, self.count = at, fault, 0

    def step(self, *, writes: bool) -> bool:
        """Whether the present write is the one that breaks off half-way."""
        self.count += 1
        if not self.fault or self.count < self.at:
            return False
        if self.count == self.at:
            if self.fault != "error" and writes:
                return True
            raise self.problem()
        if self.fault == "kill" or (self.fault == "full" and writes):
            raise self.problem()
        return False

    def problem(self) -> BaseException:
        if self.fault == "kill":
            return Killed()
        code = errno.ENOSPC if self.fault == "full" else errno.EIO
        return OSError(code, os.strerror(code))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real_open = io.open

        def opened(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if not set(mode) & set("wax+"):
                return real_open(file, mode, *rest, **named)
            breaks = self.step(writes=True)
            stream = real_open(file, mode, *rest, **named)
            return _HalfWritten(stream, self.problem) if breaks else stream

        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        for name in ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync"):
            patch.setattr(os, name, self._counted(getattr(os, name), name == "mkdir"))
        patch.setattr(folders, "exchange", self._counted(folders.exchange, False))

    def _counted(self, real: Callable[..., Any], writes: bool) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if self.step(writes=writes):
                raise self.problem()
            return real(*arguments, **named)

        return counted


class _HalfWritten:
    """A file of which half of the first write arrives."""

    def __init__(self, stream: Any, problem: Callable[[], BaseException]) -> None:
        self.stream, self.problem = stream, problem

    def write(self, content: Any) -> int:
        self.stream.write(content[: len(content) // 2])
        self.stream.flush()
        raise self.problem()

    def __enter__(self) -> _HalfWritten:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def stage_work(task: Any, folder: Path, progress: Any) -> None:
    """What a stage writes, in all the ways there are; the training goes on from a checkpoint."""
    if task.id == "data":
        save_arrays(folder / "part" / "arrays.npz", values=np.arange(7))
        save_table(folder / "table.parquet", pd.DataFrame({"a": [7]}))
        return
    checkpoint = folder / "checkpoint.json"
    done = load_json(checkpoint)["epochs"] if checkpoint.exists() else 0
    for epoch in range(done, 2):
        save_json(checkpoint, {"epochs": epoch + 1})
    checkpoint.unlink()
    read = load_arrays(task.inputs["data"] / "part" / "arrays.npz")["values"]
    (folder / "note.txt").write_text(f"sum {read.sum()}\n")


def with_tiny_stages(patch: pytest.MonkeyPatch) -> None:
    """Stages of no data and no model, of which nothing can be checked or foretold."""
    patch.setattr(computing, "run_stage", stage_work)
    patch.setattr(open_plan.OpenPlan, "check_against_data", lambda self, folder: None)
    patch.setattr(module._Schedule, "tell_cost", lambda self: None)


def run(place: Path) -> None:
    """All stages, then the run folder."""
    store = Store(place / "store")
    settings = SimpleNamespace(jobs=1, measure_time=False)
    experiment = SimpleNamespace(
        settings=settings,
        report=SimpleNamespace(language="en"),
        is_given=False,
        before=None,
        launcher=LocalLauncher(),
        privacy=SimpleNamespace(is_full=True),
    )
    execution = module.execute(experiment, STAGES, store, "cpu", NoReporter())  # type: ignore[arg-type]
    if execution.failures:
        return
    work, final = place / "reports" / ".work-run", place / "reports" / "run"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for name, folder in execution.folders.items():
        copy_tree(folder, work / name)
    save_json(work / "run.json", {"stages": sorted(execution.folders)})
    replace_folder(work, final)


def content(place: Path) -> dict[str, str]:
    """Every file but the locks, and every stage's manifest."""
    kept = {name: sha for name, sha in hash_folder(place).items() if "/.locks/" not in name}
    for manifest in place.rglob("manifest.json"):
        kept[str(manifest.relative_to(place))] = manifest.read_text()
    return kept


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where there is such a file system."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        with_tiny_stages(patch)
        run(place)
    return content(place)


@pytest.fixture(autouse=True)
def tiny_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages that take no time, on a disk that is not waited for."""
    with_tiny_stages(monkeypatch)
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def changes(place: Path) -> int:
    """How often an undisturbed run changes the disk."""
    disk = Disk()
    with pytest.MonkeyPatch.context() as patch:
        disk.install(patch)
        run(place)
    return disk.count


@pytest.mark.parametrize("fault", ["error", "full", "kill"])
def test_a_fault_at_any_write_leaves_nothing_wrong_and_the_next_run_gives_the_same_bytes(
    fault: str, undisturbed: dict[str, str], place: Path
) -> None:
    number = changes(place / "counted")
    assert number > 60
    for at in range(1, number + 1):
        disturbed = place / "disturbed"
        with pytest.MonkeyPatch.context() as patch:
            Disk(at, fault).install(patch)
            with contextlib.suppress(Killed, OSError):
                run(disturbed)
        store = Store(disturbed / "store")
        for stage in STAGES:
            if stage.folder(store) is not None:
                store.verify(stage.id, stage.key)
        run(disturbed)
        assert content(disturbed) == undisturbed, at
        shutil.rmtree(disturbed)


@pytest.mark.parametrize("fault", ["error", "full", "kill"])
def test_a_fault_while_a_run_folder_is_replaced_leaves_the_old_one_or_the_new_one(
    fault: str, place: Path
) -> None:
    for at in range(1, 20):
        new, final = place / str(at) / "new", place / str(at) / "final"
        for folder in (new, final):
            folder.mkdir(parents=True)
            (folder / "text").write_text(folder.name)
        with pytest.MonkeyPatch.context() as patch:
            Disk(at, fault).install(patch)
            with contextlib.suppress(Killed, OSError):
                replace_folder(new, final)
        assert [path.name for path in final.iterdir()] == ["text"]
        assert (final / "text").read_text() in {"new", "final"}
