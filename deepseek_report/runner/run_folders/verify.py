"""Whether a run folder agrees with itself, and with a digest that was handed on apart from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.score import WORDED, Measurement
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.files import load_table
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.runner.planning.plan import identity_of
from deepseek_report.runner.run_folders.open_run import read_run
from deepseek_report.runner.run_folders.sealing import document_digest
from deepseek_report.store import MANIFEST
from deepseek_report.store.run_folder import (
    ARTIFACTS,
    CONFIG,
    DOCUMENTS_MANIFEST,
    RECORDS_MANIFEST,
    RUN,
    SCORES,
    WORK_PREFIX,
    Contents,
    FileClass,
    class_of,
    differences,
    hash_files,
    listed_results,
    look_into,
    read_manifest,
    readable_manifest,
    result_problems,
    run_digest,
)
from deepseek_report.wording.of_results import score_table

#: What is true of a folder that `verify` is content with, and what is not.
PROVES = (
    "Proved: every file is the one that the manifests list, the manifests agree with run.json, its "
    "artifacts and its stage keys, and nothing was added."
)
PROVES_NOT = (
    "Not proved: who made the run, or that nobody made the whole folder anew. For that, compare "
    "the run digest with one that reached you by another way: --expect DIGEST."
)
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


@dataclass
class Verified:
    """What was found.

    problems : what is not as the run wrote it, a sentence each. notes : what a reader should know.
    files : number of files that were hashed. run_digest, document_digest : as computed from the
    files; "" where there is nothing to compute them from.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0
    run_digest: str = ""
    document_digest: str = ""


def verify(folder: Path, expect: str = "", *, recompute: bool = True) -> Verified:
    """Compare a run folder with its manifests, and these with one another.

    Parameters
    ----------
    expect : a run or document digest that reached the person apart from the folder.
    recompute : whether `config.yaml` and `scores.parquet` are compared with what they repeat.

    Raises
    ------
    ArtifactError : this is no run folder, or its manifest cannot be read.
    ConfigError : `expect` is no digest.
    """
    expected = expected_digest(expect)
    contents = look_into(folder)
    verified = Verified([f"{name} is a link or a device" for name in contents.strange])
    run = read_run(folder, contents)
    manifest = _manifest(folder, contents, MANIFEST)
    listed = listed_results(manifest)
    verified.run_digest = run_digest(listed)
    verified.problems += result_problems(folder, contents, manifest)
    verified.problems += agreement_problems(run, listed)
    if recompute and not verified.problems:
        verified.problems += content_problems(folder, run)
    verified.files = len(listed)
    if manifest.get("format_version") == 1:
        _verify_first_format(folder, contents, manifest, verified)
    else:
        _verify_records(folder, contents, verified)
        _verify_documents(folder, contents, verified)
    verified.problems += [f"{name} is no file of a run" for name in _unknown(contents)]
    _expect(verified, expected)
    return verified


def expected_digest(text: str) -> str:
    """The 64 hexadecimal digits of a digest, or "" for none; ConfigError for anything else."""
    if not text:
        return ""
    if (match := _DIGEST.fullmatch(text.strip().lower())) is None:
        raise ConfigError(
            f"--expect {text}: not a digest; give all 64 hexadecimal digits that the run printed, "
            "with or without sha256: before them"
        )
    return match[1]


def _manifest(folder: Path, contents: Contents, name: str) -> dict[str, Any]:
    if name not in contents.files:
        raise ArtifactError(f"{folder}: there is no {name}; the run was not finished")
    return read_manifest(folder / name)


def _unknown(contents: Contents) -> Iterator[str]:
    for name in contents.files:
        if class_of(name) is None and not name.startswith(WORK_PREFIX):
            yield name


def agreement_problems(run: Mapping[str, Any], listed: Mapping[str, str]) -> list[str]:
    """Where the manifest, the hashes of the artifacts in `run.json` and its stage keys differ."""
    artifacts = {
        f"{entry['path']}/{name}": sha256
        for entry in run["artifacts"].values()
        for name, sha256 in entry["files"].items()
    }
    problems = [
        f"{name}: {RUN} and {MANIFEST} do not say the same of it"
        for name in sorted(artifacts.keys() | {file for file in listed if _is_artifact(file)})
        if artifacts.get(name) != listed.get(name)
    ]
    if run["format_version"] > 1 and run["run_id"] != identity_of(run):
        problems.append(f"{RUN}: the run id {run['run_id']} is not the one of its stage keys")
    return problems


def _is_artifact(name: str) -> bool:
    return name.startswith(f"{ARTIFACTS}/")


def content_problems(folder: Path, run: Mapping[str, Any]) -> list[str]:
    """Where files that say the same thing twice differ: the config, and the table of scores."""
    problems = []
    if _config(folder) != run["config"]:
        problems.append(f"{CONFIG}: it is not the config in {RUN}")
    measured = [
        score
        for name, entry in run["artifacts"].items()
        if ArtifactId(name).kind == "measures"
        for score in Measurement.load(folder / entry["path"]).scores
    ]
    if not _unworded(score_table(measured)).equals(_unworded(load_table(folder / SCORES))):
        problems.append(f"{SCORES}: it does not hold the scores of the artifacts")
    return problems


def _unworded(scores: pd.DataFrame) -> pd.DataFrame:
    """The table without its sentences, which another version may word in other words."""
    return scores.drop(columns=list(WORDED), errors="ignore")


def _config(folder: Path) -> Any:
    import yaml

    try:
        return bounded_yaml.load(folder / CONFIG)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{folder / CONFIG}: cannot be read ({error})") from None


def _verify_first_format(
    folder: Path, contents: Contents, manifest: Mapping[str, Any], verified: Verified
) -> None:
    """Format 1 has one manifest, which lists documents until these are rendered again."""
    verified.notes.append("an older version wrote this folder; its records of time are not covered")
    if readable_manifest(folder / DOCUMENTS_MANIFEST) is not None:
        _verify_documents(folder, contents, verified)
        return
    listed = {name: sha for name, sha in manifest["files"].items() if class_of(name) == "document"}
    verified.problems += differences(folder, contents, "document", listed)
    verified.files += len(listed)


def _verify_records(folder: Path, contents: Contents, verified: Verified) -> None:
    listed: dict[str, str] = _manifest(folder, contents, RECORDS_MANIFEST)["files"]
    verified.problems += differences(folder, contents, "record", listed)
    verified.files += len(listed)


def _verify_documents(folder: Path, contents: Contents, verified: Verified) -> None:
    record = _manifest(folder, contents, DOCUMENTS_MANIFEST)
    listed: dict[str, str] = record["files"]
    verified.problems += differences(folder, contents, "document", listed)
    verified.files += len(listed)
    people = record.get("people")
    people = people if isinstance(people, dict) else {}
    if record.get("run_digest") != verified.run_digest:
        verified.problems.append(
            f"{DOCUMENTS_MANIFEST}: the documents belong to another run digest"
        )
    verified.document_digest = document_digest(verified.run_digest, listed, people)
    if record.get("document_digest") != verified.document_digest:
        verified.problems.append(f"{DOCUMENTS_MANIFEST} was changed: its digest is not its own")
    verified.notes += [
        f"{text}; render again to have it in the report"
        for text in _people_notes(folder, contents, people)
    ]


def _people_notes(folder: Path, contents: Contents, known: Mapping[str, Any]) -> Iterator[str]:
    kind: FileClass = "people"
    present = hash_files(folder, contents.of_class(kind))
    for name in sorted(present.keys() | known.keys()):
        if name not in known:
            yield f"{name} was added by people after the report was written"
        elif name not in present:
            yield f"{name} was removed by people after the report was written"
        elif present[name] != known[name]:
            yield f"{name} was changed by people after the report was written"


def _expect(verified: Verified, expected: str) -> None:
    if not expected or expected == verified.run_digest:
        return
    if expected == verified.document_digest:
        return
    theirs = f"the run digest is {verified.run_digest or 'missing'}"
    if verified.document_digest:
        theirs += f", the document digest {verified.document_digest}"
    verified.problems.append(f"the digest that you expect is not that of this folder: {theirs}")
