"""The store keeps whole stages only, and notices what was changed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from deepseek_report.errors import ArtifactError
from deepseek_report.store import Store, compare, digest, hash_folder, replace_folder


def write(store: Store, key: str, text: str) -> Path:
    work = store.work_folder("stage", key)
    (work / "result.txt").write_text(text)
    return store.publish("stage", key, work, {"seconds": 1.0})


def test_the_order_of_keys_does_not_change_a_digest() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_a_stage_is_invisible_until_its_manifest_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.work_folder("stage", "key") / "half.txt").write_text("half")
    assert store.find("stage", "key") is None
    write(store, "key", "whole")
    found = store.find("stage", "key")
    assert found is not None
    assert (found / "result.txt").read_text() == "whole"
    assert not (found / "half.txt").exists()


def test_a_resumed_stage_finds_what_a_killed_run_left(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.work_folder("stage", "key") / "checkpoint").write_text("epoch 3")
    assert (store.work_folder("stage", "key", resume=True) / "checkpoint").exists()
    assert not (store.work_folder("stage", "key") / "checkpoint").exists()


def test_a_changed_or_missing_file_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = write(store, "key", "whole")
    store.verify("stage", "key")
    (folder / "result.txt").write_text("tampered")
    with pytest.raises(ArtifactError, match=r"result\.txt was changed"):
        store.verify("stage", "key")
    (folder / "result.txt").unlink()
    assert compare(folder, store.manifest("stage", "key")["files"]) == ["result.txt is missing"]


def test_the_hash_of_a_folder_does_not_depend_on_the_order_of_writing(tmp_path: Path) -> None:
    for name, order in (("one", "ab"), ("two", "ba")):
        (tmp_path / name).mkdir()
        for letter in order:
            (tmp_path / name / letter).write_text(letter)
    assert hash_folder(tmp_path / "one") == hash_folder(tmp_path / "two")


def test_a_replaced_folder_holds_only_the_new_files(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    (tmp_path / "old").rename(tmp_path / "final")
    replace_folder(tmp_path / "new", tmp_path / "final")
    assert [path.name for path in (tmp_path / "final").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def _hold(root: Path, ready: Path) -> None:
    with Store(root).lock("stage", "key"):
        ready.touch()
        time.sleep(60)


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path, ready))
    holder.start()
    while not ready.exists():
        time.sleep(0.02)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with Store(tmp_path).lock("stage", "key"):
        pass
