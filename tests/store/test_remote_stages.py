"""Stages that machines share through object storage: fetched once, whole, and as they were."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.errors import ArtifactError
from deepseek_report.store import Store, remote_stages
from deepseek_report.store.remote_stages import VARIABLE, RemoteStages, remote_of_environment

fsspec: Any = pytest.importorskip("fsspec", reason="a store on object storage needs fsspec")
STAGE, KEY = "measures/deletion/shap", "a" * 64


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


def make(store: Store, content: bytes = b"numbers") -> Path:
    work = store.work_folder(STAGE, KEY)
    (work / "below").mkdir()
    (work / "below" / "values.bin").write_bytes(content)
    (work / "empty.txt").touch()
    return store.publish(STAGE, KEY, work, {"inputs": []})


def objects(place: RemoteStages) -> tuple[Any, dict[str, int]]:
    files, root = fsspec.core.url_to_fs(place.url, use_listings_cache=False)
    return files, {path: files.info(path)["size"] for path in files.find(root)}


def test_another_machine_finds_what_one_has_made_and_fetches_it_once(
    place: RemoteStages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = Store(tmp_path / "own", place), Store(tmp_path / "other", place)
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
    assert Store(tmp_path / "other").find(STAGE, KEY) == fetched


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
    place: RemoteStages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(monkeypatch, times=2)
    own, other = Store(tmp_path / "own", place), Store(tmp_path / "other", place)
    make(own)
    own.verify(STAGE, KEY)
    assert place.rests
    unsent = own.send_waiting()
    assert unsent is not None
    assert (unsent.stages, unsent.place) == (1, place.url)
    assert "503 Slow Down" in unsent.reason
    assert place.manifest(STAGE, KEY) is None
    assert Store(own.root).send_waiting() is None  # without a remote store nothing waits for one
    assert Store(own.root, place).send_waiting() is None
    assert failing.tried > 2
    manifest = place.manifest(STAGE, KEY)
    assert manifest is not None
    place.fetch(manifest, tmp_path / "fetched")
    assert (tmp_path / "fetched" / "below" / "values.bin").read_bytes() == b"numbers"
    tried = failing.tried
    assert own.send_waiting() is None
    assert failing.tried == tried
    assert not other.holds(STAGE, KEY)


def test_a_place_that_failed_is_left_alone_for_a_minute_and_then_asked_again(
    place: RemoteStages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(monkeypatch, times=1)
    own, other = Store(tmp_path / "own", place), Store(tmp_path / "other", place)
    make(own)
    make(own, b"again")
    assert failing.tried == 1
    own.send_waiting()
    assert other.find(STAGE, KEY) is None
    monkeypatch.setattr(remote_stages, "_REST", 0.0)
    assert other.find(STAGE, KEY) is not None


def test_what_was_taken_out_of_the_store_before_it_was_sent_is_not_missed(
    place: RemoteStages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Failing(monkeypatch, times=1)
    own = Store(tmp_path / "own", place)
    shutil.rmtree(make(own))
    assert own.send_waiting() is None
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
    make(Store(tmp_path / "own", RemoteStages(f"{s3}/{uuid.uuid4().hex}")))
    assert calls.count("put_object") == 3
    assert not {"head_bucket", "list_buckets", "create_bucket"} & {*calls}


def test_two_machines_that_make_the_same_stage_do_each_other_no_harm(
    place: RemoteStages, tmp_path: Path
) -> None:
    for name, content in (("first", b"1.0 s"), ("second", b"2.0 s")):
        make(Store(tmp_path / name, place), content)
    fetched = Store(tmp_path / "third", place).find(STAGE, KEY)
    assert fetched is not None
    assert (fetched / "below" / "values.bin").read_bytes() == b"1.0 s"


def test_what_was_changed_there_is_refused_and_nothing_of_it_stays(
    place: RemoteStages, tmp_path: Path
) -> None:
    make(Store(tmp_path / "own", place))
    files, sizes = objects(place)
    (largest,) = (path for path, size in sizes.items() if size == len(b"numbers"))
    files.pipe_file(largest, b"changed")
    other = Store(tmp_path / "other", place)
    with pytest.raises(ArtifactError, match="does not have the hash of its name"):
        other.find(STAGE, KEY)
    files.rm(largest)
    with pytest.raises(ArtifactError, match=VARIABLE):
        other.find(STAGE, KEY)
    assert not other.folder(STAGE, KEY).exists()


def test_a_stage_whose_manifest_is_not_there_yet_is_not_there(
    place: RemoteStages, tmp_path: Path
) -> None:
    make(Store(tmp_path / "own", place))
    files, sizes = objects(place)
    (manifest,) = (path for path in sizes if path.endswith(".json"))
    files.pipe_file(manifest, b'{"stage": "meas')
    assert Store(tmp_path / "other", place).find(STAGE, KEY) is None
    files.rm(manifest)
    assert Store(tmp_path / "other", place).find(STAGE, KEY) is None


@pytest.mark.parametrize("name", ["../out", "/out", "a//b", "a\\b", ""])
def test_no_manifest_leads_out_of_the_store(name: str, tmp_path: Path) -> None:
    place = RemoteStages(f"memory://{uuid.uuid4().hex}")
    make(Store(tmp_path / "own", place))
    files, sizes = objects(place)
    (path,) = (path for path in sizes if path.endswith(".json"))
    manifest = json.loads(files.cat_file(path))
    manifest["files"] = {name: manifest["files"]["below/values.bin"]}
    files.pipe_file(path, json.dumps(manifest).encode())
    with pytest.raises(ArtifactError, match="which is no file"):
        Store(tmp_path / "other", place).find(STAGE, KEY)
    assert not (tmp_path / "out").exists()


def test_only_the_environment_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert remote_of_environment() is None
    monkeypatch.setenv(VARIABLE, "memory://x/")
    assert remote_of_environment() == RemoteStages("memory://x")
    for wrong in ("/shared", "simplecache::s3://x"):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(ArtifactError, match="not a URL"):
            remote_of_environment()


def test_a_place_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path, RemoteStages("nosuchkind://x"))
    with pytest.raises(ArtifactError, match="nosuchkind"):
        store.find(STAGE, KEY)
