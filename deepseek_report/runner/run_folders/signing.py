"""Signatures over a run folder: every file, and decisions, by the key of a person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import read_bytes, write_bytes
from deepseek_report.compliance.people import read_people
from deepseek_report.compliance.statements import PEOPLE
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.provenance.signatures import (
    DECISION_PREDICATE,
    RUN_PREDICATE,
    KnownKey,
    OpenedEnvelope,
    SigningKey,
    open_envelope,
    sealed_envelope,
    statement,
)
from deepseek_report.runner.run_folders.open_run import OpenRun, open_run
from deepseek_report.runner.run_folders.writing import WriteOptions, write_report
from deepseek_report.store.run_folder import (
    DOCUMENTS_MANIFEST,
    Contents,
    class_of,
    hash_files,
    readable_manifest,
)

SIGNATURES = "signatures"
_ENDING = ".dsse.json"
_MOST_FILES = 1_000
_MOST_BYTES = 2**27


def sign_run(folder: Path, key: SigningKey, decision: Path | None = None) -> Path:
    """Sign every file of a run folder; with a file of decisions, these too.

    decision : a file of people, in `people/` of the folder or elsewhere. One from elsewhere is
        added first, and the documents are written again, so that they show it.

    Returns the signature's file.

    Raises ArtifactError: the results are not those that the run wrote.
    Raises PeopleProblems, ConfigError: the file of decisions cannot be used, or has none.
    """
    if decision is not None:
        decision = _added(folder, decision)
    opened = open_run(folder)
    files = _signed_files(opened.folder, opened.contents)
    content = _content(opened)
    predicate = RUN_PREDICATE
    if decision is not None:
        predicate = DECISION_PREDICATE
        content |= {"file": f"{PEOPLE}/{decision.name}", "decisions": _decisions(opened, decision)}
    payload = statement(files, predicate, content)
    mark = hashlib.sha256(payload).hexdigest()[:16]
    path = folder / SIGNATURES / f"{key.known.id[:8]}-{mark}{_ENDING}"
    write_bytes(path, sealed_envelope(payload, key))
    return path


def _content(opened: OpenRun) -> dict[str, object]:
    documents = readable_manifest(opened.folder / DOCUMENTS_MANIFEST) or {}
    return {
        "run_id": str(opened.run.run_id),
        "run_digest": opened.run_digest,
        "document_digest": str(documents.get("document_digest") or ""),
    }


def _added(folder: Path, decision: Path) -> Path:
    """The file of decisions as it lies in the run folder, with documents that show it."""
    inside = folder / PEOPLE / decision.name
    if decision.resolve() != inside.resolve():
        write_report(folder, WriteOptions(people=[decision]))
    elif not _is_shown(folder, inside):
        write_report(folder, WriteOptions(people=[]))
    return inside


def _is_shown(folder: Path, file: Path) -> bool:
    """Whether the documents were written with this file as it is now."""
    people = (readable_manifest(folder / DOCUMENTS_MANIFEST) or {}).get("people")
    known = people.get(f"{PEOPLE}/{file.name}") if isinstance(people, dict) else None
    return (
        known is not None and known == hash_files(folder, (f"{PEOPLE}/{file.name}",)).popitem()[1]
    )


def _decisions(opened: OpenRun, decision: Path) -> list[dict[str, object]]:
    """The decisions that a file holds, each with its digest."""
    human = read_people(opened.results)
    file = f"{PEOPLE}/{decision.name}"
    wrong = [str(p.in_english()) for p in human.problems if p.where.startswith(f"{file}:")]
    taken = [d for d in human.decisions if d.source.file == file]
    if wrong or not taken:
        raise ConfigError(
            f"{file}: nothing in it can be signed; " + ("; ".join(wrong) or "it holds no decision")
        )
    return [{"id": each.id, **each.content} for each in taken]


def _signed_files(folder: Path, contents: Contents) -> dict[str, str]:
    names = tuple(name for name in contents.files if class_of(name) not in {None, "signature"})
    return hash_files(folder, names)


# --- checking -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CheckedSignature:
    """One signature and what came of it.

    signers : names of known keys whose signature is right. decisions : digests of the decisions
    that it vouches for. files : {file: SHA-256} that were signed.
    """

    file: str
    signers: tuple[KnownKey, ...]
    unknown: tuple[str, ...]
    files: Mapping[str, str]
    decisions: tuple[str, ...]


@dataclass
class Signatures:
    """What the signatures of a folder prove, by known keys.

    checked : those that could be read. problems : what is wrong, a sentence each. covered : {file:
    names of the keys that signed it as it is now}.
    """

    checked: list[CheckedSignature] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    covered: dict[str, set[str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of the keys that signed something here."""
        return sorted({key.name for each in self.checked for key in each.signers})

    @property
    def keys_of(self) -> dict[str, set[str]]:
        """{digest of a decision: names and ids of the keys that signed it}."""
        keys: dict[str, set[str]] = {}
        for each in self.checked:
            for decision in each.decisions:
                mine = keys.setdefault(decision, set())
                mine |= {text for key in each.signers for text in (key.name, key.id)}
        return keys

    def covers(self, names: Sequence[str]) -> bool:
        """Whether a known key signed every one of these files as it is now."""
        return bool(names) and all(self.covered.get(name) for name in names)


def check_signatures(folder: Path, contents: Contents, keys: Mapping[str, KnownKey]) -> Signatures:
    """Check every signature of a folder, which may be anybody's, against known keys.

    What never changes (results, records, people's files) must be as each signature says; documents
    are written again when somebody decides, so that the last signature alone must be of them as
    they are. A file that no known key signed is named, once any did.
    """
    signatures = Signatures()
    names = contents.of_class("signature")
    if len(names) > _MOST_FILES:
        signatures.problems.append(f"{len(names)} signatures, and at most {_MOST_FILES} are read")
        return signatures
    present = _signed_files(folder, contents) if names else {}
    for name in names:
        try:
            content = read_bytes(folder / name, _MOST_BYTES)
            opened = open_envelope(folder / name, content, keys)
        except (ArtifactError, OSError) as error:
            signatures.problems.append(f"{name} cannot be read as a signature: {error}")
            continue
        signatures.problems += _problems(name, opened, present)
        signatures.checked.append(_checked(name, opened))
        if opened.signers:
            for file, sha256 in opened.files.items():
                if present.get(file) == sha256:
                    signers = signatures.covered.setdefault(file, set())
                    signers |= {key.name for key in opened.signers}
    if signatures.covered:
        signatures.problems += [
            f"{name} is not as anybody with a known key signed it"
            for name in present
            if not signatures.covered.get(name)
        ]
    return signatures


def _checked(name: str, opened: OpenedEnvelope) -> CheckedSignature:
    ids: list[str] = []
    if opened.predicate == DECISION_PREDICATE and opened.signers:
        listed = opened.content.get("decisions")
        entries = listed if isinstance(listed, list) else []
        ids = [str(entry.get("id")) for entry in entries if isinstance(entry, dict)]
    return CheckedSignature(name, opened.signers, opened.unknown, opened.files, tuple(ids))


def _problems(name: str, opened: OpenedEnvelope, present: Mapping[str, str]) -> Iterator[str]:
    for key in opened.forged:
        yield f"{name}: the signature of {key} is not one of this content"
    if not opened.signers:
        return
    by = ", ".join(key.name for key in opened.signers)
    for file, sha256 in opened.files.items():
        if class_of(file) in {"result", "record", "people"} and present.get(file) != sha256:
            became = "was changed" if file in present else "was removed"
            yield f"{file} {became} after {by} signed it ({name})"
