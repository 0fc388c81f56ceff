"""What a run records of itself, by the keys that `_sources.yaml` names, and what is said of it.

Everything is read from the run's own files, so that no sentence about the run stands beside a file
that says otherwise. No time of day and no duration is ever printed: the same run gives the same
bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.run_record import PROVENANCE, RunRecord
from deepseek_report.artifacts.seeds import Seeds
from deepseek_report.artifacts.storage.files import load_table
from deepseek_report.compliance.integrity import dig
from deepseek_report.findings.records import attribute_labels

_EMPTY: tuple[Any, ...] = (None, "", [], {}, ())
_OWN_MODELS = "deepseek_report.models."
#: Fields of a model's config that name what it starts from.
_STARTS = ("checkpoint", "file", "weights")
_RUN = "run.json"
#: The setting that forbids to record durations and times of day.
NO_TIME = "measure_time: false"


def measures_time(results: Results) -> bool:
    """Whether the run was allowed to record durations and times of day."""
    return results.config.get("measure_time", True) is not False


def record_of(results: Results) -> RunRecord:
    """`provenance.json`, or an empty record with the reason."""
    record = results.provenance.get("record")
    return (
        record
        if isinstance(record, RunRecord)
        else RunRecord(problem=message("compliance.record.missing", file=PROVENANCE))
    )


def has(results: Results, key: str) -> bool:
    """Whether the run records something under this key."""
    value = _DERIVED[key](results) if key in _DERIVED else dig(results.provenance, key)
    return not any(value is empty or value == empty for empty in _EMPTY)


def why_empty(results: Results, keys: Iterable[str]) -> tuple[Message, ...]:
    """Why the run records nothing under these keys, one sentence for each reason."""
    reasons: dict[Text, list[str]] = {}
    for key in keys:
        reasons.setdefault(_reason(results, key), []).append(key)
    return tuple(
        message("compliance.records_no", reason=reason, facts=facts)
        for reason, facts in reasons.items()
    )


def fact(results: Results, key: str) -> Message | None:
    """What a run says in one matter, None where there is nothing to say."""
    return _FACTS[key](results)


def _reason(results: Results, key: str) -> Text:
    if key in {"log.started", "log.finished", "seconds"} and not measures_time(results):
        return message("compliance.untimed", key=NO_TIME)
    if key in {"log.started", "log.finished", "git"} and (problem := record_of(results).problem):
        return problem
    if key == "base_model":
        return message("compliance.foreign_model")
    return ""


def _base_model(results: Results) -> Message | None:
    model: Mapping[str, Any] = results.config.get("model") or {}
    if not str(model.get("_target_", _OWN_MODELS)).startswith(_OWN_MODELS):
        return None
    for name in _STARTS:
        if value := model.get(name):
            path = PurePath(str(value))
            shown = path.name if path.is_absolute() else str(value)
            return message("compliance.facts.starts_from", part=name, file=shown)
    return message("compliance.facts.no_base_model")


def _started(results: Results) -> Any:
    return record_of(results).started if measures_time(results) else None


def _finished(results: Results) -> Any:
    return record_of(results).finished if measures_time(results) else None


def _seconds(results: Results) -> list[float]:
    stages = results.provenance.get("stages") or []
    known = [stage["seconds"] for stage in stages if stage.get("seconds") is not None]
    return known if measures_time(results) else []


def _thresholds(results: Results) -> list[Any]:
    return list((results.config.get("report") or {}).get("thresholds") or [])


#: Keys that are no path into the provenance.
_DERIVED: Mapping[str, Callable[[Results], Any]] = {
    "seeds": lambda results: Seeds.recorded(results.config),
    "git": lambda results: record_of(results).git,
    "log.started": _started,
    "log.finished": _finished,
    "base_model": _base_model,
    "seconds": _seconds,
    "thresholds": _thresholds,
}


def _log_fact(results: Results) -> Message:
    seeds = Seeds.recorded(results.config)
    return message(
        "compliance.facts.log",
        file=PROVENANCE,
        files=[_RUN],
        seed=seeds.shared if seeds else None,
        seeds=asdict(seeds) if seeds else {},
        stages=len(results.provenance.get("stages") or []),
        failed=len(results.failures),
    )


def _git_fact(results: Results) -> Message | None:
    return message("compliance.facts.git", file=PROVENANCE) if record_of(results).git else None


def _thresholds_fact(results: Results) -> Message:
    thresholds = _thresholds(results)
    people = sorted({str(threshold.get("set_by") or "") for threshold in thresholds})
    return message("compliance.facts.thresholds", n=len(thresholds), people=people)


def _hardware_fact(results: Results) -> Message | None:
    device = (results.provenance.get("environment") or {}).get("device")
    return message("compliance.facts.hardware", device=device, file=_RUN) if device else None


def _references_fact(results: Results) -> Message | None:
    """Which level each group is compared with, and whether somebody declared it."""
    pairs = results.table("impact_ratio", "pairs")
    if pairs is None or not {"attribute", "reference"} <= set(pairs):
        return None
    metric = (results.config.get("metrics") or {}).get("impact_ratio") or {}
    declared: Mapping[str, str] = metric.get("reference") or {}
    firsts = pairs.groupby("attribute", sort=False)["reference"].first()
    compared = [
        {
            "attributes": attribute_labels(results, str(attribute)),
            "levels": str(reference).split(" × "),
            "declared": declared.get(attribute) == reference,
        }
        for attribute, reference in firsts.items()
    ]
    return message("compliance.facts.references", pairs=compared)


def _cases_fact(results: Results) -> Message | None:
    """For how many cases there are pages."""
    path = results.paths.get("measures/cases")
    if path is None or not (path / "cases.parquet").is_file():
        return None
    tested = results.predicted.n if results.has("predictions/test") else None
    n = len(load_table(path / "cases.parquet"))
    return message("compliance.facts.cases", n=n, of=tested)


def _reason_method_fact(results: Results) -> Message | None:
    """With whom a person is compared for the reason codes."""
    settings = (results.config.get("metrics") or {}).get("cases") or {}
    method = (settings.get("reason_codes") or {}).get("method")
    return message("compliance.facts.reason_method", method=method) if method else None


_FACTS: Mapping[str, Callable[[Results], Message | None]] = {
    "base_model": _base_model,
    "log": _log_fact,
    "git": _git_fact,
    "thresholds": _thresholds_fact,
    "hardware": _hardware_fact,
    "reference_levels": _references_fact,
    "cases": _cases_fact,
    "reason_method": _reason_method_fact,
}

#: What `facts` and `record` of `_sources.yaml` may name.
FACTS = frozenset(_FACTS)
