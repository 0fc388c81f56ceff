"""The store keeps whole stages only, and notices what was changed."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.artifacts.storage.plain_files import open_lock
from deepseek_report.cli import run as run_cli
from deepseek_report.errors import ArtifactError
from deepseek_report.store import Store, compare, digest, folders, hash_folder, replace_folder
from tests.shared_runs import Terminal


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def write(store: Store, key: str, text: str) -> Path:
    work = store.work_folder("stage", key)
    (work / "result.txt").write_text(text)
    return store.publish("stage", key, work, {"seconds": 1.0})


def test_the_order_of_keys_does_not_change_a_digest() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_a_stage_is_invisible_until_its_manifest_is_written(store: Store) -> None:
    (store.work_folder("stage", "key") / "half.txt").write_text("half")
    assert store.find("stage", "key") is None
    write(store, "key", "whole")
    folder = store.find("stage", "key")
    assert folder is not None
    assert (folder / "result.txt").read_text() == "whole"
    assert not (folder / "half.txt").exists()


def test_a_resumed_stage_finds_what_a_killed_run_left(store: Store) -> None:
    (store.work_folder("stage", "key") / "checkpoint").write_text("epoch 3")
    assert (store.work_folder("stage", "key", resume=True) / "checkpoint").exists()
    assert not (store.work_folder("stage", "key") / "checkpoint").exists()


def test_a_changed_or_missing_file_is_named(store: Store) -> None:
    folder = write(store, "key", "whole")
    store.verify("stage", "key")
    (folder / "result.txt").write_text("tampered")
    with pytest.raises(ArtifactError, match=r"result\.txt was changed"):
        store.verify("stage", "key")
    (folder / "result.txt").unlink()
    assert compare(folder, store.manifest("stage", "key").files) == ["result.txt is missing"]


def test_a_file_that_was_added_to_a_stage_is_named(store: Store) -> None:
    (write(store, "key", "whole") / "extra.txt").write_text("added")
    with pytest.raises(ArtifactError, match=r"extra\.txt is not in the manifest"):
        store.verify("stage", "key")


DAMAGED_MANIFESTS = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "a list": lambda content: b"[1, 2]",
    "without files": lambda content: b'{"stage": "stage", "key": "key"}',
    "files are no hashes": lambda content: content.replace(b'"files": {', b'"files": {"a": 1, '),
    "files are a list": lambda content: b'{"stage": "stage", "key": "key", "files": ["a"]}',
    "no text": lambda content: b"\xff\xfe\x00" + content,
    "nested without end": lambda content: b"[" * 100_000,
    "of another stage": lambda content: content.replace(b'"key": "key"', b'"key": "kez"'),
}


@pytest.mark.parametrize("damage", DAMAGED_MANIFESTS)
def test_a_stage_whose_manifest_cannot_be_read_is_not_there_and_is_made_again(
    damage: str, store: Store
) -> None:
    manifest = write(store, "key", "whole") / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_bytes(DAMAGED_MANIFESTS[damage](content))
    assert manifest.read_bytes() != content
    assert store.find("stage", "key") is None
    with pytest.raises(ArtifactError, match="run the experiment again"):
        store.manifest("stage", "key")
    write(store, "key", "whole")
    assert manifest.read_bytes() == content


def test_a_manifest_that_is_a_folder_or_a_stage_that_is_a_file_is_made_again(store: Store) -> None:
    folder = write(store, "key", "whole")
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()
    assert store.find("stage", "key") is None
    assert (write(store, "key", "whole") / "manifest.json").is_file()
    shutil.rmtree(folder)
    folder.write_text("no folder")
    assert store.find("stage", "key") is None
    assert write(store, "key", "whole").is_dir()


@pytest.mark.parametrize("name", ["result.txt", "manifest.json"])
@pytest.mark.parametrize("left", ["nothing", "zeros"])
def test_what_a_power_failure_leaves_of_a_stage_is_not_taken_for_whole(
    store: Store, name: str, left: str
) -> None:
    """The disk is not waited for, so files may be there by name and size alone."""
    folder = write(store, "key", "whole")
    size = (folder / name).stat().st_size
    (folder / name).write_bytes(b"" if left == "nothing" else bytes(size))
    if name == "manifest.json":
        assert store.find("stage", "key") is None
    else:
        with pytest.raises(ArtifactError, match="was changed"):
            store.verify("stage", "key")
    assert (write(store, "key", "whole") / name).stat().st_size == size


def test_what_a_killed_run_was_writing_is_not_taken_over(store: Store) -> None:
    work = store.work_folder("stage", "key")
    (work / "deep").mkdir()
    (work / "deep" / ".0123.part").write_text("half")
    (work / "checkpoint").write_text("epoch 3")
    resumed = store.work_folder("stage", "key", resume=True)
    assert [path.name for path in resumed.rglob("*") if path.is_file()] == ["checkpoint"]
    shutil.rmtree(work)
    work.write_text("a file where the folder should be")
    assert list(store.work_folder("stage", "key", resume=True).iterdir()) == []


def test_a_folder_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    inodes: dict[int, str] = {}
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(handle: int) -> None:
        events.append(inodes.get(os.fstat(handle).st_ino, "other"))
        real_fsync(handle)

    def rename(source: Path, target: Path) -> None:
        events.append("rename")
        real_rename(source, target)

    new = tmp_path / "new"
    (new / "deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        (new / name).write_text(name)
    for path in (new, *new.rglob("*"), tmp_path):
        inodes[path.stat().st_ino] = path.name if path != tmp_path else "above"
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    replace_folder(new, tmp_path / "final")
    assert sorted(events[: events.index("rename")]) == ["a", "b", "deep", "new"]
    assert events[events.index("rename") :] == ["rename", "above"]


@pytest.mark.parametrize("swaps", [True, False])
def test_a_folder_is_replaced_with_and_without_a_swap_of_names(
    swaps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not swaps:
        monkeypatch.setattr(folders, "exchange", lambda source, other: False)
    for content in ("one", "two", "three"):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "text").write_text(content)
        replace_folder(tmp_path / "new", tmp_path / "final")
        assert (tmp_path / "final" / "text").read_text() == content
        assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_a_file_that_is_written_is_whole_or_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    save_json(path, {"a": 1})
    before = path.read_bytes()

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save_json(path, {"a": 2})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


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


class ReadOnly:
    """A folder in which nothing can be written, also for the one who may write everywhere."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        real_open, real_mkdir, real_access = io.open, os.mkdir, os.access

        def is_inside(path: Any) -> bool:
            return isinstance(path, (str, Path)) and Path(path).is_relative_to(folder)

        def opened(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if set(mode) & set("wax+") and is_inside(file):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(file))
            return real_open(file, mode, *rest, **named)

        def mkdir(path: Any, *rest: Any, **named: Any) -> None:
            if is_inside(path) and not Path(path).exists():
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            real_mkdir(path, *rest, **named)

        patch.setattr(io, "open", opened)
        patch.setattr(os, "mkdir", mkdir)
        patch.setattr(
            os,
            "access",
            lambda path, mode: not (mode & os.W_OK and is_inside(path)) and real_access(path, mode),
        )


def test_a_complete_store_that_can_only_be_read_gives_the_report(
    short_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hash_folder(short_run.store)
    ReadOnly(short_run.store, monkeypatch)
    assert run_cli(short_run.overrides(tmp_path)) == short_run.exit_code
    (folder,) = (tmp_path / "credit_risk").iterdir()
    assert hash_folder(folder).keys() == hash_folder(short_run.folder).keys()
    assert hash_folder(short_run.store) == before


def test_a_store_that_can_only_be_read_and_lacks_a_stage_is_told_before_anything_is_made(
    small_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    ReadOnly(small_run.store, monkeypatch)
    more = ["explain.instances=11", "report.thresholds=[]"]
    printed = terminal(*small_run.overrides(tmp_path), *more, code=1).err
    assert "this store can only be read" in printed
    assert "paths.store=DIR" in printed
    assert not (tmp_path / "credit_risk").exists()


@pytest.mark.parametrize(("mode", "of_files"), [(0o750, 0o640), (0o770, 0o660), (0o700, 0o600)])
def test_all_of_a_store_has_the_rights_of_its_folder_whatever_the_umask(
    mode: int, of_files: int, tmp_path: Path
) -> None:
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(mode)
    store = Store(root)
    for k, mask in enumerate((0o022, 0o077, 0o002)):
        before = os.umask(mask)
        try:
            work = store.work_folder("measures/roc_auc", f"{k}" * 64)
            (work / "below").mkdir()
            (work / "below" / "file.txt").touch()
            with store.lock("measures/roc_auc", f"{k}" * 64):
                store.publish("measures/roc_auc", f"{k}" * 64, work, {})
        finally:
            os.umask(before)
    placed = [path for path in root.rglob("*") if ".work" not in path.parts]
    modes = {path.stat().st_mode & 0o777 for path in placed if path.is_file()}
    assert modes == {of_files}
    kept = {path.stat().st_mode & 0o777 for path in (root / "measures").rglob("*") if path.is_dir()}
    assert kept == {mode}


def test_a_lock_that_two_threads_make_at_once_is_no_strange_file(tmp_path: Path) -> None:
    def lock_all(_: int) -> None:
        for number in range(400):
            with open_lock(tmp_path / ".locks" / f"stage-{number}", below=tmp_path):
                pass

    with ThreadPoolExecutor(6) as threads:  # an error of one of them is raised here
        assert list(threads.map(lock_all, range(6))) == [None] * 6
