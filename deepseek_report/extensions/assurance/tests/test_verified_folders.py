"""A run folder from a stranger: `verify` says what of it is proved, and believes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.runner.run_folders.sealing import document_digest
from deepseek_report.store.run_folder import hash_files, look_into
from tests.safety.conftest import reseal
from tests.safety.test_run_folder import run_digest
from tests.shared_runs import Terminal


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


def test_a_config_of_aliases_is_refused_by_its_bound(received: Path, terminal: Terminal) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (received / "config.yaml").write_text("\n".join(lines), encoding="utf-8")
    reseal(received)
    assert "more than 100 000 values" in terminal("verify", received, code=1).out


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
