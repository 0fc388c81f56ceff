"""A run folder from a stranger: nothing of it is run or believed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.runner.run_folders.hash_check import check_hashes
from deepseek_report.runner.run_folders.sealing import Writing, seal_documents
from deepseek_report.store import hash_folder
from deepseek_report.store.run_folder import class_of, look_into
from tests.shared_runs import Terminal, offered

from .conftest import forge


def outside(folder: Path) -> dict[str, str]:
    """Everything beside the received folder."""
    return {name: sha for name, sha in hash_folder(folder.parent).items() if name[:4] != "run/"}


def run_digest(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text())["run_digest"])


def test_a_section_that_names_foreign_code_is_not_run_and_says_so(
    received: Path, terminal: Terminal
) -> None:
    touched = received.parent / "touched"

    def plant(run: dict[str, Any]) -> None:
        run["config"]["sections"]["summary"] = {
            "_target_": "os.system",
            "command": f"touch {touched}",
        }

    forge(received, plant)
    terminal("render", received, code=1)
    assert not touched.exists()
    page = (received / "report.html").read_text(encoding="utf-8")
    assert "os is not trusted here" in page
    conclusions = json.loads((received / "findings.json").read_text())
    assert [problem["stage"] for problem in conclusions["problems"]] == ["sections/summary"]


@pytest.mark.parametrize(
    "target",
    [
        "subprocess.Popen",
        "deepseek_report.store.stage_folders.Store",
        "deepseek_report.sections.summary.re",
        "deepseek_report.sections.nowhere.Summary",
        "eval",
        "",
        "builtins.eval",
        "..os.system",
    ],
)
def test_only_sections_of_trusted_packages_are_built(target: str) -> None:
    from deepseek_report.artifacts.results import Results
    from deepseek_report.runner.run_folders.section_plugins import write_section

    content = write_section(Results({}, {}), "summary", {"_target_": target, "root": "/"})
    assert content.incomplete
    assert content.failure


def test_a_forged_score_is_refused_by_render_and_by_verify(
    received: Path, terminal: Terminal
) -> None:
    before = (received / "report.html").read_bytes()
    path = received / "artifacts/measures/roc_auc/scores.json"
    scores = json.loads(path.read_text())
    scores[0]["value"] = 0.999
    path.write_text(json.dumps(scores))
    changed = "artifacts/measures/roc_auc/scores.json was changed"
    assert changed in terminal("render", received, code=1).err
    assert (received / "report.html").read_bytes() == before
    for words in offered(["verify", str(received)]):
        assert changed in terminal(*words, code=1).out


def test_an_edited_report_is_written_anew_and_what_people_wrote_is_kept(
    received: Path, terminal: Terminal
) -> None:
    whole = (received / "report.qmd").read_text(encoding="utf-8")
    (received / "report.qmd").write_text(f"{whole}\nMy own words.\n", encoding="utf-8")
    (received / "report.html").write_text("forged")
    printed = terminal("render", received).out
    assert "report.qmd.edited: your edited copy" in printed
    assert "My own words." in (received / "report.qmd.edited").read_text(encoding="utf-8")
    assert (received / "report.qmd").read_text(encoding="utf-8") == whole
    assert "forged" not in (received / "report.html").read_text(encoding="utf-8")
    assert check_hashes(received).is_whole
    assert "your edited copy" not in terminal("render", received).out


def test_an_edited_config_is_a_changed_result(received: Path, terminal: Terminal) -> None:
    path = received / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["report"]["title"] = "Another title"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert "config.yaml was changed" in terminal("render", received, code=1).err


def test_render_is_bound_to_the_results_and_changes_none(
    received: Path, terminal: Terminal
) -> None:
    results = {
        name: sha for name, sha in hash_folder(received).items() if class_of(name) == "result"
    }
    before = hash_folder(received)
    terminal("render", received)
    assert hash_folder(received) == before
    assert results.keys() <= before.keys()
    documents = json.loads((received / "documents.json").read_text())
    assert documents["run_digest"] == run_digest(received)


@pytest.mark.parametrize("name", ["report.html", "figures", "run.json", "artifacts/data", "notes"])
def test_a_link_is_neither_followed_nor_written_through(
    received: Path, name: str, terminal: Terminal
) -> None:
    elsewhere = received.parent / "elsewhere"
    place = received / name
    if place.is_dir():
        shutil.copytree(place, elsewhere)
        shutil.rmtree(place)
    elif place.exists():
        shutil.copyfile(place, elsewhere)
        place.unlink()
    else:
        elsewhere.mkdir()
    place.symlink_to(elsewhere)
    before = outside(received)
    assert f"{name}: a link or a device" in terminal("render", received, code=1).err
    assert outside(received) == before
    for words in offered(["verify", str(received)]):
        terminal(*words, code=1)


def test_a_pipe_in_the_folder_is_not_read_for_ever(received: Path, terminal: Terminal) -> None:
    (received / "run.json").unlink()
    os.mkfifo(received / "run.json")
    assert "a link or a device" in terminal("render", received, code=1).err
    for words in offered(["verify", str(received)]):
        terminal(*words, code=1)


@pytest.mark.parametrize(
    "path",
    ["../other/artifacts/data", "artifacts/../../other", "/etc", "artifacts/..", "figures", "."],
)
def test_an_artifact_is_read_from_below_the_folder_alone(
    received: Path, path: str, terminal: Terminal
) -> None:
    def plant(run: dict[str, Any]) -> None:
        run["artifacts"]["data"] = {"path": path, "files": {}}

    run = json.loads((received / "run.json").read_text())
    plant(run)
    (received / "run.json").write_text(json.dumps(run))
    for words in offered(["render", str(received)], ["verify", str(received)]):
        assert "no run of this package wrote it" in terminal(*words, code=1).err


def test_a_framework_file_is_read_from_the_folder_and_from_nowhere_else(
    received: Path, terminal: Terminal
) -> None:
    secret = received.parent / "secret.yaml"
    secret.write_text("password: hunter2\n")

    def plant(run: dict[str, Any]) -> None:
        run["config"]["frameworks"]["gdpr"]["file"] = str(secret)

    forge(received, plant)
    errors = terminal("render", received, code=2).err
    assert "hunter2" not in errors
    assert "gdpr" in errors


def bomb_of_zeros(path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inputs.npy", b"\0" * 2**20)
    content = bytearray(path.read_bytes())
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):  # its headers say 4 GiB
        at = content.index(mark) + (22 if mark == b"PK\x03\x04" else 24)
        content[at : at + 4] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(content)


def bomb_of_rows(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array([0] * 1000), ["x"])])
    table = pa.table({f"c{j}": column for j in range(100)})
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(200):
            writer.write_table(table)


@pytest.mark.parametrize(
    ("name", "write", "sentence"),
    [
        ("artifacts/data/test.npz", bomb_of_zeros, "an artifact may hold"),
        ("artifacts/measures/cases/cases.parquet", bomb_of_rows, "an artifact may hold"),
    ],
)
def test_a_bomb_in_an_artifact_is_refused_before_it_is_read(
    tmp_path: Path,
    name: str,
    write: Callable[[Path], None],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from deepseek_report.artifacts.storage.files import load_arrays, load_table
    from deepseek_report.errors import ArtifactError

    monkeypatch.setenv("DEEPSEEK_REPORT_ARTIFACT_MIB", "64")
    path = tmp_path / Path(name).name
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    write(path)
    with pytest.raises(ArtifactError, match=sentence):
        (load_arrays if path.suffix == ".npz" else load_table)(path)


def test_deep_nesting_ends_in_a_sentence(received: Path, terminal: Terminal) -> None:
    (received / "run.json").write_text("[" * 200_000)
    for words in offered(["render", str(received)], ["verify", str(received)]):
        assert "run.json" in terminal(*words, code=1).err


def test_the_cache_of_quarto_is_looked_into_as_any_folder(tmp_path: Path) -> None:
    cache = tmp_path / ".quarto" / "idx"
    cache.mkdir(parents=True)
    (cache / "report.json").write_text("{}", encoding="utf-8")
    assert look_into(tmp_path).files == (".quarto/idx/report.json",)
    (cache / "link").symlink_to(tmp_path)
    assert look_into(tmp_path).strange == (".quarto/idx/link",)


def test_what_a_page_lacks_is_recorded_beside_it(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        json.dumps({"config": {"sections": {}, "report": {}}}), encoding="utf-8"
    )
    for written, notices in ((Writing(), None), (Writing(notices=("no PDF/A",)), ["no PDF/A"])):
        seal_documents(tmp_path, "0" * 64, written)
        record = json.loads((tmp_path / "documents.json").read_text(encoding="utf-8"))
        assert record.get("notices") == notices


def test_a_brief_shows_no_notes_and_is_made_beside_them(received: Path, terminal: Terminal) -> None:
    (received / "notes").mkdir()
    (received / "notes" / "performance.qmd").write_text("Looked at by the board.\n")
    terminal("render", received, "--to", "brief")
    assert "by the board" in (received / "report.qmd").read_text()
    assert "by the board" not in (received / "brief.qmd").read_text()
    (received / "notes" / "nothing.qmd").write_text("Of no section.\n")
    errors = terminal("render", received, "--to", "brief", code=1).err
    assert "no section “nothing”; its sections are summary, performance, compliance" in errors
