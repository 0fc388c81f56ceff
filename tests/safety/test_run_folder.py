"""A run folder from a stranger: nothing of it is run or believed; `verify` says what it proved."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.runner.run_folders.sealing import Writing, document_digest, seal_documents
from deepseek_report.store import hash_folder
from deepseek_report.store.run_folder import class_of, hash_files, look_into
from tests.shared_runs import Terminal

from .conftest import forge, reseal


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
    assert changed in terminal("verify", received, code=1).out


def test_a_forgery_that_is_sealed_again_is_found_by_the_digest_from_elsewhere(
    received: Path, terminal: Terminal
) -> None:
    handed_on = run_digest(received)
    terminal("verify", received, "--expect", f"sha256:{handed_on}")
    path = received / "artifacts/measures/roc_auc/scores.json"
    path.write_text(path.read_text().replace('"predictor": "model"', '"predictor": "other"'))
    reseal(received)
    printed = terminal("verify", received, "--expect", handed_on, code=1).out
    assert "the digest that you expect is not that of this folder" in printed
    assert "scores.parquet: it does not hold the scores of the artifacts" in printed


def test_no_digest_is_taken_for_one_that_is_too_short(received: Path, terminal: Terminal) -> None:
    short = run_digest(received)[:12]
    assert "64 hexadecimal digits" in terminal("verify", received, "--expect", short, code=2).err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("report.html", "report.html was changed"),
        ("provenance.json", "provenance.json was changed"),
        ("evidence.json", "evidence.json was changed"),
        ("config.yaml", "config.yaml was changed"),
    ],
)
def test_verify_finds_an_edited_file_of_every_class(
    received: Path, name: str, sentence: str, terminal: Terminal
) -> None:
    with (received / name).open("a", encoding="utf-8") as stream:
        stream.write("\n")
    assert sentence in terminal("verify", received, code=1).out


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tensorboard/events.out.tfevents.9", "is not in the manifest"),
        ("artifacts/measures/roc_auc/more.parquet", "is not in the manifest"),
        ("figures/more.svg", "is not in the manifest"),
        ("read_me_first.exe", "is no file of a run"),
    ],
)
def test_verify_finds_an_added_file(
    received: Path, name: str, sentence: str, terminal: Terminal
) -> None:
    (received / name).parent.mkdir(exist_ok=True)
    (received / name).write_text("added")
    assert f"{name} {sentence}" in terminal("verify", received, code=1).out


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
    terminal("verify", received)
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
    terminal("verify", received, code=1)


def test_a_pipe_in_the_folder_is_not_read_for_ever(received: Path, terminal: Terminal) -> None:
    (received / "run.json").unlink()
    os.mkfifo(received / "run.json")
    assert "a link or a device" in terminal("render", received, code=1).err
    terminal("verify", received, code=1)


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
    for name in ("render", "verify"):
        assert "no run of this package wrote it" in terminal(name, received, code=1).err


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
    for name in ("render", "verify"):
        assert "run.json" in terminal(name, received, code=1).err


def test_a_config_of_aliases_is_refused_by_its_bound(received: Path, terminal: Terminal) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (received / "config.yaml").write_text("\n".join(lines), encoding="utf-8")
    reseal(received)
    assert "more than 100 000 values" in terminal("verify", received, code=1).out


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


Change = Callable[[dict[str, Any]], None]


def relist(folder: Path, change: Change = lambda _: None) -> str:
    """List the documents as they lie there now, and nothing else: code and versions stay told."""
    path = folder / "documents.json"
    record = json.loads(path.read_text())
    contents = look_into(folder)
    files = hash_files(folder, contents.of_class("document"))
    people = hash_files(folder, contents.of_class("people"))
    sealed = document_digest(record["run_digest"], files, people)
    record |= {"files": files, "people": people, "document_digest": sealed}
    change(record)
    path.write_text(json.dumps(record))
    return sealed


def verified(terminal: Terminal, folder: Path, *words: str, code: int = 0) -> tuple[str, list[str]]:
    """What is printed: the first line, and the other lines."""
    printed = terminal("verify", folder, *words, code=code)
    assert printed.err == ""
    first, *others = printed.out.splitlines()
    return first, others


def test_the_digest_of_the_run_proves_its_results_and_by_them_its_documents(
    received: Path, terminal: Terminal
) -> None:
    first, _ = verified(terminal, received, "--expect", run_digest(received))
    assert first.startswith("Results proved: they belong to the run digest that you gave.")
    proved = "Documents proved, save what they quote of records: made again from these results and "
    assert f"{proved}records, all " in first
    assert first.endswith("No file was added.")


def test_without_a_digest_nothing_is_called_proved(received: Path, terminal: Terminal) -> None:
    first, others = verified(terminal, received)
    assert first.startswith("Results not proved: they agree with one another")
    assert "Documents agree with the results" in first
    assert " proved" not in first.replace("not proved", "")
    assert others[-1].startswith("Not proved without a signature: what people wrote")


@pytest.mark.parametrize("name", ["report.html", "findings.json", "figures/roc-curve.svg"])
@pytest.mark.parametrize("digest", [True, False])
def test_a_forged_document_that_is_listed_anew_is_not_praised(
    digest: bool, name: str, received: Path, terminal: Terminal
) -> None:
    with (received / name).open("a", encoding="utf-8") as stream:
        stream.write("<!-- approved -->")
    relist(received)
    words = ["--expect", run_digest(received)] if digest else []
    first, others = verified(terminal, received, *words, code=1)
    assert "Documents not proved: 1 thing is not what the results give." in first
    assert any(line.startswith(f"{name} is not what the results give") for line in others)


@pytest.mark.parametrize("excused", [False, True])
def test_a_document_that_no_report_has_is_named_as_added_though_it_is_listed(
    excused: bool, received: Path, terminal: Terminal
) -> None:
    name = "figures/.hidden/evil.sh"
    (received / name).parent.mkdir()
    (received / name).write_text("added")
    relist(received, lambda record: record.update(engine="quarto") if excused else None)
    first, _ = verified(terminal, received, code=3 if excused else 1)
    assert first.endswith(f"Added{', or of another version' if excused else ''}: {name}.")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record.update(writing="0" * 64), "other code wrote them"),
        (lambda record: record["libraries"].update(typst="0.1"), "typst 0.1, here "),
        (lambda record: record.pop("libraries"), "does not say which versions"),
        (lambda record: record.update(engine="quarto"), "Quarto made the pages"),
    ],
)
def test_an_excuse_for_other_bytes_is_told_and_proves_nothing(
    change: Change, reason: str, received: Path, terminal: Terminal
) -> None:
    (received / "report.html").write_text("approved")
    relist(received, change)
    first, others = verified(terminal, received, "--expect", run_digest(received), code=3)
    assert "are not the same bytes when they are made again here (report.html)" in first
    assert "Documents proved" not in first
    assert any(line.startswith("not compared: report.html:") and reason in line for line in others)


def test_another_version_that_writes_the_same_bytes_is_proof_enough(
    received: Path, terminal: Terminal
) -> None:
    relist(received, lambda record: record.update(writing="", libraries={}))
    first, _ = verified(terminal, received, "--expect", run_digest(received))
    assert "Documents proved" in first


def test_a_document_that_no_results_give_is_found_though_it_is_listed(
    received: Path, terminal: Terminal
) -> None:
    (received / "figures" / "more.svg").write_text("<svg/>")
    relist(received)
    first, others = verified(terminal, received, "--expect", run_digest(received), code=1)
    assert "Documents not proved" in first
    assert any(line.startswith("figures/more.svg is not what the results give") for line in others)


def test_the_digest_of_the_documents_proves_both(received: Path, terminal: Terminal) -> None:
    lines = terminal("render", received).err.splitlines()
    digests = dict(line.replace("digest", "").split() for line in lines if "digest" in line)
    first, _ = verified(terminal, received, "--expect", digests["document"])
    assert first.startswith("Results proved: they belong to the document digest that you gave.")
    assert "Documents proved: they belong to that digest too." in first
    (received / "report.html").write_text("approved")
    relist(received)
    first, _ = verified(terminal, received, "--expect", digests["document"], code=1)
    assert first.startswith("Results not proved: 1 thing is not as the run wrote it.")


def test_words_that_people_added_are_named_in_the_first_line(
    received: Path, terminal: Terminal
) -> None:
    (received / "notes").mkdir()
    (received / "notes" / "summary.qmd").write_text("Approved by the board.\n")
    verified(terminal, received, code=3)  # the documents were written without them
    terminal("render", received)
    first, _ = verified(terminal, received, "--expect", run_digest(received))
    assert "with the words of notes/summary.qmd" in first


def test_a_brief_shows_no_notes_and_is_made_beside_them(received: Path, terminal: Terminal) -> None:
    (received / "notes").mkdir()
    (received / "notes" / "performance.qmd").write_text("Looked at by the board.\n")
    terminal("render", received, "--to", "brief")
    assert "by the board" in (received / "report.qmd").read_text()
    assert "by the board" not in (received / "brief.qmd").read_text()
    (received / "notes" / "nothing.qmd").write_text("Of no section.\n")
    errors = terminal("render", received, "--to", "brief", code=1).err
    assert "no section “nothing”; its sections are summary, performance, compliance" in errors


@pytest.mark.parametrize(
    "name", [".rendering-x", ".rendering-x/approved.html", ".hidden", ".quarto/evil.sh"]
)
def test_every_added_file_is_looked_at(name: str, received: Path, terminal: Terminal) -> None:
    (received / name).parent.mkdir(exist_ok=True)
    (received / name).write_text("added")
    first, others = verified(terminal, received, "--expect", run_digest(received), code=1)
    assert first.endswith(f"Added: {name}.")
    assert any(line.startswith(f"{name} is no file of a run") for line in others)


def test_a_file_that_is_added_to_results_is_named_as_added(
    received: Path, terminal: Terminal
) -> None:
    name = "artifacts/measures/roc_auc/more.parquet"
    (received / name).write_text("added")
    first, _ = verified(terminal, received, code=1)
    assert first.endswith(f"Added: {name}.")


def test_a_very_deep_folder_is_never_called_a_match(received: Path, terminal: Terminal) -> None:
    made = [received / "figures"]
    for _ in range(1200):  # deeper than Python calls itself
        made.append(made[-1] / "d")
        made[-1].mkdir()
    try:
        first, others = verified(terminal, received, code=1)
        assert "Added: figures/d/" in first
        assert any("so deep that it was not looked into" in line for line in others)
        assert "a folder too deep" in terminal("render", received, code=1).err
    finally:
        for folder in reversed(made[1:]):  # no function of Python removes so deep a folder
            folder.rmdir()


def test_results_that_cannot_be_read_are_not_compared_and_not_praised(
    received: Path, terminal: Terminal
) -> None:
    (received / "artifacts/measures/roc_auc/scores.json").write_text("[" * 100_000)
    reseal(received)
    first, others = verified(terminal, received, code=1)
    assert first.startswith("Results not proved: 1 of them could not be compared.")
    assert "Documents not proved: there are no sound results to compare them with." in first
    assert any(line.startswith("scores.parquet could not be compared") for line in others)


def test_names_of_files_cannot_rewrite_what_verify_says(received: Path, terminal: Terminal) -> None:
    (received / "x\r\x1b[2KDocuments proved\nResults proved").write_text("added")
    (received / "name-\udce9").write_text("added")
    _, others = verified(terminal, received, code=1)
    assert not any(line.startswith(("Documents proved", "Results proved")) for line in others)
