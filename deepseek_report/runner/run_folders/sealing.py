"""Puts the documents of a run in place and binds them to its results."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.formats import head_of
from deepseek_report.artifacts.storage.local_paths import shipped, without_local_paths
from deepseek_report.artifacts.storage.plain_files import make_folder, move, remove, sha256_file
from deepseek_report.compliance.statements import parse_date
from deepseek_report.extension import beside_config_module, installed
from deepseek_report.findings.conclude import conclude
from deepseek_report.provenance import PACKAGE, code_of, version_of
from deepseek_report.runner.planning.plan import CONCLUSIONS
from deepseek_report.runner.run_folders.open_run import OpenRun
from deepseek_report.runner.run_folders.section_plugins import UntrustedPartError, load_picture
from deepseek_report.store import MANIFEST, digest
from deepseek_report.store.run_folder import (
    DOCUMENTS_MANIFEST,
    RUN,
    SOURCE,
    hash_files,
    keep_edited,
    look_into,
    readable_manifest,
)
from deepseek_report.wording.of_results import in_words
from deepseek_report.wording.words import DEFAULT_LANGUAGE

#: The module whose code, with all that it reaches, decides what documents say.
_WRITING = f"{PACKAGE}.runner.run_folders.writing"
#: Libraries that put results into words, pages and pictures, by the names of their imports.
_WRITERS = ("babel", "jinja2", "matplotlib", "numpy", "pandas", "pypandoc", "typst")


def publish(
    work: Path, opened: OpenRun, engine: str, notices: Sequence[str] = ()
) -> tuple[list[str], str]:
    """Put the finished documents in place and list them; keep an edited `report.qmd`.

    engine : that made their pages. notices : what their pages lack, in sentences.
    """
    folder = opened.folder
    kept = _keep_edited_source(work, opened)
    old = look_into(folder)
    remove(folder / DOCUMENTS_MANIFEST)
    made = look_into(work).of_class("document")
    stored = set(old.files)
    for name in made:
        if name in stored and sha256_file(folder / name) == sha256_file(work / name):
            continue  # replacing a file waits for the disk
        make_folder((folder / name).parent, below=folder)
        move(work / name, folder / name)
    for name in set(old.of_class("document")) - set(made):
        remove(folder / name)
    written = Writing(opened.language, engine, opened.day, tuple(notices))
    return kept, seal_documents(folder, opened.run_digest, written)


def _keep_edited_source(work: Path, opened: OpenRun) -> list[str]:
    """A `report.qmd` that is not the one that was written is somebody's work."""
    folder = opened.folder
    if SOURCE not in opened.contents.files:
        return []
    current = sha256_file(folder / SOURCE)
    if current == sha256_file(work / SOURCE):
        return []
    known = (readable_manifest(folder / name) for name in (DOCUMENTS_MANIFEST, MANIFEST))
    if any(manifest is not None and manifest["files"].get(SOURCE) == current for manifest in known):
        return []
    return [keep_edited(folder, SOURCE, folder)]


@dataclass(frozen=True)
class Writing:
    """How documents were written.

    language : of the documents, where it is not that of the run's config. engine : of their pages.
    day : on which they were written, which decides what of people's decisions is still valid; kept
    where people wrote something. notices : what their pages lack, in sentences, such as a standard
    that a PDF does not keep to.
    """

    language: str = ""
    engine: str = "embedded"
    day: dt.date | None = None
    notices: tuple[str, ...] = ()


def seal_documents(folder: Path, run_digest: str, written: Writing | None = None) -> str:
    """Write `documents.json`: every document and what people wrote, bound to the run digest.

    It holds what `verify` needs to make them again, and the hash of all that writes, so that a
    later run knows whether they are current.

    Returns the document digest.
    """
    written = written or Writing()
    contents = look_into(folder)
    documents = hash_files(folder, contents.of_class("document"))
    people = hash_files(folder, contents.of_class("people"))
    sealed = document_digest(run_digest, documents, people)
    config = load_json(folder / RUN)["config"]
    record = {
        **head_of("documents"),
        "run_digest": run_digest,
        "document_digest": sealed,
        "writing": writing_key(config, written.language),
        "language": written.language or language_of(config),
        "engine": written.engine,
        "libraries": writing_libraries(),
        "files": documents,
        "people": people,
        **({"day": written.day.isoformat()} if written.day and people else {}),
        **({"notices": list(written.notices)} if written.notices else {}),
    }
    save_json(folder / DOCUMENTS_MANIFEST, record)
    return sealed


def document_digest(
    run_digest: str, documents: Mapping[str, str], people: Mapping[str, str]
) -> str:
    """SHA-256 of the run digest and the hashes of the documents and of people's files."""
    parts = {"run": run_digest, "documents": dict(documents), "people": dict(people)}
    return digest({"deepseek-report/documents": parts})


def written_day(folder: Path) -> dt.date | None:
    """The day on which the documents of a run were written; None where none is recorded."""
    day = (readable_manifest(folder / DOCUMENTS_MANIFEST) or {}).get("day")
    return parse_date(day) if isinstance(day, str) else None


def writing_key(config: Mapping[str, Any], language: str = "") -> str:
    """Hash of all that turns results into text: templates, sections, findings, renderer.

    config : the run's. The code of its sections counts, those of other packages included, and what
    reads files beside it.
    language : of the documents, where it is not that of the config.
    """
    language = language or language_of(config)
    further = filter(None, (beside_config_module(), *section_modules(config)))
    code = {name: code_of(name) for name in [_WRITING, *further]}
    return digest([_templates_key(), code, language])


def section_modules(config: Mapping[str, Any]) -> list[str]:
    """The modules that the sections of a config come from."""
    targets = (str(entry.get("_target_", "")) for entry in config["sections"].values())
    return sorted({target.rpartition(".")[0] for target in targets} - {""})


def language_of(config: Mapping[str, Any]) -> str:
    """The language that the config of a run asks for."""
    return str((config.get("report") or {}).get("language") or DEFAULT_LANGUAGE)


def writing_libraries() -> dict[str, str]:
    """{library: its version here} of those that turn results into documents."""
    return {name: version_of(name) for name in _WRITERS}


@cache
def _templates_key() -> str:
    brought = [each.folder / name for each in installed() for name in ("locale", "templates")]
    folders = [shipped("templates"), *brought]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return digest(
        {
            path.name + str(index): hashlib.sha256(path.read_bytes()).hexdigest()
            for index, path in enumerate(files)
        }
    )


# Concludes and draws again, from the stored results of a finished run, in another language.


def drawn_again(results: Results, folder: Path, trust: Sequence[str] = ()) -> Results:
    """The results with conclusions and pictures in the language of their config, in `folder`.

    A picture whose code is not trusted here stays as it was stored. One that cannot be drawn is
    shown with the reason, as in a run.
    """
    entries: Mapping[str, Mapping[str, object]] = results.config["visualizations"]
    if results.has(CONCLUSIONS):
        conclude(results).save(folder / CONCLUSIONS)
        results = dataclasses.replace(
            results, paths={**results.paths, CONCLUSIONS: folder / CONCLUSIONS}
        )
    paths, failures = dict(results.paths), dict[str, str]()
    shown = in_words(results)
    for name in results.names("pictures"):
        artifact = ArtifactId.picture(name)
        try:
            plugin = load_picture(entries[name], trust)
            make_folder(folder / name)
            for picture in plugin.draw(shown):
                picture.declared(plugin.section or "", plugin.needs).save(folder / name)
        except UntrustedPartError:
            continue
        except Exception as error:  # one picture must not take the others with it
            failures[artifact] = without_local_paths(f"{type(error).__name__}: {error}")
        paths[artifact] = folder / name
    return dataclasses.replace(results, paths=paths).with_failures(failures)
