"""A run folder: which class each file belongs to, and what its manifests say of it.

*Results* (`run.json`, `config.yaml`, `scores.parquet`, `artifacts/`) never change, and are the same
whenever and wherever the same is run; `manifest.json` lists them, and the digest of that list is
the run digest. *Records* (`provenance.json`, `environment.json`, `tensorboard/`, `records/`,
`times.json` of an artifact) hold when, where, how fast and in how much memory it was run;
`records.json` lists them. *Documents* (the report and what was made from the results and records)
are rebuilt by `render`; `documents.json` lists them and is bound to the run digest. *People's
files* (`people/`, `notes/`, edited copies) may change at any time. *Signatures* (`signatures/`) are
over all of these.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.formats import check_format, head_of
from deepseek_report.errors import ArtifactError
from deepseek_report.store.folders import MANIFEST, compare
from deepseek_report.store.stage_folders import digest

RUN = "run.json"
CONFIG = "config.yaml"
SCORES = "scores.parquet"
ARTIFACTS = "artifacts"
#: Where artifacts lie that measure time or memory.
RECORDS = "records"
ENVIRONMENT = "environment.json"
EVENTS = "tensorboard"
RECORDS_MANIFEST = "records.json"
DOCUMENTS_MANIFEST = "documents.json"
SOURCE = "report.qmd"
#: Where a render works until its documents are whole.
WORK_PREFIX = ".rendering-"


FileClass = Literal["result", "record", "document", "people", "signature", "manifest"]

_CLASSES: tuple[tuple[FileClass, re.Pattern[str]], ...] = (
    ("manifest", re.compile(r"(manifest|records|documents)\.json")),
    (
        "record",
        re.compile(
            r"(provenance|environment)\.json|(tensorboard|records)/.+|artifacts/(.+/)?times\.json"
        ),
    ),
    ("result", re.compile(r"run\.json|config\.yaml|scores\.parquet|artifacts/.+")),
    (
        "people",
        re.compile(
            r"people/([^/]+\.ya?ml|attachments/[^/]+)|notes/[^/]+\.qmd|[^/]+\.edited(-\d+)?"
        ),
    ),
    ("signature", re.compile(r"signatures/[^/]+\.dsse\.json")),
    (
        "document",
        re.compile(
            r"report\.(html|pdf|docx|qmd|css)|brief\.(qmd|pdf)|citation\.bib"
            r"|(figures|tables|quarto)/.+|(evidence|findings)\.json"
            r"|decide\.html|decisions\.yaml"
        ),
    ),
)


def class_of(name: str) -> FileClass | None:
    """The class of a file by its path in the run folder; None for one that no run writes."""
    return next((kind for kind, names in _CLASSES if names.fullmatch(name)), None)


@dataclass(frozen=True)
class Contents:
    """What lies in a folder: plain files by relative path, sorted, and all that is none.

    strange : links, devices, pipes, and folders deeper than a run writes any (these end in `/`);
    none of them is ever opened.
    """

    files: tuple[str, ...]
    strange: tuple[str, ...]

    def of_class(self, kind: FileClass) -> tuple[str, ...]:
        return tuple(name for name in self.files if class_of(name) == kind)


def look_into(folder: Path) -> Contents:
    """List all files of a folder, hidden ones too, without following a link or opening a file.

    Raises ArtifactError: it is no folder, or cannot be read.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: not a folder. Name the folder of a run")
    files: list[str] = []
    strange: list[str] = []
    try:
        for entry in plain_files.walk(folder, deep="told"):
            (files if entry.kind == "file" else strange).append(entry.name)
    except OSError as error:
        raise ArtifactError(f"{error.filename}: cannot be read ({error.strerror})") from None
    return Contents(tuple(sorted(files)), tuple(sorted(strange)))


def beside(run: Path, *parts: str) -> Path:
    """A place beside the experiments of a run folder, such as its store, which nobody named.

    Raises ArtifactError: a part of it is a link, since who made the run folder may have made it
    too.
    """
    home = run.absolute().parent.parent
    place = home.joinpath(*parts)
    plain_files.refuse_links_on_way(home, place)
    return place


def refuse_links(folder: Path, contents: Contents) -> None:
    """Raise ArtifactError if anything but plain files and folders lies in a run folder."""
    if contents.strange:
        raise ArtifactError(
            f"{folder}: {', '.join(contents.strange[:5])}: a link or a device, or a folder too "
            "deep. A run folder holds plain files alone; remove it, or take the folder from its "
            "source again"
        )


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest whose `files` are {relative path: SHA-256}.

    Raises ArtifactError: it is missing, is no JSON, is no manifest, or is of another format.
    """
    content = load_json(path)
    check_format(path, content)
    files = content.get("files")
    if not isinstance(files, dict) or not all(_is_entry(*entry) for entry in files.items()):
        raise ArtifactError(f"{path}: not a manifest: it lists no files with their SHA-256")
    return dict(content)


def _is_entry(name: str, sha256: object) -> bool:
    plain = not name.startswith("/") and ".." not in name.split("/") and "\\" not in name
    return plain and plain_files.is_sha256(sha256)


def readable_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest, or None where it is missing or cannot be read."""
    try:
        return read_manifest(path)
    except ArtifactError:
        return None


def hash_files(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """{name: SHA-256} of plain files of a folder; what people write there is bounded."""
    return {
        name: plain_files.sha256_file(
            folder / name,
            plain_files.MOST_OF_PEOPLE if name.startswith(("people/", "notes/")) else 0,
        )
        for name in names
    }


def run_digest(files: Mapping[str, str]) -> str:
    """The digest of the results: SHA-256 of the list of their hashes."""
    return digest({"deepseek-report/run": dict(files)})


def seal_results(folder: Path) -> str:
    """Write `manifest.json` for the results and `records.json` for the records.

    Returns the run digest.
    """
    contents = look_into(folder)
    results = hash_files(folder, contents.of_class("result"))
    sealed = run_digest(results)
    manifest = {**head_of("manifest"), "run_digest": sealed, "files": results}
    save_json(folder / MANIFEST, manifest)
    records = hash_files(folder, contents.of_class("record"))
    save_json(folder / RECORDS_MANIFEST, {**head_of("records"), "files": records})
    return sealed


def listed_results(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The results that a manifest lists."""
    return {name: sha for name, sha in manifest["files"].items() if class_of(name) == "result"}


def result_problems(folder: Path, contents: Contents, manifest: Mapping[str, object]) -> list[str]:
    """How the results differ from their manifest: changed, missing, added; one sentence each."""
    listed = listed_results(manifest)
    problems = differences(folder, contents, "result", listed)
    if manifest.get("run_digest") != run_digest(listed):
        problems.append(f"{MANIFEST} was changed: its run digest is not that of its own list")
    return problems


def differences(
    folder: Path, contents: Contents, kind: FileClass, listed: Mapping[str, str]
) -> list[str]:
    """How the files of a class differ from those listed; opens no link and no unlisted file."""
    present = contents.of_class(kind)
    gone = [f"{name} is missing" for name in sorted(set(listed) - set(present))]
    changed = compare(folder, {name: listed[name] for name in present if name in listed})
    added = [name for name in present if name not in listed]
    return gone + changed + [f"{name} is not in the manifest; it was added later" for name in added]


def keep_edited(folder: Path, name: str, target: Path) -> str:
    """Copy an edited file of `folder` to `target`, under a name that nothing else has.

    Returns the new name, such as `report.qmd.edited`; one that already holds the same bytes is
    taken.
    """
    content = plain_files.read_bytes(folder / name)
    number = 1
    while True:
        kept = f"{name}.edited" + (f"-{number}" if number > 1 else "")
        path = target / kept
        if not os.path.lexists(path):
            plain_files.write_bytes(path, content)
            return kept
        if plain_files.is_file(path) and plain_files.read_bytes(path) == content:
            return kept
        number += 1


def carry_over(old: Path, new: Path) -> list[str]:
    """Copy what people wrote in an older copy of a run folder into its successor.

    People's files and signatures are copied as they are; an edited `report.qmd` or `config.yaml`
    gets the ending `.edited`.

    Returns names of the edited files in the new folder.
    """
    if not old.is_dir():
        return []
    contents = look_into(old)
    for name in (*contents.of_class("people"), *contents.of_class("signature")):
        plain_files.copy_file(old / name, new / name)
    kept = []
    for name, manifest in ((SOURCE, DOCUMENTS_MANIFEST), (CONFIG, MANIFEST)):
        known = readable_manifest(old / manifest)
        if (
            name in contents.files
            and known
            and known["files"].get(name) != plain_files.sha256_file(old / name)
        ):
            kept.append(keep_edited(old, name, new))
    return kept
