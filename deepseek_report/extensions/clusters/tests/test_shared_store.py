"""Stages that machines share through object storage: fetched once, whole, and as they were."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run as command
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.clusters import remote_stages
from deepseek_report.extensions.clusters.remote_stages import VARIABLE, RemoteStages
from deepseek_report.extensions.clusters.shared_store import SharedStore, shared_store
from deepseek_report.runner.execution import computing
from deepseek_report.store import Store, hash_folder
from tests.configured import LINEAR, few_parts, places_in
from tests.shared_runs import SMALL, Terminal

fsspec: Any = pytest.importorskip("fsspec", reason="a store on object storage needs fsspec")
STAGE, KEY, LATER = "measures/deletion/shap", "a" * 64, "b" * 64


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket of a server of this machine."""
    server_module: Any = pytest.importorskip("moto.server", reason="the S3 server is moto's")
    pytest.importorskip("s3fs", reason="s3:// needs s3fs")
    server = server_module.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.get_host_and_port()[1]}",
        }.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").mkdir("stages")
        yield "s3://stages/shared"
    server.stop()


@pytest.fixture(params=["memory", "file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> RemoteStages:
    if request.param == "s3":
        return RemoteStages(f"{request.getfixturevalue('s3')}/{uuid.uuid4().hex}")
    if request.param == "file":
        return RemoteStages(f"file://{tmp_path}/shared")
    return RemoteStages(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def own(place: RemoteStages, tmp_path: Path) -> SharedStore:
    """The store of a machine; `other` and `third` are of machines that share its place."""
    return SharedStore(tmp_path / "own", place)


@pytest.fixture
def other(place: RemoteStages, tmp_path: Path) -> SharedStore:
    return SharedStore(tmp_path / "other", place)


@pytest.fixture
def third(place: RemoteStages, tmp_path: Path) -> SharedStore:
    return SharedStore(tmp_path / "third", place)


def make(store: SharedStore, content: bytes = b"numbers") -> Path:
    return make_later(store, KEY, **{"below/values.bin": content, "empty.txt": b""})


def make_later(store: SharedStore, key: str, **contents: bytes) -> Path:
    work = store.work_folder(STAGE, key)
    for name, content in contents.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_bytes(content)
    return store.publish(STAGE, key, work, {"inputs": []})


def values(store: SharedStore) -> bytes:
    """What the stage holds in this store, which may fetch it."""
    folder = store.find(STAGE, KEY)
    assert folder is not None
    return (folder / "below" / "values.bin").read_bytes()


def objects(place: RemoteStages) -> tuple[Any, dict[str, int]]:
    files, root = fsspec.core.url_to_fs(place.url, use_listings_cache=False)
    return files, {path: files.info(path)["size"] for path in files.find(root)}


def test_another_machine_finds_what_one_has_made_and_fetches_it_once(
    own: SharedStore, other: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert other.find(STAGE, KEY) is None
    made = make(own)
    assert own.holds(STAGE, KEY)
    assert not other.holds(STAGE, KEY)
    fetched = other.find(STAGE, KEY)
    assert fetched is not None
    assert other.holds(STAGE, KEY)
    names = ("below/values.bin", "empty.txt", "manifest.json")
    assert [(fetched / n).read_bytes() for n in names] == [(made / n).read_bytes() for n in names]
    other.verify(STAGE, KEY)
    monkeypatch.setattr(RemoteStages, "manifest", lambda *_: pytest.fail("asked again"))
    assert other.find(STAGE, KEY) == fetched
    assert Store(other.root).find(STAGE, KEY) == fetched


class Failing:
    """A place that fails as often as it is told to when something is sent; it can still be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.times, self.tried = times, 0
        self.send = remote_stages._send
        monkeypatch.setattr(remote_stages, "_send", self)

    def __call__(self, *args: Any) -> None:
        self.tried += 1
        if self.tried <= self.times:
            raise OSError("503 Slow Down")
        self.send(*args)


def test_a_stage_that_could_not_be_sent_is_whole_here_and_sent_later(
    place: RemoteStages,
    own: SharedStore,
    other: SharedStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = Failing(monkeypatch, times=2)
    make(own)
    own.verify(STAGE, KEY)
    assert place.rests
    (unsent,) = own.end()
    assert "1 stage could not be sent" in unsent
    assert place.url in unsent
    assert "503 Slow Down" in unsent
    assert place.manifest(STAGE, KEY) is None
    assert Store(own.root).end() == []  # without a remote store nothing waits for one
    assert SharedStore(own.root, place).end() == []
    assert failing.tried > 2
    manifest = place.manifest(STAGE, KEY)
    assert manifest is not None
    place.fetch(manifest, tmp_path / "fetched")
    assert (tmp_path / "fetched" / "below" / "values.bin").read_bytes() == b"numbers"
    tried = failing.tried
    assert own.end() == []
    assert failing.tried == tried
    assert not other.holds(STAGE, KEY)


def test_a_place_that_failed_is_left_alone_for_a_minute_and_then_asked_again(
    place: RemoteStages, own: SharedStore, other: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(monkeypatch, times=1)
    make(own)
    make(own, b"again")
    assert failing.tried == 1
    assert other.find(STAGE, KEY) is None
    assert "503 Slow Down" in other.news()[0]
    own.end()  # asks whether it rests or not
    assert not place.rests
    assert other.find(STAGE, KEY) is not None


def test_what_was_taken_out_of_the_store_before_it_was_sent_is_not_missed(
    place: RemoteStages, own: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    Failing(monkeypatch, times=1)
    shutil.rmtree(make(own))
    assert own.end() == []
    assert place.manifest(STAGE, KEY) is None


def test_no_bucket_is_asked_for_where_objects_can_be_written(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    call = fsspec.get_filesystem_class("s3")._call_s3

    async def counted(self: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(str(method))
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(fsspec.get_filesystem_class("s3"), "_call_s3", counted)
    make(SharedStore(tmp_path / "own", RemoteStages(f"{s3}/{uuid.uuid4().hex}")))
    assert calls.count("put_object") == 3
    assert not {"head_bucket", "list_buckets", "create_bucket"} & {*calls}


def test_two_machines_that_make_the_same_stage_do_each_other_no_harm(
    own: SharedStore, other: SharedStore, third: SharedStore
) -> None:
    make(own, b"1.0 s")
    make(other, b"2.0 s")
    assert values(third) == b"1.0 s"


DAMAGES = {
    "changed": lambda files, path: files.pipe_file(path, b"changed"),
    "cut short": lambda files, path: files.pipe_file(path, b"num"),
    "expired": lambda files, path: files.rm(path),
}


def object_of(place: RemoteStages, content: bytes) -> tuple[Any, str]:
    """The file system, and the path of the object with this content."""
    files, sizes = objects(place)
    (path,) = (path for path in sizes if files.cat_file(path) == content)
    return files, path


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_there_is_not_taken_and_is_made_and_sent_again(
    damage: str, place: RemoteStages, own: SharedStore, other: SharedStore, third: SharedStore
) -> None:
    make(own)
    DAMAGES[damage](*object_of(place, b"numbers"))
    assert other.find(STAGE, KEY) is None
    assert not other.folder(STAGE, KEY).exists()
    (news,) = other.news()
    assert "1 stage" in news
    assert "is missing" in news or "is not what it was" in news
    assert other.news() == []
    make(other)
    assert values(third) == b"numbers"


def test_a_damaged_stage_that_is_made_again_otherwise_replaces_what_was_there(
    place: RemoteStages, own: SharedStore, other: SharedStore, third: SharedStore
) -> None:
    """Its durations differ: the manifest that named the lost object must go with it."""
    make(own, b"1.0 s")
    DAMAGES["expired"](*object_of(place, b"1.0 s"))
    assert other.find(STAGE, KEY) is None
    make(other, b"2.0 s")
    assert values(third) == b"2.0 s"


def test_a_place_that_expires_objects_by_age_loses_no_stage_for_good(
    place: RemoteStages, own: SharedStore, other: SharedStore, third: SharedStore
) -> None:
    """A later stage shares an old object, which was not sent again, and which then expires."""
    make(own)
    files, old = objects(place)
    make_later(own, LATER, **{"values.bin": b"numbers", "other.bin": b"other"})
    for path in old:  # the rule of the place: older than so many days
        files.rm(path)
    assert [other.find(STAGE, key) for key in (KEY, LATER)] == [None, None]
    assert "is missing" in other.news()[0]
    for key in (KEY, LATER):
        make_later(other, key, **{"values.bin": b"numbers"})
    assert third.find(STAGE, KEY) is not None
    assert third.find(STAGE, LATER) is not None
    assert third.news() == []


def test_what_was_found_damaged_is_sent_whole_also_by_a_later_command(
    place: RemoteStages,
    own: SharedStore,
    other: SharedStore,
    third: SharedStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make(own)
    DAMAGES["changed"](*object_of(place, b"numbers"))
    assert other.find(STAGE, KEY) is None
    Failing(monkeypatch, times=1)
    make(other)
    assert place.rests
    assert other.end() == []
    assert not place.rests
    assert third.find(STAGE, KEY) is not None


def test_a_stage_whose_manifest_is_not_there_yet_is_not_there(
    place: RemoteStages, own: SharedStore, other: SharedStore
) -> None:
    make(own)
    files, sizes = objects(place)
    (manifest,) = (path for path in sizes if path.endswith(".json"))
    files.pipe_file(manifest, b'{"stage": "meas')
    assert other.find(STAGE, KEY) is None
    files.rm(manifest)
    assert other.find(STAGE, KEY) is None


@pytest.mark.parametrize("name", ["../out", "/out", "a//b", "a\\b", ""])
def test_no_manifest_leads_out_of_the_store(name: str, tmp_path: Path) -> None:
    place = RemoteStages(f"memory://{uuid.uuid4().hex}")
    make(SharedStore(tmp_path / "own", place))
    files, sizes = objects(place)
    (path,) = (path for path in sizes if path.endswith(".json"))
    manifest = json.loads(files.cat_file(path))
    manifest["files"] = {name: manifest["files"]["below/values.bin"]}
    files.pipe_file(path, json.dumps(manifest).encode())
    other = SharedStore(tmp_path / "other", place)
    assert other.find(STAGE, KEY) is None
    assert "which is no file" in other.news()[0]
    assert not (tmp_path / "out").exists()


def test_only_the_environment_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert shared_store(Path("here")) == Store(Path("here"))
    monkeypatch.setenv(VARIABLE, "memory://x/")
    assert shared_store(Path("here")) == SharedStore(Path("here"), RemoteStages("memory://x"))
    for wrong in ("/shared", "simplecache::s3://x"):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(ArtifactError, match="not a URL"):
            remote_stages.remote_of_environment()


def test_a_place_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    store = SharedStore(tmp_path, RemoteStages("nosuchkind://x"))
    with pytest.raises(ArtifactError, match="nosuchkind"):
        store.find(STAGE, KEY)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_never_answers_is_left_alone_and_the_work_goes_on_here(
    silent_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs", reason="s3:// needs s3fs")
    monkeypatch.setattr(remote_stages, "_PATIENCE", 0.5)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent_server)
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # of another server
    place = RemoteStages(f"s3://{uuid.uuid4().hex}/shared")
    store = SharedStore(tmp_path / "own", place)
    assert store.find(STAGE, KEY) is None
    assert place.rests
    (news,) = store.news()
    assert "does not answer within" in news
    assert "the run goes on here" in news
    assert pickle.loads(pickle.dumps(place)).rests  # noqa: S301 - what was dumped here
    make(store)
    assert "1 stage could not be sent" in store.end()[0]
    assert store.find(STAGE, KEY) is not None
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_a_place_that_keeps_silent_is_left_alone_ever_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = RemoteStages(f"memory://{uuid.uuid4().hex}")
    monkeypatch.setattr(remote_stages, "_open_place", lambda url: 1 / 0)
    rests = []
    for _ in range(9):
        with pytest.raises(remote_stages.UnreachableError):
            place.manifest(STAGE, KEY)
        rests.append(remote_stages._SILENT[place.url].rest)
    assert rests[:4] == [60, 120, 240, 480]
    assert rests[-1] == 3600
    monkeypatch.undo()
    assert place.manifest(STAGE, KEY) is None
    assert not place.rests


def test_a_large_file_may_take_as_long_as_something_of_it_arrives(tmp_path: Path) -> None:
    arrived = remote_stages._Arrived()

    def slow() -> str:
        for _ in range(5):
            time.sleep(0.15)
            arrived.n += 1
        return "whole"

    assert remote_stages._in_time(0.4, slow, arrived) == "whole"
    with pytest.raises(remote_stages._NoAnswerError):
        remote_stages._in_time(0.2, lambda: time.sleep(2), remote_stages._Arrived())


def test_clean_remote_tells_what_is_damaged_and_mends_it(
    place: RemoteStages,
    own: SharedStore,
    other: SharedStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: Terminal,
) -> None:
    if place.url.startswith("s3"):
        fsspec.get_filesystem_class("s3").clear_instance_cache()
    monkeypatch.setenv(VARIABLE, place.url)
    make(own, b"here still")
    shutil.rmtree(make_later(own, LATER, **{"values.bin": b"nowhere else"}))
    clean = ["clean", "--remote", f"paths.store={own.root}", f"paths.reports={tmp_path}"]
    assert "All of them are whole" in terminal(*clean).out
    for damage, content in (("changed", b"here still"), ("expired", b"nowhere else")):
        DAMAGES[damage](*object_of(place, content))
    before = objects(place)[1]
    printed = terminal(*clean, code=1).out
    assert "values.bin is not what it was" in printed
    assert "values.bin is missing" in printed
    assert objects(place)[1] == before
    assert "Sent again: 1. Taken out: 1" in terminal(*clean, "--yes").out
    terminal(*clean)
    assert other.find(STAGE, KEY) is not None
    assert other.find(STAGE, LATER) is None
    assert other.news() == []


def test_clean_remote_says_what_to_set_where_there_is_no_remote_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, terminal: Terminal
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    printed = terminal("clean", "--remote", f"paths.store={tmp_path}", code=2).err
    assert f"set it to a URL such as {VARIABLE}=" in printed


def sweep(machine: Path) -> dict[str, str]:
    """Every file of the reports that a sweep leaves on a machine."""
    shown = {"visualizations": "roc_curve", "sections": "summary,performance"}
    few = (*LINEAR, *few_parts(explainers="random", **shown), "dataset.rows=400", "seed=1,2")
    assert command(["-m", *SMALL, *few, *places_in(machine)]) == 0
    return hash_folder(machine / "reports")


def test_the_second_machine_computes_nothing_and_writes_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"file://{tmp_path}/shared")
    first = sweep(tmp_path / "first")
    monkeypatch.setattr(computing, "_compute", lambda _store, stage, *_: pytest.fail(stage.id))
    assert sweep(tmp_path / "second") == first
    monkeypatch.delenv(VARIABLE)  # all of it is here now
    assert sweep(tmp_path / "second") == first


def test_what_could_not_be_sent_is_told_and_sent_by_the_end_or_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, f"file://{tmp_path}/shared")
    send, failures = remote_stages._send, iter([True, *[False] * 3, *[True] * 9])

    def failing(*args: Any) -> None:
        if next(failures, False):
            raise OSError("503 Slow Down")
        send(*args)

    monkeypatch.setattr(remote_stages, "_send", failing)
    first = sweep(tmp_path / "first")
    printed = capsys.readouterr().err
    assert "could not be sent to the remote store" in printed
    assert "503 Slow Down" in printed
    for _ in failures:
        pass  # from here on it takes everything
    assert sweep(tmp_path / "first") == first
    assert "could not be sent" not in capsys.readouterr().err
    monkeypatch.setattr(remote_stages, "_SILENT", {})
    monkeypatch.setattr(computing, "_compute", lambda _store, stage, *_: pytest.fail(stage.id))
    assert sweep(tmp_path / "second") == first
