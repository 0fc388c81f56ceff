"""What a run records of itself, by the keys that `_sources.yaml` names, and what is said of it.

Everything is read from the run's own files, so that no sentence about the run stands beside a file
that says otherwise. No time of day and no duration is ever printed: the same run gives the same
bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any, Literal

from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.models import model_digest
from deepseek_report.artifacts.results import PROVENANCE, Results, RunRecord
from deepseek_report.artifacts.schema import CROSS
from deepseek_report.artifacts.seeds import Seeds
from deepseek_report.artifacts.storage.files import load_table
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.findings.records import attribute_labels
from deepseek_report.metrics.fairness.fairness_rows import GroupPair

# Whether a file is the one that this run made: it is there, its hash and its subject are ours.

_TRAINING = "training/"

State = Literal["present", "failed", "stale", "altered", "absent"]
#: From the best to the worst; of several artifacts that could serve, the best decides.
STATES: tuple[State, ...] = ("present", "failed", "stale", "altered", "absent")


@dataclass(frozen=True)
class EvidenceFile:
    """A file in the run folder and its SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Integrity:
    """What was found of an artifact's files before their content was looked at."""

    state: State
    files: tuple[EvidenceFile, ...] = ()
    problems: tuple[Message, ...] = ()


def examine(
    results: Results, artifact: str, names: tuple[str, ...], subject: tuple[str, ...]
) -> Integrity:
    """Rules 2 and 3 of `_status_rules.yaml`, in their order: integrity, then freshness.

    artifact : an id of `results.paths`. names : which of its files are the evidence.
    subject : names of the digests that the artifact must share with this run.
    """
    folder = results.paths.get(artifact)
    if folder is None:
        reason = results.why_missing(artifact)
        missing = message("compliance.integrity.missing", artifact=artifact, reason=reason)
        return Integrity("absent", problems=(missing,))
    if lost := [name for name in names if not (folder / name).is_file()]:
        missing_files = message("compliance.integrity.lost", artifact=artifact, files=lost)
        return Integrity("absent", problems=(missing_files,))
    manifest, place = results.manifest, f"artifacts/{artifact}"
    if results.folder is not None and folder.is_relative_to(results.folder):
        place = folder.relative_to(results.folder).as_posix()
    files = tuple(EvidenceFile(f"{place}/{n}", sha256_file(folder / n)) for n in names)
    altered = [
        message("compliance.integrity.changed", file=f.path)
        if f.path in manifest
        else message("compliance.integrity.not_listed", file=f.path)
        for f in files
        if manifest.get(f.path) != f.sha256
    ]
    if altered:
        return Integrity("altered", files, tuple(altered))
    if stale := _subject_problems(results.provenance, artifact, subject):
        return Integrity("stale", files, tuple(stale))
    return Integrity("present", files)


def _subject_problems(
    provenance: Mapping[str, Any], artifact: str, subject: tuple[str, ...]
) -> list[Message]:
    ours: Mapping[str, str] = provenance.get("digests") or {}
    theirs = subject_of(provenance, artifact)
    problems = []
    for name in subject:
        about = {"artifact": artifact, "subject": name}
        if not ours.get(name):
            problems.append(message("compliance.integrity.no_digest", **about))
        elif theirs.get(name) != ours[name]:
            problems.append(message("compliance.integrity.other_subject", **about))
    return problems


def subject_of(provenance: Mapping[str, Any], artifact: str) -> Mapping[str, str]:
    """The digests that an artifact was made for.

    `provenance["subjects"]` records them per artifact. Where it is not kept, the manifest stands
    for it: the run wrote it for its own data and config, and for the weights that it lists.
    """
    if "subjects" in provenance:
        subject: Mapping[str, str] = provenance["subjects"].get(artifact) or {}
        return subject
    digests = dict(provenance.get("digests") or {})
    manifest: Mapping[str, str] = provenance.get("manifest") or {}
    files = {key.rpartition(_TRAINING)[2]: sha256 for key, sha256 in manifest.items()}
    weights = model_digest(files)
    return digests | {"weights": weights} if weights else digests


def dig(data: Mapping[str, object], dotted: str) -> object:
    """The value at a dotted key, or None: `dig(provenance, "digests.data")`."""
    value: object = data
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


_EMPTY: tuple[object, ...] = (None, "", [], {}, ())
_OWN_MODELS = "deepseek_report.models."
#: Fields of a model's config that name what it starts from.
_STARTS = ("checkpoint", "file", "weights")
_RUN, _ENVIRONMENT = "run.json", "environment.json"
#: The setting that forbids to record durations and times of day.
NO_TIME = "measure_time: false"


def measures_time(results: Results) -> bool:
    """Whether the run was allowed to record durations and times of day."""
    return results.config.get("measure_time", True) is not False


def record_of(results: Results) -> RunRecord:
    """`provenance.json`, or an empty record with the reason."""
    record = results.provenance.get("record")
    if isinstance(record, RunRecord):
        return record
    return RunRecord(problem=message("compliance.record.missing", file=PROVENANCE))


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
    model: Mapping[str, object] = results.config.get("model") or {}
    if not str(model.get("_target_", _OWN_MODELS)).startswith(_OWN_MODELS):
        return None
    for name in _STARTS:
        if value := model.get(name):
            path = PurePath(str(value))
            shown = path.name if path.is_absolute() else str(value)
            return message("compliance.facts.starts_from", part=name, file=shown)
    return message("compliance.facts.no_base_model")


def _timed(results: Results) -> RunRecord:
    """The record where times may be told, else an empty one."""
    return record_of(results) if measures_time(results) else RunRecord()


def _seconds(results: Results) -> list[float]:
    known = [each["seconds"] for each in results.stages if each.get("seconds") is not None]
    return known if measures_time(results) else []


def _thresholds(results: Results) -> list[Mapping[str, object]]:
    return list(results.report.get("thresholds") or [])


#: Keys that are no path into the provenance.
_DERIVED: Mapping[str, Callable[[Results], object]] = {
    "seeds": lambda results: Seeds.recorded(results.config),
    "git": lambda results: record_of(results).git,
    "log.started": lambda results: _timed(results).started,
    "log.finished": lambda results: _timed(results).finished,
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
        stages=len(results.stages),
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
    if not device:
        return None
    return message("compliance.facts.hardware", device=device, file=_ENVIRONMENT)


def _references_fact(results: Results) -> Message | None:
    """Which level each group is compared with, and whether somebody declared it."""
    pairs = results.rows("impact_ratio", "pairs", GroupPair)
    if not pairs:
        return None
    metric = (results.config.get("metrics") or {}).get("impact_ratio") or {}
    declared: Mapping[str, str] = metric.get("reference") or {}
    firsts: dict[str, str] = {}
    for pair in pairs:
        firsts.setdefault(pair.attribute, pair.reference)
    compared = [
        {
            "attributes": attribute_labels(results, attribute),
            "levels": reference.split(CROSS),
            "declared": declared.get(attribute) == reference,
        }
        for attribute, reference in firsts.items()
    ]
    return message("compliance.facts.references", pairs=compared)


def _cases_fact(results: Results) -> Message | None:
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
