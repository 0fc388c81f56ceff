"""Whether the files of a run folder are those that its manifests list.

A finished run is taken as it is where they are. Nothing that the folder names is imported, and no
result is read but `run.json`; whether the results give the documents, and who signed them, is left
to the extension `assurance`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage.plain_files import ListedPath
from deepseek_report.errors import ArtifactError
from deepseek_report.runner.planning.plan import identity_of
from deepseek_report.runner.run_folders.open_run import RecordedRun, read_listed, read_run
from deepseek_report.runner.run_folders.sealing import document_digest
from deepseek_report.store import MANIFEST
from deepseek_report.store.run_folder import (
    ARTIFACTS,
    DOCUMENTS_MANIFEST,
    RECORDS_MANIFEST,
    RUN,
    WORK_PREFIX,
    Contents,
    FileClass,
    class_of,
    differences,
    hash_files,
    listed_results,
    look_into,
    read_manifest,
    result_problems,
    run_digest,
)


@dataclass
class CheckedHashes:
    """What of a run folder is not as its manifests say.

    run : the content of `run.json`, read by its hash where results and records are as listed.
    contents : what lies in the folder. results, records, documents : what is not as the run wrote
    it, a sentence each. foreign : {what no run writes: what it is}. unlisted : files that no
    manifest lists. notes : what people changed after the report was written. listed : {result or
    record: SHA-256} of the manifests. files : number of files that were hashed. run_digest,
    document_digest : as computed from the files.
    """

    folder: Path
    run: RecordedRun
    contents: Contents
    results: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    foreign: dict[str, str] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    listed: dict[str, str] = field(default_factory=dict)
    files: int = 0
    run_digest: str = ""
    document_digest: str = ""

    @property
    def place(self) -> ListedPath:
        """The folder, whose results and records are read by the hash that they are listed with."""
        return ListedPath.of(self.folder, self.listed)

    @property
    def is_whole(self) -> bool:
        """Whether everything lies there as the run and its report wrote it."""
        return not (self.results or self.records or self.documents or self.foreign or self.notes)


def check_hashes(folder: Path) -> CheckedHashes:
    """Compare a run folder with its manifests, and these with one another.

    Raises ArtifactError: this is no run folder, or its manifest cannot be read.
    """
    contents = look_into(folder)
    checked = CheckedHashes(folder, read_run(folder, contents), contents)
    checked.foreign |= _foreign(contents)
    manifest = _manifest(folder, contents, MANIFEST)
    results = listed_results(manifest)
    checked.run_digest = run_digest(results)
    checked.results += result_problems(folder, contents, manifest)
    checked.results += agreement_problems(checked.run, results)
    _count(checked, "result", results)
    records: dict[str, str] = _manifest(folder, contents, RECORDS_MANIFEST)["files"]
    checked.records += _differences(folder, checked, "record", records)
    checked.listed = results | records
    _check_documents(folder, checked)
    if not (checked.results or checked.records):
        checked.run = read_listed(checked.place, contents)
    return checked


def agreement_problems(run: RecordedRun, listed: Mapping[str, str]) -> list[str]:
    """Where the manifest, the hashes of the artifacts in `run.json` and its stage keys differ."""
    artifacts = run.file_hashes
    stored = {name for name in listed if name.startswith(f"{ARTIFACTS}/")}
    problems = [
        f"{name}: {RUN} and {MANIFEST} do not say the same of it"
        for name in sorted(artifacts.keys() | stored)
        if artifacts.get(name) != listed.get(name)
    ]
    if run.run_id != identity_of(run):
        problems.append(f"{RUN}: the run id {run.run_id} is not the one of its stage keys")
    return problems


def _count(checked: CheckedHashes, kind: FileClass, listed: Mapping[str, str]) -> None:
    """Count the files that are listed, and name those of the class that are not."""
    checked.files += len(listed)
    checked.unlisted += sorted(set(checked.contents.of_class(kind)) - set(listed))


def _differences(
    folder: Path, checked: CheckedHashes, kind: FileClass, listed: Mapping[str, str]
) -> list[str]:
    """How the files of a class differ from those listed, which are counted."""
    _count(checked, kind, listed)
    return differences(folder, checked.contents, kind, listed)


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


def _check_documents(folder: Path, checked: CheckedHashes) -> None:
    record = _manifest(folder, checked.contents, DOCUMENTS_MANIFEST)
    listed: dict[str, str] = record["files"]
    checked.documents += _differences(folder, checked, "document", listed)
    people = record.get("people")
    people = people if isinstance(people, dict) else {}
    if record.get("run_digest") != checked.run_digest:
        checked.documents.append(
            f"{DOCUMENTS_MANIFEST}: the documents belong to another run digest"
        )
    checked.document_digest = document_digest(checked.run_digest, listed, people)
    if record.get("document_digest") != checked.document_digest:
        checked.documents.append(f"{DOCUMENTS_MANIFEST} was changed: its digest is not its own")
    checked.unlisted += sorted(set(checked.contents.of_class("people")) - set(people))
    checked.notes += [
        f"{text}; render again to have it in the report"
        for text in _people_notes(folder, checked.contents, people)
    ]


def _people_notes(folder: Path, contents: Contents, known: Mapping[str, object]) -> Iterator[str]:
    present = hash_files(folder, contents.of_class("people"))
    for name in sorted(present.keys() | known.keys()):
        if present.get(name) != known.get(name):
            became = "changed" if name in known else "added"
            became = became if name in present else "removed"
            yield f"{name} was {became} by people after the report was written"
