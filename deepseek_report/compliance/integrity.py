"""Whether a file is the one that this run made: it is there, its hash and its subject are ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.artifacts.training_files import model_digest

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

    Parameters
    ----------
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
    manifest: Mapping[str, str] = results.provenance.get("manifest") or {}
    files = tuple(
        EvidenceFile(_in_run(folder / name, artifact, results.folder), sha256_file(folder / name))
        for name in names
    )
    if altered := [mismatch for file in files if (mismatch := _mismatch(file, manifest))]:
        return Integrity("altered", files, tuple(altered))
    if stale := _subject_problems(results.provenance, artifact, subject):
        return Integrity("stale", files, tuple(stale))
    return Integrity("present", files)


def _in_run(path: Path, artifact: str, run: Path | None) -> str:
    """The path of a file inside the run folder, however that folder is spelled."""
    if run is None or not path.is_relative_to(run):
        return f"artifacts/{artifact}/{path.name}"
    return path.relative_to(run).as_posix()


def _mismatch(file: EvidenceFile, manifest: Mapping[str, str]) -> Message | None:
    expected = manifest.get(file.path)
    if expected is None:
        return message("compliance.integrity.not_listed", file=file.path)
    if expected != file.sha256:
        return message("compliance.integrity.changed", file=file.path)
    return None


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


def dig(data: Mapping[str, Any], dotted: str) -> Any:
    """The value at a dotted key, or None: `dig(provenance, "digests.data")`."""
    value: Any = data
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
