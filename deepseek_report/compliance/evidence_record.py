"""`evidence.json`: the evidence index and the status of every row, for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report import __version__
from deepseek_report.artifacts.message import plain
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage import files
from deepseek_report.artifacts.storage.formats import head_of
from deepseek_report.compliance.beside_config import Requirement
from deepseek_report.compliance.decision import DecisionState
from deepseek_report.compliance.evaluate import ComplianceReport, FrameworkReport, OpenField
from deepseek_report.compliance.evidence import Evidence
from deepseek_report.compliance.framework import frameworks_folder
from deepseek_report.compliance.statements import Statement
from deepseek_report.compliance.status import Judgement
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

TOOL = "deepseek-report"
EVIDENCE = "evidence.json"


def evidence_record(report: ComplianceReport, results: Results) -> dict[str, object]:
    """The content of `evidence.json`, as `_evidence_schema.json` describes it.

    `created` is null: times of day are kept in the provenance alone, so that the same run gives the
    same bytes.
    """
    return {
        **head_of("evidence"),
        "run_id": results.run_id,
        "as_of": report.as_of.day.isoformat() if report.as_of.day else None,
        "floor": report.options.floor,
        "digests": dict(results.digests),
        "evidence": {kind: _evidence(evidence) for kind, evidence in report.evidence.items()},
        "frameworks": {shown.framework.id: _framework(shown) for shown in report.frameworks},
        "subject": dict(vars(report.subjects.subject)),
        "decisions": [_decision(each) for each in report.decisions],
        "required": [_requirement(each) for each in report.required],
        "statements": {field.name: _field(field) for field in report.form},
        "unasked": list(report.options.human.unasked),
        "not_used": [plain(problem.as_messages()) for problem in report.options.human.problems],
    }


def write_evidence(report: ComplianceReport, results: Results, folder: Path) -> Path:
    """Write `evidence.json` into a run folder, checked against its schema; return its path."""
    record = evidence_record(report, results)
    check_record(record)
    path = folder / EVIDENCE
    files.save_json(path, record)
    return path


def check_record(record: Mapping[str, object]) -> None:
    """Check the content of an `evidence.json` against its schema.

    Raises ArtifactError : every place that breaks the schema.
    """
    errors = _validator().iter_errors(json.loads(files.dump_json(record)))
    problems = sorted(
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors
    )
    if problems:
        raise ArtifactError(f"{EVIDENCE}: breaks its schema ({'; '.join(problems)})")


@cache
def _validator() -> Draft202012Validator:
    return files.validator_of(
        files.load_json(frameworks_folder() / "_evidence_schema.json", links=True)
    )


def _evidence(evidence: Evidence) -> dict[str, Any]:
    files = [{"path": file.path, "sha256": file.sha256 or None} for file in evidence.files]
    first = files[0] if files else {"path": None, "sha256": None}
    # of the first number; nothing for evidence that is no number
    headline = [{"value": s.value, "n": s.n, "ci": _ends(s)} for s in evidence.scores[:1]]
    return {
        "status": evidence.state,
        **first,
        **(headline[0] if headline else {}),
        "files": files,
        "artifacts": [item.artifact for item in evidence.items if item.counts],
        "scores": [_score(score) for score in evidence.scores],
        "problems": plain(evidence.problems),
        "remarks": plain(evidence.remarks),
        "facts": plain(evidence.facts),
        "limits": plain(evidence.limits),
        "person": evidence.person,
        "section": evidence.section,
        "created": None,
        "tool": TOOL,
        "tool_version": __version__,
    }


def _ends(score: Score) -> list[float | None] | None:
    return [score.low, score.high] if score.has_interval else None


def _score(score: Score) -> dict[str, Any]:
    subject = ("predictor", "explainer", "attribute", "level", "slice")
    named = {key: getattr(score, key) for key in subject if getattr(score, key)}
    return {
        "metric": score.metric,
        "value": score.value,
        "n": score.n,
        "ci": _ends(score),
        "interval_method": plain(score.interval_method),
        "p_value": score.p_value,
        **named,
    }


def _framework(report: FrameworkReport) -> dict[str, object]:
    framework = report.framework
    return {
        "name": framework.name,
        "text_version": framework.text_version,
        "legal_force": framework.legal_force,
        "checked": framework.checked.isoformat(),
        "sha256": framework.sha256,
        "banners": [plain(vars(banner)) for banner in report.banners],
        "counts": report.counts,
        "rows": {
            judgement.row.id: {
                **_row(judgement),
                "findings": [f.id for f in report.bearing.get(judgement.row.id, ())],
            }
            for judgement in report.judgements
        },
    }


def _row(judgement: Judgement) -> dict[str, Any]:
    return {
        "cite": judgement.row.cite,
        "status": judgement.status,
        "ceiling": judgement.row.ceiling,
        "verified": judgement.row.verified,
        "present": list(judgement.present),
        "supplied": dict(judgement.supplied),
        "missing": list(judgement.missing),
        "lacks": plain(judgement.lacks),
        "open": list(judgement.open_fields),
        "filled": list(judgement.filled),
        "out_of_scope": plain(judgement.outside),
        "decisions": [each.decision.id for each in judgement.decisions],
    }


def _field(field: OpenField) -> dict[str, object]:
    return {
        "filled": field.filled,
        "deciding": field.deciding,
        "asked_by": {key: list(rows) for key, rows in field.asked_by.items()},
        "statement": _signed(field.statement) if field.statement else None,
    }


def _decision(state: DecisionState) -> dict[str, Any]:
    """A decision as it was written, by its digest, and how it stands."""
    decision = state.decision
    return {
        "id": decision.id,
        **decision.content,
        "standing": state.standing,
        "why": plain(state.why),
        "by": state.by,
        "file": decision.source.file,
        "sha256": decision.source.sha256,
    }


def _requirement(required: Requirement) -> dict[str, object]:
    return {
        "rule": required.rule.id,
        "target": dict(vars(required.target)),
        "state": required.state,
        "why": plain(required.why),
        "decisions": [decision.id for decision in required.decisions],
    }


def _signed(signed: Statement) -> dict[str, object]:
    """What somebody signed, and the file of the run folder that it stands in."""
    content = {key: value for key, value in vars(signed).items() if key not in {"field", "source"}}
    return content | {"file": signed.source.file, "sha256": signed.source.sha256}
