"""Each sentence about the run follows from its files; no spelling of the folder changes a byte."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.results import PROVENANCE, RunRecord, read_record
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.evidence import Evidence
from deepseek_report.compliance.evidence_record import check_record, evidence_record, write_evidence
from deepseek_report.errors import ArtifactError
from deepseek_report.runner.run_folders.open_run import (
    RecordedRun,
    read_run,
    results_of,
    run_content,
)
from deepseek_report.runner.run_folders.writing import write_report
from deepseek_report.store.run_folder import ENVIRONMENT, RUN, seal_results
from tests.shared_runs import SmallRun

from .conftest import PROVENANCE as RECORDED
from .conftest import Run, english, evidence_of_kind

NO_TIME = "it was told to measure no time (measure_time: false)"
Change = Callable[[dict[str, Any], dict[str, Any]], object]


@pytest.fixture(scope="module")
def folder(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run as if it had been allowed to measure time."""
    copied = small_run.copied(tmp_path_factory.mktemp("runs") / "artifacts" / small_run.folder.name)
    run = run_content(copied)
    run["config"]["measure_time"] = True
    for stage in run["stages"]:
        stage["seconds"] = 0.5
    training = run["artifacts"]["training"]
    timing = copied / training["path"] / "times.json"
    save_json(timing, {"seconds": 1.5})
    training["files"]["times.json"] = sha256_file(timing)
    recorded = RecordedRun.from_json(run)
    save_json(copied / RUN, recorded.to_json())
    save_json(copied / ENVIRONMENT, recorded.environment_json())
    save_json(content_of(copied), run)
    save_json(copied / PROVENANCE, RECORDED)
    return copied


def content_of(folder: Path) -> Path:
    """Both records of the run in one file beside it, which tests change."""
    return folder.with_suffix(".json")


def look(folder: Path, kind: str) -> Evidence:
    run = RecordedRun.from_json(load_json(content_of(folder)))
    return evidence_of_kind(results_of(folder, run), kind, 30)


@contextmanager
def changed(folder: Path, change: Change) -> Iterator[None]:
    """The two records of the run changed, and put back."""
    run, record = load_json(content_of(folder)), dict(RECORDED)
    before = copy.deepcopy((run, record))
    change(run, record)
    save_json(content_of(folder), run)
    save_json(folder / PROVENANCE, record)
    try:
        yield
    finally:
        save_json(content_of(folder), before[0])
        save_json(folder / PROVENANCE, before[1])


def without_seconds(run: dict[str, Any], _: object) -> None:
    for stage in run["stages"]:
        stage["seconds"] = None


def drop(*path: str) -> Change:
    """Take a key out of `run.json`."""

    def change(run: dict[str, Any], _: object) -> None:
        inner = run
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = type(inner[path[-1]])()

    return change


LOST: list[tuple[str, Change, str]] = [
    ("logs.run", lambda _, record: record.pop("started"), "the run records no start time"),
    ("logs.run", lambda _, record: record.pop("finished"), "the run records no end time"),
    ("logs.run", drop("stages"), "the run records no stages"),
    (
        "logs.run",
        lambda run, _: (run["config"].pop("seed"), run["config"].pop("seeds")),
        "the run records no seeds",
    ),
    (
        "logs.run",
        lambda run, _: run["config"].update(measure_time=False),
        f"{NO_TIME}; the run records no start time, end time",
    ),
    (
        "compute.usage",
        lambda run, _: run["config"].update(measure_time=False),
        f"{NO_TIME}; the run records no duration of its stages",
    ),
    ("compute.usage", without_seconds, "the run records no duration of its stages"),
    ("compute.usage", drop("environment"), "the run records no environment"),
    ("provenance.environment", drop("versions"), "the run records no versions"),
    ("provenance.lineage", drop("digests", "code"), "the run records no digest of the code"),
    (
        "provenance.lineage",
        lambda run, _: run["config"]["model"].update(_target_="mine.Model"),
        "the model is a plug-in from outside of this package; the run records no base model",
    ),
    ("provenance.hashes", drop("digests", "weights"), "the run records no digest of the weights"),
    ("config.resolved", drop("digests", "config"), "the run records no digest of the config"),
    ("config.thresholds", drop("config", "report", "thresholds"), "the run records no threshold"),
]


@pytest.mark.parametrize("kind", sorted({kind for kind, _, _ in LOST}))
def test_what_the_files_hold_is_never_called_missing(folder: Path, kind: str) -> None:
    evidence = look(folder, kind)
    assert evidence.counts
    assert not evidence.problems
    assert not [text for text in english(evidence.remarks) if "records no" in text]


@pytest.mark.parametrize(("kind", "change", "sentence"), LOST)
def test_what_the_files_lack_is_said_as_it_is(
    folder: Path, kind: str, change: Change, sentence: str
) -> None:
    with changed(folder, change):
        evidence = look(folder, kind)
    assert evidence.state == "absent"
    assert sentence in english(evidence.problems)


def test_a_run_outside_of_a_checkout_is_remarked_and_its_lineage_still_counts(folder: Path) -> None:
    with changed(folder, lambda _, record: record.update(git="")):
        evidence = look(folder, "provenance.lineage")
    assert evidence.counts
    assert english(evidence.remarks) == ("the run records no git revision",)
    assert not [text for text in english(evidence.facts) if "git" in text]
    facts = english(look(folder, "provenance.lineage").facts)
    assert "the git revision stands in provenance.json" in facts


@pytest.mark.parametrize(
    ("start", "fact"),
    [
        (
            {},
            "no base model: the config names no checkpoint, weights or fitted model to start from",
        ),
        ({"checkpoint": "org/bert"}, "the config names a checkpoint to start from: org/bert"),
        ({"weights": "/home/me/w.safetensors"}, "weights to start from: w.safetensors"),
    ],
)
def test_what_the_model_starts_from_is_said_without_a_path_of_this_machine(
    folder: Path, start: dict[str, str], fact: str
) -> None:
    with changed(folder, lambda run, _: run["config"]["model"].update(start)):
        facts = english(look(folder, "provenance.lineage").facts)
    assert any(text.endswith(fact) for text in facts)


def test_no_time_of_day_stands_in_the_evidence(folder: Path) -> None:
    results = results_of(folder, read_run(folder))
    text = json.dumps(evidence_record(evaluate_results(results), results))
    assert "08:0" not in text
    assert RECORDED["git"] not in text
    assert '"path": "provenance.json", "sha256": null' in text


BROKEN = [
    (b"", "is not well-formed"),
    (b'{"started": "2026-1', "is not well-formed"),
    (b"[]", "is not well-formed"),
    (b'{"started": 7}', "is not well-formed"),
    (b'{"started": "yesterday"}', "is not well-formed"),
    (b'{"started": "2026-11-24T08:00:00"}', "is not well-formed"),
    (b'{"git": ["a"]}', "is not well-formed"),
    (b"\xff\xfe", "is not well-formed"),
    (b"[" * 100_000, "is not well-formed"),
    (b" " * 1_000_001, "is larger than 1\u202f000\u202f000 bytes"),
]


@pytest.mark.parametrize(("content", "problem"), BROKEN)
def test_a_record_that_cannot_be_read_counts_as_absent(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    (tmp_path / PROVENANCE).write_bytes(content)
    read = read_record(tmp_path)
    assert read.problem is not None
    assert read == RunRecord(problem=read.problem)
    assert english((read.problem,)) == (f"provenance.json {problem}",)


def test_a_record_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    save_json(tmp_path / "elsewhere.json", RECORDED)
    (tmp_path / PROVENANCE).symlink_to(tmp_path / "elsewhere.json")
    assert read_record(tmp_path).problem == message("compliance.record.link", file=PROVENANCE)


def test_the_reason_why_the_record_cannot_be_read_is_in_the_sentence(folder: Path) -> None:
    with changed(folder, lambda *_: None):
        (folder / PROVENANCE).write_text("{")
        evidence = look(folder, "logs.run")
        remarks = look(folder, "provenance.lineage").remarks
        banner = evaluate_results(results_of(folder, read_run(folder))).as_of
    assert english(evidence.problems) == (
        "provenance.json is not well-formed; the run records no start time, end time",
    )
    assert english(remarks) == (
        "provenance.json is not well-formed; the run records no git revision",
    )
    assert english((banner.because,)) == ("provenance.json is not well-formed",)


def test_the_evidence_is_the_same_bytes_however_the_folder_is_spelled(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evidence_of(folder: Path) -> str:
        results = results_of(folder, read_run(folder))
        return json.dumps(evidence_record(evaluate_results(results), results))

    link, name = tmp_path / "link", folder.name
    link.symlink_to(folder.parent, target_is_directory=True)
    expected = evidence_of(folder)
    monkeypatch.chdir(folder)
    assert Path().samefile(folder)
    for spelling in (".", "./", f"../{name}", f"../../artifacts/{name}/", str(link / name)):
        assert evidence_of(Path(spelling)) == expected, spelling
    assert '"artifacts/measures/roc_auc/scores.json"' in expected


def test_people_who_sign_change_the_documents_and_no_result(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / folder.name
    shutil.copytree(folder, copied)
    (copied / "people").mkdir()
    signed = "name: Ada, role: Head of risk, date: 2026-11-24"
    (copied / "people/a.yaml").write_text(
        f"statements:\n  intended_purpose: {{text: It ranks applications., {signed}}}\n"
        f"  signatory: {{text: Ada signs., name: TBD, role: Head, date: 2026-11-24}}\n"
    )
    seal_results(copied)
    run = read_run(copied)
    before = results_of(copied, run).provenance
    write_report(copied)
    after = read_run(copied)
    assert after.run_id == run.run_id
    assert after.digests == run.digests
    assert results_of(copied, after).provenance["manifest"] == before["manifest"]
    text = (copied / "report.qmd").read_text(encoding="utf-8").replace("\\", "")
    assert "It ranks applications." in text
    assert "`people/a.yaml:3` | “`name`” is “TBD”, which says nothing" in text
    form = (copied / "decisions.yaml").read_text(encoding="utf-8")
    assert "  signatory:" in form
    assert "  intended_purpose:" not in form
    record = load_json(copied / "evidence.json")
    assert record["not_used"][0]["where"] == "people/a.yaml:3"
    assert record["statements"]["intended_purpose"]["statement"]["file"] == "people/a.yaml"


# --- evidence.json, and the schemas of the records of a run ---------------------------------------


SHA = "a" * 64
RUN_RECORD: dict[str, Any] = {
    "format": "deepseek-report/run",
    "format_version": 1,
    "run_id": "0123abcd",
    "experiment": "credit_risk",
    "config": {"seed": 1},
    "artifacts": {"data": {"path": "artifacts/data", "files": {"card.json": SHA}}},
    "problems": [{"stage": "explanations/lime", "reason": "no memory", "kind": "failed"}],
    "privacy": {"level": "full", "floor": 5},
    "plan": {"data": SHA},
    "volatile": [],
    "digests": {"data": SHA, "weights": "", "config": SHA, "code": SHA},
    "stages": [{"id": "data", "key": SHA}],
    "command": {
        "program": ["deepseek-report"],
        "config_dir": None,
        "trust": [],
        "overrides": [],
        "variables": {},
        "files": [],
        "folder": [],
    },
}


def schema(name: str) -> Draft202012Validator:
    content = load_json(shipped("templates") / "schemas" / f"{name}.schema.json")
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


def test_the_record_of_a_run_fits_its_schema_and_the_bytes_are_the_same_twice(run: Run) -> None:
    results = run.results()
    path = write_evidence(evaluate_results(results), results, run.folder)
    first = path.read_bytes()
    write_evidence(run.evaluated(), run.results(), run.folder)
    assert path.read_bytes() == first
    record = json.loads(first)
    assert record["evidence"]["metrics.performance"]["value"] == 0.7
    assert record["evidence"]["metrics.performance"]["ci"] == pytest.approx([0.65, 0.75])
    assert record["evidence"]["robustness.adversarial"]["status"] == "absent"


def test_the_record_holds_each_row_of_each_framework(run: Run) -> None:
    report = run.evaluated()
    record = evidence_record(report, run.results())
    for framework in report.frameworks:
        rows = record["frameworks"][framework.framework.id]["rows"]
        assert list(rows) == [row.id for row in framework.framework.rows]
        assert sum(record["frameworks"][framework.framework.id]["counts"].values()) == len(rows)


def test_evidence_that_counts_cannot_carry_a_problem(run: Run) -> None:
    record = copy.deepcopy(evidence_record(run.evaluated(), run.results()))
    record["evidence"]["data.card"]["problems"] = ["x"]
    with pytest.raises(ArtifactError, match=r"evidence\.data\.card\.problems"):
        check_record(record)


def test_a_percentage_has_no_place_in_the_record(run: Run) -> None:
    record = evidence_record(run.evaluated(), run.results())
    record["frameworks"]["gdpr"]["counts"]["percent"] = 80
    with pytest.raises(ArtifactError, match="percent"):
        check_record(record)


def test_a_run_record_fits_its_schema() -> None:
    schema("run").validate(RUN_RECORD)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"format_version": 2},
        {"versions": {"python": "3.11.7"}},
        {"digests": {"data": SHA}},
        {"artifacts": {"data": {"path": "../data", "files": {}}}},
        {"artifacts": {"data": {"path": "/data", "files": {}}}},
        {"artifacts": {"data": {"path": "data", "files": {"a": "123"}}}},
        {"problems": [{"stage": "data"}]},
        {"problems": [{"stage": "data", "reason": "r", "kind": "odd"}]},
        {"plan": {"data": "123"}},
    ],
)
def test_a_run_record_that_breaks_its_schema_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        schema("run").validate(RUN_RECORD | change)


@pytest.mark.parametrize("field", list(RUN_RECORD))
def test_a_run_record_needs_each_of_its_fields(field: str) -> None:
    with pytest.raises(ValidationError):
        schema("run").validate({key: value for key, value in RUN_RECORD.items() if key != field})


@pytest.mark.parametrize("field", ["", "versions", "lock", "environment", "seconds"])
def test_the_record_of_an_environment_needs_each_of_its_fields(field: str) -> None:
    head = {"format": "deepseek-report/environment", "format_version": 1, "lock": {}}
    ran = {"versions": {"python": "3.11.7"}, "environment": {}, "seconds": {"data": None}}
    record = {key: value for key, value in (head | ran).items() if key != field}
    with pytest.raises(ValidationError) if field else nullcontext():
        schema("environment").validate(record)


def test_a_manifest_fits_its_schema_and_cannot_reach_outside() -> None:
    head = {"format": "deepseek-report/manifest", "format_version": 1, "run_digest": SHA}
    manifest = {**head, "files": {"a/b": SHA}}
    schema("manifest").validate(manifest)
    with pytest.raises(ValidationError):
        schema("manifest").validate({**manifest, "files": {"../a": SHA}})
