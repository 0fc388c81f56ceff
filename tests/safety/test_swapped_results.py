"""Files that change between being hashed and being read: what is read is what was hashed."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.storage.plain_files import (
    ListedPath,
    open_file,
    read_bytes,
    sha256_file,
)
from deepseek_report.compliance import framework
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.models.estimators.sklearn import Sklearn, load_file
from deepseek_report.runner.run_folders import open_run as opening
from deepseek_report.runner.run_folders.open_run import open_run

REFUSED = "not what it was when it was looked at first"


@pytest.fixture
def folder(short_run: Any, tmp_path: Path) -> Path:
    return Path(short_run.copied(tmp_path / "run"))


def swap(path: Path) -> None:
    """Another content of the same length under the same time, as an attacker would take it."""
    about, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def test_no_file_of_the_results_and_records_is_read_once_it_is_another(folder: Path) -> None:
    opened = open_run(folder)
    assert len(opened.listed.hashes) > 40
    for name, sha256 in opened.listed.hashes.items():
        place = opened.listed / name
        assert sha256_file(place) == sha256
        swap(folder / name)
        for read in (read_bytes, open_file, sha256_file):
            with pytest.raises(ArtifactError, match=REFUSED):
                read(place)


@pytest.mark.parametrize(
    "read",
    [
        lambda results: results.all_scores,
        lambda results: results.schema,
        lambda results: results.test,
        lambda results: results.history,
        lambda results: results.predicted,
        lambda results: results.explanations,
    ],
)
def test_results_are_read_by_their_hash(read: Callable[[Any], object], folder: Path) -> None:
    results = open_run(folder).results
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] in {"artifacts", "records"}:
            swap(path)
    with pytest.raises(ArtifactError, match=REFUSED):
        read(results)


@pytest.mark.parametrize("name", ["run.json", "environment.json"])
def test_what_a_run_says_of_itself_is_what_was_hashed(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = opening.result_problems

    def then_swapped(*arguments: Any) -> list[str]:
        problems = plain(*arguments)
        text = (folder / name).read_text("utf-8")
        (folder / name).write_text(text.replace('"torch": "', '"torch": "9'), "utf-8")
        (folder / name).write_text(text.replace('"title": "', '"title": "9'), "utf-8")
        swap(folder / name)
        return problems

    monkeypatch.setattr(opening, "differences", lambda *_: [])
    monkeypatch.setattr(opening, "result_problems", then_swapped)
    with pytest.raises(ArtifactError):
        open_run(folder)


def test_a_path_that_lost_its_list_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("1")
    listed = ListedPath.of(tmp_path, {"a.json": sha256_file(tmp_path / "a.json")})
    for kept in (
        *(listed / "a.json", (listed / "b" / "c").parent.parent / "a.json"),
        copy.deepcopy(listed) / "a.json",
    ):
        assert read_bytes(kept) == b"1"
    with pytest.raises(ArtifactError, match=REFUSED):
        read_bytes((listed / "b.json").with_name("a.json"))
    with pytest.raises(FileNotFoundError):
        read_bytes(listed / "none.json")


@pytest.mark.parametrize("library", ["sklearn", "xgboost", "lightgbm"])
def test_a_model_that_is_swapped_after_its_hash_is_not_loaded(library: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 2))

    def write(flip: bool) -> Path:
        y = (x[:, 0] > 0) != flip
        if library == "sklearn":
            from sklearn.tree import DecisionTreeClassifier

            skops = pytest.importorskip("skops.io")
            skops.dump(DecisionTreeClassifier().fit(x, y), tmp_path / "model.skops")
            return tmp_path / "model.skops"
        if library == "xgboost":
            xgboost = pytest.importorskip("xgboost")
            data = xgboost.DMatrix(x, y)
            made = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 2)
            made.save_model(tmp_path / "model.json")
            return tmp_path / "model.json"
        lightgbm = pytest.importorskip("lightgbm")
        params = {"objective": "binary", "verbose": -1, "num_threads": 1}
        made = lightgbm.train(params, lightgbm.Dataset(x, y), 2)
        made.save_model(tmp_path / "model.txt")
        return tmp_path / "model.txt"

    model = Sklearn(file=str(write(False)), library=library)  # type: ignore[arg-type]
    digest, content = model.source_digest(), Path(str(model.file)).read_bytes()
    write(True)
    assert model.source_digest() != digest
    with pytest.raises((ConfigError, ArtifactError), match=REFUSED):
        load_file(model._path, ()) if library == "sklearn" else model._load_booster()
    Path(str(model.file)).write_bytes(content)
    assert model.source_digest() == digest


def test_a_framework_is_known_by_the_bytes_that_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = framework.frameworks_folder() / "tw_finance.yaml"
    path = tmp_path / source.name
    shutil.copy(source, path)
    reads = framework.read_yaml
    monkeypatch.setattr(framework, "read_yaml", lambda place: [reads(place), swap(path)][0])
    assert framework.load_framework(path).sha256 == sha256_file(source)
