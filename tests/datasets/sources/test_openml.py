"""Tables from OpenML: against recorded answers in the real format, never the network."""

from __future__ import annotations

import hashlib
import io
import time
import urllib.request
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.response import addinfourl

import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.datasets.sources.openml import OpenML
from deepseek_report.errors import DataError

RECORDED = Path(__file__).parent / "openml"
ARFF = (RECORDED / "small-loans.arff").read_bytes()


class Server(urllib.request.BaseHandler):
    """Answers as openml.org does, and counts what it is asked."""

    handler_order = 1

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.refuses: Exception | None = None
        self.arff = ARFF

    def https_open(self, request: urllib.request.Request) -> addinfourl:
        self.urls.append(request.full_url)
        if self.refuses is not None:
            raise self.refuses
        content = self._body(request.full_url)
        if content is None:
            body = io.BytesIO(b'{"error":{"code":"372","message":"No results"}}')
            raise HTTPError(request.full_url, 412, "Precondition Failed", Message(), body)
        answer = addinfourl(io.BytesIO(content), Message(), request.full_url, 200)
        answer.msg = "OK"
        return answer

    def _body(self, url: str) -> bytes | None:
        names = {
            "json/data/42": "data-42.json",
            "json/data/features/42": "features-42.json",
            "json/data/qualities/42": "qualities-42.json",
        }
        if "/download/" in url:
            return self.arff
        if "data_name/small-loans" in url:
            return self._json("list-small-loans.json")
        recorded = next((file for end, file in names.items() if url.endswith(end)), None)
        return self._json(recorded) if recorded else None

    def _json(self, name: str) -> bytes:
        md5 = hashlib.md5(ARFF, usedforsecurity=False).hexdigest()
        return (RECORDED / name).read_text("utf-8").replace("@MD5@", md5).encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    running = Server()
    opener = urllib.request.OpenerDirector()
    for handler in (running, urllib.request.HTTPErrorProcessor()):
        opener.add_handler(handler)
    monkeypatch.setattr(urllib.request, "_opener", opener)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return running


def loans(tmp_path: Path, **more: object) -> OpenML:
    known = {"data_id": 42, "cache": str(tmp_path / "cache"), "retries": 1, "favourable": "yes"}
    return OpenML(**{**known, **more})  # type: ignore[arg-type]


def test_a_table_is_fetched_by_its_id_and_described(server: Server, tmp_path: Path) -> None:
    dataset = loans(tmp_path, sensitive=("sex",)).load(1, Silent())
    assert dataset.schema.names == ["amount", "sex"]
    assert dataset.schema.target.name == "repaid"
    assert dataset.schema.target.explained_class == "repaid: no"
    assert [attribute.levels for attribute in dataset.schema.attributes] == [("man", "woman")]
    assert dataset.card["rows"] == 60
    assert dataset.card["missing"] == {"amount": 1}
    assert dataset.card["title"] == "small-loans"
    assert dataset.card["licence"] == "CC BY 4.0"
    assert dataset.card["citation"] == "Author (2020)"
    assert "version 3" in dataset.card["source"]


def test_what_the_config_says_goes_before_what_openml_says(server: Server, tmp_path: Path) -> None:
    plugin = loans(tmp_path, title="Village loans", target="sex", favourable="woman")
    dataset = plugin.load(1, Silent())
    assert dataset.card["title"] == "Village loans"
    assert dataset.schema.target.name == "sex"
    assert dataset.schema.names == ["amount", "repaid"]


@pytest.mark.parametrize("version", [3, None])
def test_a_name_finds_the_same_table(server: Server, tmp_path: Path, version: int | None) -> None:
    named = loans(tmp_path, data_id=None, name="small-loans", version=version)
    dataset = named.load(1, Silent())
    same = loans(tmp_path).load(1, Silent())
    assert (dataset.train.inputs[:, 1] == same.train.inputs[:, 1]).all()
    assert dataset.schema == same.schema


def test_the_second_time_nothing_is_fetched(server: Server, tmp_path: Path) -> None:
    digest = loans(tmp_path).source_digest()
    n = len(server.urls)
    assert n
    server.refuses = URLError("no route to host")
    assert loans(tmp_path).source_digest() == digest
    assert loans(tmp_path).load(1, Silent()).card["sha256"] == digest
    assert len(server.urls) == n


def test_check_fetches_nothing_and_knows_the_columns_of_the_cache(
    server: Server, tmp_path: Path
) -> None:
    assert loans(tmp_path, drop=("amounts",)).problems() == []
    assert server.urls == []
    loans(tmp_path).source_digest()
    (problem,) = loans(tmp_path, drop=("amounts",)).problems()
    assert "did you mean `amount`?" in problem


def test_without_a_network_the_message_says_what_to_do(server: Server, tmp_path: Path) -> None:
    server.refuses = URLError("no route to host")
    with pytest.raises(DataError, match=r"id 42.*no route to host.*dataset=csv"):
        loans(tmp_path).load(1, Silent())
    assert len(server.urls) > 1


def test_a_broken_download_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.arff = ARFF[:-40]
    with pytest.raises(DataError, match="OpenML"):
        loans(tmp_path).source_digest()
    server.arff = ARFF
    assert loans(tmp_path).load(1, Silent()).card["rows"] == 60


@pytest.mark.parametrize("more", [{"data_id": 43}, {"data_id": None, "name": "large-loans"}])
def test_an_unknown_table_is_named(server: Server, tmp_path: Path, more: dict) -> None:
    with pytest.raises(DataError, match=r"OpenML \((id 43|large-loans).*openml\.org"):
        loans(tmp_path, **more).load(1, Silent())


def test_a_server_in_trouble_is_told_from_no_network(server: Server, tmp_path: Path) -> None:
    server.refuses = HTTPError("https://x", 503, "Service Unavailable", Message(), io.BytesIO())
    with pytest.raises(DataError, match="503"):
        loans(tmp_path).load(1, Silent())


@pytest.mark.parametrize(
    "wrong", [{"data_id": None}, {"name": "small-loans"}, {"version": 3}, {"validation_share": 0.9}]
)
def test_what_is_wrong_without_looking_is_told(tmp_path: Path, wrong: dict) -> None:
    problems = loans(tmp_path, **wrong).problems()
    expected = 0 if "validation_share" in wrong else 1
    assert len([problem for problem in problems if "an id, or a name" in problem]) == expected
    assert problems
