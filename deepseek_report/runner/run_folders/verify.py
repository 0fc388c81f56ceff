"""Whether a run folder agrees with itself, and with a digest that was handed on apart from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.score import WORDED, Measurement
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.files import load_table
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.runner.planning.plan import identity_of
from deepseek_report.runner.run_folders.open_run import OpenRun, read_run
from deepseek_report.runner.run_folders.remaking import Remade, remade
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

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
#: The digest that a person gave is that of the results, of the documents, of neither; or none is.
Expected = Literal["run digest", "document digest", "neither", ""]


@dataclass
class Verified:
    """What was found, by what it is about.

    results, records, documents : what is not as the run wrote it, a sentence each.
    foreign : {what no run writes: what it is}. unlisted : files that no manifest lists.
    people : files that people wrote.
    unread : what of the results could not be read, and so was compared with nothing.
    remade : the documents made again from the results; None where nobody tried.
    notes : what a reader should know. files : number of files that were hashed.
    run_digest, document_digest : as computed from the files; "" where there is nothing to compute
    them from.
    """

    results: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    foreign: dict[str, str] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)
    people: Sequence[str] = ()
    unread: list[str] = field(default_factory=list)
    remade: Remade | None = None
    notes: list[str] = field(default_factory=list)
    files: int = 0
    run_digest: str = ""
    document_digest: str = ""
    expected: Expected = ""

    @property
    def problems(self) -> list[str]:
        """All that is not as the run wrote it, a sentence each."""
        foreign = [f"{name} is {what}" for name, what in self.foreign.items()]
        return [*self.results, *self.records, *self.documents, *foreign]

    @property
    def has_sound_results(self) -> bool:
        """Whether the results agree with one another, and with the digest that a person gave."""
        return not self.results and not self.unread and self.expected != "neither"

    @property
    def has_proved_documents(self) -> bool:
        """Whether the documents are those that the results give, or those of a given digest."""
        if self.documents or not self.has_sound_results:
            return False
        if self.expected == "document digest":
            return True
        return self.remade is not None and not self.remade.different

    @property
    def exit_code(self) -> int:
        """0: nothing is wrong and all was compared; 1: something is wrong; 3: not all is proved."""
        if self.problems or not self.has_sound_results:
            return 1
        return 0 if self.has_proved_documents else 3


def verify(
    folder: Path, expect: str = "", *, recompute: bool = True, trust: Sequence[str] = ()
) -> Verified:
    """Compare a run folder with its manifests, and these with one another.

    Parameters
    ----------
    expect : a run or document digest that reached the person apart from the folder.
    recompute : whether `config.yaml` and `scores.parquet` are compared with what they repeat, and
        the documents with those that the results give.
    trust : packages whose sections may be loaded to write the documents again.

    Raises
    ------
    ArtifactError : this is no run folder, or its manifest cannot be read.
    ConfigError : `expect` is no digest.
    """
    expected = expected_digest(expect)
    contents = look_into(folder)
    verified = Verified(people=contents.of_class("people"))
    verified.foreign |= _foreign(contents)
    run = read_run(folder, contents)
    manifest = _manifest(folder, contents, MANIFEST)
    listed = listed_results(manifest)
    verified.run_digest = run_digest(listed)
    verified.results += result_problems(folder, contents, manifest)
    verified.results += agreement_problems(run, listed)
    _count(contents, "result", listed, verified)
    if manifest.get("format_version") == 1:
        _verify_first_format(folder, contents, manifest, verified)
    else:
        _verify_records(folder, contents, verified)
        _verify_documents(folder, contents, verified)
    if recompute and not verified.results:
        _compare_contents(folder, run, verified)
    verified.expected = _expectation(verified, expected)
    vouched = verified.expected == "document digest"
    if recompute and verified.has_sound_results and not (vouched or contents.strange):
        _make_again(OpenRun(folder, run, contents, verified.run_digest), verified, trust)
    return verified


def _count(
    contents: Contents, kind: FileClass, listed: Mapping[str, str], verified: Verified
) -> None:
    """Count the files that are listed, and name those of the class that are not."""
    verified.files += len(listed)
    verified.unlisted += sorted(set(contents.of_class(kind)) - set(listed))


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


def _foreign(contents: Contents) -> dict[str, str]:
    """{what lies there and no run writes: what it is}."""
    foreign = {name: "no file of a run" for name in contents.files if class_of(name) is None}
    for name in foreign:
        if name.startswith(WORK_PREFIX):
            foreign[name] += ": a render that was killed left it, or somebody added it"
    deep, link = "a folder so deep that it was not looked into", "a link or a device"
    return foreign | {name: deep if name.endswith("/") else link for name in contents.strange}


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


def _compare_contents(folder: Path, run: Mapping[str, Any], verified: Verified) -> None:
    """Compare what says the same thing twice: the config, and the table of scores."""
    comparisons: tuple[tuple[str, str, Callable[[], bool]], ...] = (
        (CONFIG, f"it is not the config in {RUN}", lambda: _config(folder) == run["config"]),
        (SCORES, "it does not hold the scores of the artifacts", lambda: _same_scores(folder, run)),
    )
    for name, problem, agrees in comparisons:
        try:
            if not agrees():
                verified.results.append(f"{name}: {problem}")
        except Exception as error:  # whatever it is: they were not compared
            cause = str(error) if isinstance(error, ArtifactError) else _told(error)
            verified.unread.append(f"{name} could not be compared: {cause}")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _same_scores(folder: Path, run: Mapping[str, Any]) -> bool:
    measured = [
        score
        for name, entry in run["artifacts"].items()
        if ArtifactId(name).kind == "measures"
        for score in Measurement.load(folder / entry["path"]).scores
    ]
    return bool(_unworded(score_table(measured)).equals(_unworded(load_table(folder / SCORES))))


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
    verified.documents += differences(folder, contents, "document", listed)
    _count(contents, "document", listed, verified)


def _verify_records(folder: Path, contents: Contents, verified: Verified) -> None:
    listed: dict[str, str] = _manifest(folder, contents, RECORDS_MANIFEST)["files"]
    verified.records += differences(folder, contents, "record", listed)
    _count(contents, "record", listed, verified)


def _verify_documents(folder: Path, contents: Contents, verified: Verified) -> None:
    record = _manifest(folder, contents, DOCUMENTS_MANIFEST)
    listed: dict[str, str] = record["files"]
    verified.documents += differences(folder, contents, "document", listed)
    _count(contents, "document", listed, verified)
    people = record.get("people")
    people = people if isinstance(people, dict) else {}
    if record.get("run_digest") != verified.run_digest:
        verified.documents.append(
            f"{DOCUMENTS_MANIFEST}: the documents belong to another run digest"
        )
    verified.document_digest = document_digest(verified.run_digest, listed, people)
    if record.get("document_digest") != verified.document_digest:
        verified.documents.append(f"{DOCUMENTS_MANIFEST} was changed: its digest is not its own")
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


def _make_again(opened: OpenRun, verified: Verified, trust: Sequence[str]) -> None:
    """Make the documents again; one that is not what the results give, without a reason, is wrong.

    Where people changed their words afterwards, the documents hold the earlier ones.
    """
    record = readable_manifest(opened.folder / DOCUMENTS_MANIFEST) or {}
    made = remade(opened, record, trust)
    if verified.notes:
        reason = "people's words, or the format, are not those that it was written with"
        made = replace(made, reasons=[*made.reasons, reason])
    verified.remade = made
    if made.reasons:
        return
    known = {problem.split(" ", 1)[0] for problem in verified.documents}
    verified.documents += [
        f"{name} is not what the results give: made again here, it has other bytes"
        for name in made.different
        if name not in known
    ]


def _expectation(verified: Verified, expected: str) -> Expected:
    if not expected:
        return ""
    if expected == verified.run_digest:
        return "run digest"
    if expected == verified.document_digest:
        return "document digest"
    theirs = f"the run digest is {verified.run_digest or 'missing'}"
    if verified.document_digest:
        theirs += f", the document digest {verified.document_digest}"
    verified.results.append(f"the digest that you expect is not that of this folder: {theirs}")
    return "neither"
