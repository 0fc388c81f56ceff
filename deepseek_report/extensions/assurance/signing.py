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
from deepseek_report.extensions.assurance.signatures import (
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
    run_digest,
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
    """What a signature is of: all files of the run, earlier signatures too, which it follows."""
    return hash_files(folder, tuple(name for name in contents.files if class_of(name)))


# --- checking -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CheckedSignature:
    """One signature and what came of it.

    signers : known keys whose signature is right. about : the type of what was signed; of_run :
    whether that is a run, with all its results. decisions : {digest of a decision that it vouches
    for: what was decided}. files : {file: SHA-256} that were signed.
    """

    file: str
    signers: tuple[KnownKey, ...]
    unknown: tuple[str, ...]
    files: Mapping[str, str]
    about: str
    of_run: bool
    decisions: Mapping[str, Mapping[str, object]]

    @property
    def by(self) -> str:
        """The names of its signers."""
        return ", ".join(key.name for key in self.signers)


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
        """The names of the keys that signed this as a run."""
        return sorted({key.name for each in self.of_run for key in each.signers})

    @property
    def of_run(self) -> list[CheckedSignature]:
        """The signatures of a run by known keys."""
        return [each for each in self.checked if each.of_run and each.signers]

    @property
    def keys_of(self) -> dict[str, set[str]]:
        """{digest of a decision: names and ids of the keys that signed it}."""
        keys: dict[str, set[str]] = {}
        for each in self.checked:
            for decision in each.decisions:
                mine = keys.setdefault(decision, set())
                mine |= {text for key in each.signers for text in (key.name, key.id)}
        return keys

    def signers_of(self, names: Sequence[str]) -> list[str]:
        """The names of the keys that signed every one of these files as it is now."""
        sets = [self.covered.get(name, set()) for name in names]
        return sorted(set.intersection(*sets)) if sets else []

    def covers(self, names: Sequence[str]) -> bool:
        """Whether known keys signed all of these files as they are now."""
        return bool(names) and all(self.covered.get(name) for name in names)


def check_signatures(folder: Path, contents: Contents, keys: Mapping[str, KnownKey]) -> Signatures:
    """Check every signature of a folder, which may be anybody's, against known keys.

    What is signed is a run: a seal, or anything else that a key signed, says nothing of its files.
    What never changes (results, records, people's files, earlier signatures) must be as each
    signature says. Documents are written again when somebody decides: all files must be as the last
    signature says, the one that no later one is of; where there are several, as each of them says.
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
        for key in opened.forged:
            signatures.problems.append(f"{name}: the signature of {key} is not one of this content")
        signatures.checked.append(_checked(name, opened))
    for each in signatures.of_run:
        signatures.problems += _problems(each, present)
        for file, sha256 in each.files.items():
            if present.get(file) == sha256:
                signatures.covered.setdefault(file, set()).update(key.name for key in each.signers)
    for last in signatures.of_run:
        if not any(each.files.get(last.file) == present[last.file] for each in signatures.of_run):
            signatures.problems += _not_covered(last, present, signatures.covered)
    signatures.problems = list(dict.fromkeys(signatures.problems))
    return signatures


def _checked(name: str, opened: OpenedEnvelope) -> CheckedSignature:
    of_run, content = _is_of_run(opened), opened.content
    listed = content.get("decisions") if of_run and opened.signers else None
    decisions = {
        str(entry.get("id")): entry
        for entry in (listed if isinstance(listed, list) else [])
        if opened.predicate == DECISION_PREDICATE and isinstance(entry, dict)
    }
    return CheckedSignature(
        file=name,
        signers=opened.signers,
        unknown=opened.unknown,
        files=opened.files,
        about=opened.predicate,
        of_run=of_run,
        decisions=decisions,
    )


def _is_of_run(opened: OpenedEnvelope) -> bool:
    """Whether a statement says that it is of a run, and its subjects are the results of that."""
    if opened.predicate not in {RUN_PREDICATE, DECISION_PREDICATE}:
        return False
    results = {file: sha for file, sha in opened.files.items() if class_of(file) == "result"}
    decided = opened.predicate == RUN_PREDICATE or opened.content.get("file") in opened.files
    return decided and opened.content.get("run_digest") == run_digest(results)


#: What never changes once it is signed.
_LASTING = frozenset({"result", "record", "people", "signature"})


def _problems(signed: CheckedSignature, present: Mapping[str, str]) -> Iterator[str]:
    for file, sha256 in signed.files.items():
        if class_of(file) in _LASTING and present.get(file) != sha256:
            became = "was changed" if file in present else "was removed"
            yield f"{file} {became} after {signed.by} signed it ({signed.file})"


def _not_covered(
    last: CheckedSignature, present: Mapping[str, str], covered: Mapping[str, set[str]]
) -> Iterator[str]:
    """What is not as the last signature says, but for what every signature must say."""
    for file in sorted(present.keys() | last.files.keys()):
        kind, sha256 = class_of(file), last.files.get(file)
        by_each = kind == "signature" or (kind in _LASTING and sha256 is not None)
        if by_each or present.get(file) == sha256:
            continue
        if file not in present:
            yield f"{file} was removed after {last.by} signed it ({last.file})"
        elif earlier := covered.get(file):
            by = ", ".join(sorted(earlier))
            yield (
                f"{file} is as {by} signed it, and not as {last.by} did, whose signature "
                f"{last.file} is the last and does not cover it"
            )
        else:
            yield f"{file} is not as anybody with a known key signed it"
