"""`verify` says what it proved, and of the rest that it is not proved; forgers know the format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run as command
from deepseek_report.runner.run_folders.sealing import document_digest
from deepseek_report.store.run_folder import hash_files, look_into

from .conftest import reseal

Change = Callable[[dict[str, Any]], None]


def run_digest(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text())["run_digest"])


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


def verified(
    capsys: pytest.CaptureFixture[str], folder: Path, *words: str
) -> tuple[int, str, list[str]]:
    """Exit code, first line, and the other lines."""
    code = command(["verify", str(folder), *words])
    captured = capsys.readouterr()
    assert captured.err == ""
    first, *others = captured.out.splitlines()
    return code, first, others


def test_the_digest_of_the_run_proves_its_results_and_by_them_its_documents(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, first, _ = verified(capsys, received, "--expect", run_digest(received))
    assert code == 0
    assert first.startswith("Results proved: they belong to the run digest that you gave.")
    assert "Documents proved: made again from these results, all " in first
    assert first.endswith("No file was added.")


def test_without_a_digest_nothing_is_called_proved(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, first, others = verified(capsys, received)
    assert code == 0
    assert first.startswith("Results not proved: they agree with one another")
    assert "Documents agree with the results" in first
    assert " proved" not in first.replace("not proved", "")
    assert others[-1].startswith("Not proved without a signature: what people wrote")


@pytest.mark.parametrize("name", ["report.html", "findings.json", "figures/roc-curve.svg"])
@pytest.mark.parametrize("digest", [True, False])
def test_a_forged_document_that_is_listed_anew_is_not_praised(
    digest: bool, name: str, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (received / name).open("a", encoding="utf-8") as stream:
        stream.write("<!-- approved -->")
    relist(received)
    words = ["--expect", run_digest(received)] if digest else []
    code, first, others = verified(capsys, received, *words)
    assert code == 1
    assert "Documents not proved: 1 thing is not what the results give." in first
    assert any(line.startswith(f"{name} is not what the results give") for line in others)


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
    change: Change, reason: str, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (received / "report.html").write_text("approved")
    relist(received, change)
    code, first, others = verified(capsys, received, "--expect", run_digest(received))
    assert code == 3
    assert "are not the same bytes when they are made again here (report.html)" in first
    assert "Documents proved" not in first
    assert any(line.startswith("not compared: report.html:") and reason in line for line in others)


def test_another_version_that_writes_the_same_bytes_is_proof_enough(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    relist(received, lambda record: record.update(writing="", libraries={}))
    code, first, _ = verified(capsys, received, "--expect", run_digest(received))
    assert (code, "Documents proved" in first) == (0, True)


def test_a_document_that_no_results_give_is_found_though_it_is_listed(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (received / "figures" / "more.svg").write_text("<svg/>")
    relist(received)
    code, first, others = verified(capsys, received, "--expect", run_digest(received))
    assert code == 1
    assert "Documents not proved" in first
    assert any(line.startswith("figures/more.svg is not what the results give") for line in others)


def test_the_digest_of_the_documents_proves_both(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["render", str(received)]) == 0
    digests = dict(line.split() for line in _digests(capsys.readouterr().err))
    code, first, _ = verified(capsys, received, "--expect", digests["document"])
    assert code == 0
    assert first.startswith("Results proved: they belong to the document digest that you gave.")
    assert "Documents proved: they belong to that digest too." in first
    (received / "report.html").write_text("approved")
    relist(received)
    code, first, _ = verified(capsys, received, "--expect", digests["document"])
    assert code == 1
    assert first.startswith("Results not proved: 1 thing is not as the run wrote it.")


def _digests(text: str) -> list[str]:
    return [line.replace("digest", "") for line in text.splitlines() if "digest" in line]


def test_words_that_people_added_are_named_in_the_first_line(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (received / "notes").mkdir()
    (received / "notes" / "summary.qmd").write_text("Approved by the board.\n")
    assert verified(capsys, received)[0] == 3  # the documents were written without them
    assert command(["render", str(received)]) == 0
    capsys.readouterr()
    code, first, _ = verified(capsys, received, "--expect", run_digest(received))
    assert code == 0
    assert "with the words of notes/summary.qmd" in first


@pytest.mark.parametrize("name", [".rendering-x", ".rendering-x/approved.html", ".hidden"])
def test_every_added_file_is_looked_at(
    name: str, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (received / name).parent.mkdir(exist_ok=True)
    (received / name).write_text("added")
    code, first, others = verified(capsys, received, "--expect", run_digest(received))
    assert code == 1
    assert first.endswith(f"Added: {name}.")
    assert any(line.startswith(f"{name} is no file of a run") for line in others)


def test_a_file_that_is_added_to_results_is_named_as_added(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "artifacts/measures/roc_auc/more.parquet"
    (received / name).write_text("added")
    code, first, _ = verified(capsys, received)
    assert (code, first.endswith(f"Added: {name}.")) == (1, True)


def test_a_very_deep_folder_is_never_called_a_match(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [received / "figures"]
    for _ in range(1200):  # deeper than Python calls itself
        made.append(made[-1] / "d")
        made[-1].mkdir()
    try:
        code, first, others = verified(capsys, received)
        assert code == 1
        assert "Added: figures/d/" in first
        assert any("so deep that it was not looked into" in line for line in others)
        assert command(["render", str(received)]) == 1
        assert "a folder too deep" in capsys.readouterr().err
    finally:
        for folder in reversed(made[1:]):  # no function of Python removes so deep a folder
            folder.rmdir()


def test_results_that_cannot_be_read_are_not_compared_and_not_praised(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (received / "artifacts/measures/roc_auc/scores.json").write_text("[" * 100_000)
    reseal(received)
    code, first, others = verified(capsys, received)
    assert code == 1
    assert first.startswith("Results not proved: 1 of them could not be compared.")
    assert "Documents not proved: there are no sound results to compare them with." in first
    assert any(line.startswith("scores.parquet could not be compared") for line in others)


def test_names_of_files_cannot_rewrite_what_verify_says(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (received / "x\r\x1b[2KDocuments proved\nResults proved").write_text("added")
    (received / "name-\udce9").write_text("added")
    code, _, others = verified(capsys, received)
    assert code == 1
    assert not any(line.startswith(("Documents proved", "Results proved")) for line in others)
