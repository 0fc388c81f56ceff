"""evidence.json and the schemas of the run's records."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.evidence_record import check_record, evidence_record, write_evidence
from deepseek_report.errors import ArtifactError

from .conftest import Run

SHA = "a" * 64
RUN: dict[str, Any] = {
    "format": "deepseek-report/run",
    "format_version": 2,
    "run_id": "0123abcd",
    "experiment": "credit_risk",
    "config": {"seed": 1},
    "artifacts": {"data": {"path": "artifacts/data", "files": {"card.json": SHA}}},
    "problems": [{"stage": "explanations/lime", "reason": "no memory", "kind": "failed"}],
    "plan": {"data": SHA},
    "volatile": [],
    "digests": {"data": SHA, "weights": "", "config": SHA, "code": SHA},
    "versions": {"python": "3.11.7"},
    "environment": {"system": "Linux"},
    "stages": [{"id": "data", "key": SHA, "seconds": None}],
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
    schema("run").validate(RUN)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"format_version": 1},
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
        schema("run").validate(RUN | change)


@pytest.mark.parametrize("field", list(RUN))
def test_a_run_record_needs_each_of_its_fields(field: str) -> None:
    with pytest.raises(ValidationError):
        schema("run").validate({key: value for key, value in RUN.items() if key != field})


def test_a_manifest_fits_its_schema_and_cannot_reach_outside() -> None:
    head = {"format": "deepseek-report/manifest", "format_version": 2, "run_digest": SHA}
    manifest = {**head, "files": {"a/b": SHA}}
    schema("manifest").validate(manifest)
    with pytest.raises(ValidationError):
        schema("manifest").validate({**manifest, "files": {"../a": SHA}})
