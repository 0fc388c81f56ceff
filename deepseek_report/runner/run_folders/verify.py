"""Whether a run folder agrees with itself, and with a digest that was handed on apart from it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from deepseek_report.artifacts.score import WORDED
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.files import load_table
from deepseek_report.artifacts.storage.plain_files import (
    ListedPath,
    is_file,
    read_bytes,
    sha256_file,
    written_sha256,
)
from deepseek_report.compliance.decision import Decision, DecisionState
from deepseek_report.compliance.decision_words import required_name, target_name, told_decision
from deepseek_report.compliance.evaluate import ComplianceReport, evaluate_results
from deepseek_report.compliance.person_names import shown_name
from deepseek_report.compliance.policy import Policy, Requirement, read_policy, requirements
from deepseek_report.compliance.seal import SEAL, SEAL_FILE, SEAL_SIGNATURE
from deepseek_report.config.trusted import trusted_packages
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.provenance.signatures import (
    SEAL_PREDICATE,
    KnownKey,
    known_keys,
    open_envelope,
)
from deepseek_report.rendering.page_words import page_of
from deepseek_report.runner.planning.plan import identity_of
from deepseek_report.runner.run_folders.gather import score_tables
from deepseek_report.runner.run_folders.open_run import OpenRun, RecordedRun, read_listed, read_run
from deepseek_report.runner.run_folders.packing import CHANGES, changes_problem
from deepseek_report.runner.run_folders.sealing import (
    document_digest,
    language_of,
    section_modules,
    writing_key,
    writing_libraries,
    written_day,
)
from deepseek_report.runner.run_folders.signing import Signatures, check_signatures
from deepseek_report.runner.run_folders.writing import WriteOptions, make_documents
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
from deepseek_report.wording.words import Wording, languages, wording

_MOST_SEAL = 2**24
#: The digest that a person gave is that of the results, of the documents, of neither; or none is.
Expected = Literal["run digest", "document digest", "neither", ""]


@dataclass(frozen=True)
class Proofs:
    """What a person brings along to verify with.

    expect : a run or document digest that reached the person apart from the folder. keys : a folder
    of public keys whose owners the person knows. policy : a policy of the decisions that are
    required. changes : the file beside the run of a pack that says what changed since the previous
    run; previous : the pack or folder of that.
    """

    expect: str = ""
    keys: Path | None = None
    policy: Path | None = None
    changes: Path | None = None
    previous: Path | None = None


@dataclass(frozen=True)
class Decided:
    """The state of the decisions today.

    sentences : every decision. rejections : those that reject. required : what a policy asks for,
    in a sentence each where it is missing. n : how many are required. seal : what the run says of a
    seal. satisfied : whether all that the policy asks for is there; None where none was given.
    """

    sentences: tuple[str, ...] = ()
    rejections: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    n: int = 0
    satisfied: bool | None = None
    seal: tuple[str, ...] = ()


@dataclass
class Verified:
    """What was found, by what it is about.

    results, records, documents : what is not as the run wrote it, a sentence each.
    foreign : {what no run writes: what it is}. unlisted : files that no manifest lists.
    uncompared : files that could not be compared, with the reason.
    people : files that people wrote.
    unread : what of the results could not be read, and so was compared with nothing.
    remade : the documents made again from the results; None where nobody tried.
    notes : what a reader should know. files : number of files that were hashed.
    signatures : what known keys signed; with_keys : whether any were given. decided : what people
    decided. contents : what lies in the folder.
    run_digest, document_digest : as computed from the files; "" where there is nothing to compute
    them from.
    """

    results: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    foreign: dict[str, str] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)
    uncompared: dict[str, str] = field(default_factory=dict)
    people: Sequence[str] = ()
    unread: list[str] = field(default_factory=list)
    remade: Remade | None = None
    notes: list[str] = field(default_factory=list)
    files: int = 0
    run_digest: str = ""
    document_digest: str = ""
    expected: Expected = ""
    signatures: Signatures = field(default_factory=Signatures)
    with_keys: bool = False
    contents: Contents = field(default_factory=lambda: Contents((), ()))
    decided: Decided = field(default_factory=Decided)

    @property
    def problems(self) -> list[str]:
        """All that is not as the run wrote it, a sentence each."""
        foreign = [f"{name} is {what}" for name, what in self.foreign.items()]
        signed = self.signatures.problems
        return [*self.results, *self.records, *self.documents, *signed, *foreign]

    @property
    def has_sound_results(self) -> bool:
        """Whether the results agree with one another, and with the digest that a person gave."""
        return not self.results and not self.unread and self.expected != "neither"

    @property
    def has_proved_documents(self) -> bool:
        """Whether the documents are those that the results give, or of a digest, or of a key."""
        if self.documents or not self.has_sound_results:
            return False
        if self.has_signed("document"):
            return True
        if self.expected == "document digest":
            return True
        return self.remade is not None and not self.remade.different

    def has_signed(self, kind: FileClass) -> bool:
        """Whether known keys signed every file of a class as it is."""
        return not self.signatures.problems and self.signatures.covers(self.contents.of_class(kind))

    @property
    def exit_code(self) -> int:
        """0: nothing is wrong and all was compared; 1: something is wrong; 3: not all is proved;
        4: the given policy is not satisfied, or, where keys are given, somebody rejects.
        """
        if self.problems or not self.has_sound_results:
            return 1
        if self.decided.satisfied is False or (self.with_keys and self.decided.rejections):
            return 4
        return 0 if self.has_proved_documents and not self.uncompared else 3


def verify(
    folder: Path, proofs: Proofs | None = None, *, recompute: bool = True, trust: Sequence[str] = ()
) -> Verified:
    """Compare a run folder with its manifests, and these with one another.

    proofs : what the person knows apart from the folder.
    recompute : whether `config.yaml` and `scores.parquet` are compared with what they repeat, and
        the documents with those that the results give.
    trust : packages whose sections may be loaded to write the documents again.

    Raises ArtifactError: this is no run folder, or its manifest cannot be read.
    Raises ConfigError: a digest is none, or keys or a policy cannot be read.
    """
    proofs = proofs or Proofs()
    expected = expected_digest(proofs.expect)
    keys = known_keys(proofs.keys) if proofs.keys else {}
    policy = read_policy(proofs.policy) if proofs.policy else None
    contents = look_into(folder)
    verified = Verified(people=contents.of_class("people"), contents=contents)
    verified.with_keys = bool(keys)
    verified.foreign |= _foreign(contents)
    run = read_run(folder, contents)
    manifest = _manifest(folder, contents, MANIFEST)
    listed = listed_results(manifest)
    verified.run_digest = run_digest(listed)
    verified.results += result_problems(folder, contents, manifest)
    verified.results += agreement_problems(run, listed)
    _count(verified, "result", listed)
    records: dict[str, str] = _manifest(folder, contents, RECORDS_MANIFEST)["files"]
    verified.records += _differences(folder, verified, "record", records)
    _verify_documents(folder, verified)
    place = ListedPath.of(folder, listed | records)
    if not (verified.results or verified.records):
        run = read_listed(place, contents)
    if recompute and not verified.results:
        _compare_contents(place, run, verified)
    verified.expected = _expectation(verified, expected)
    if recompute and (keys or contents.of_class("signature")):
        verified.signatures = _checked(folder, contents, keys)
    vouched = verified.expected == "document digest" or verified.has_signed("document")
    opened = OpenRun(folder, run, contents, verified.run_digest, place)
    if recompute and verified.has_sound_results and not (vouched or contents.strange):
        _make_again(opened, verified, trust)
    if recompute and verified.has_sound_results:
        verified.decided = _told_decided(opened, verified, policy, keys)
        _compare_changes(opened, verified, proofs)
    return verified


def _compare_changes(opened: OpenRun, verified: Verified, proofs: Proofs) -> None:
    """Make `changes.md` of a pack again, which no manifest lists."""
    file, previous = proofs.changes, proofs.previous
    if file is None or not is_file(file):
        if previous is not None:
            verified.notes.append(f"there is no {CHANGES} to compare with {previous} (--previous)")
    elif previous is None:
        verified.uncompared[CHANGES] = "no manifest lists it; name the pack before (--previous)"
    elif problem := changes_problem(file, opened, previous):
        record = readable_manifest(opened.folder / DOCUMENTS_MANIFEST) or {}
        if reason := next(_other_writers(opened, record, opened.language), ""):
            verified.uncompared[CHANGES] = f"{problem}; {reason}"
        else:
            verified.documents.append(problem)


def _told_decided(
    opened: OpenRun, verified: Verified, policy: Policy | None, keys: Mapping[str, KnownKey]
) -> Decided:
    """What people decided; where it cannot be read, that, and no policy is satisfied."""
    try:
        return _decided(opened, verified, policy, keys)
    except Exception as error:  # whatever it is, it decides nothing
        reason = f"what people decided cannot be read ({_told(error)})"
        rejections = tuple(_rejections(verified.signatures, ()))
        return Decided((reason,), rejections, satisfied=None if policy is None else False)


def _checked(folder: Path, contents: Contents, keys: Mapping[str, KnownKey]) -> Signatures:
    """The signatures; where keys were given and none of them signed the run, that is wrong."""
    signatures = check_signatures(folder, contents, keys)
    if keys and not signatures.names:
        known = ", ".join(sorted(key.name for key in keys.values()))
        signatures.problems.append(f"no key that you know signed this folder as a run: {known}")
    return signatures


def _decided(
    opened: OpenRun, verified: Verified, policy: Policy | None, keys: Mapping[str, KnownKey]
) -> Decided:
    """What people decided, by whose key, and whether it suffices today."""
    results = opened.results
    report = evaluate_results(results)
    words, signatures = wording(), verified.signatures
    signers = signatures.keys_of
    shown = {part.framework.id for part in report.frameworks}
    required = report.required
    if policy is not None:
        by_key = signers if keys else None
        required = requirements(policy, report.decisions, shown, results.today, by_key)
    by_name = {key.id: key.name for key in keys.values()}
    sentences = []
    for each in report.decisions:
        names = sorted({by_name.get(key, key) for key in signers.get(each.decision.id, ())})
        signed = f"Signed by {', '.join(names)}." if names else "No known key signed it."
        about = target_name(each.decision.target, report, words)
        sentences.append(f"{about}: {words.say(told_decision(each))} {signed}")
    return Decided(
        tuple(sentences),
        tuple(_rejections(signatures, report.decisions)),
        tuple(_missing(each, report, words) for each in required if each.state != "given"),
        len(required),
        None if policy is None else all(each.state == "given" for each in required),
        tuple(_seal(opened, report, keys)),
    )


def _rejections(signatures: Signatures, stood: Sequence[DecisionState]) -> Iterator[str]:
    """Who rejects what, in a clause each: whatever stands, and what is signed and is not replaced.

    A rejection that is signed is not replaced by a decision that is not, nor by one of the same
    name that another key signed; nor is it gone where no file of people holds it any more.
    """
    known = {each.decision.id: each.decision for each in stood}
    signers = signatures.keys_of

    def by(decision: str) -> str:
        names = [each.by for each in signatures.of_run if decision in each.decisions]
        return f"signed by {', '.join(sorted(set(names)))}" if names else "signed by no known key"

    def is_replaced(decision: Decision, later: Decision | None) -> bool:
        if later is None:
            return False
        mine, theirs = (signers.get(each.id, set()) for each in (decision, later))
        return not mine or bool(mine & theirs or (theirs and later.person != decision.person))

    for each in stood:
        taken, replaced = each.decision, is_replaced(each.decision, known.get(each.by))
        if taken.verdict == "rejected" and (each.counts or each.by) and not replaced:
            yield f"{taken.target.key} by {taken.shown_name} ({by(taken.id)})"
    for signed in signatures.of_run:
        for decision, entry in signed.decisions.items():
            if entry.get("verdict") == "rejected" and decision not in known:
                yield f"{_key(entry)} by {shown_name(str(entry.get('name')))} ({by(decision)})"


def _key(entry: Mapping[str, object]) -> object:
    target = entry.get("target")
    return target.get("key") if isinstance(target, dict) else target


def _missing(each: Requirement, report: ComplianceReport, words: Wording) -> str:
    about = target_name(each.target, report, words)
    why = "; ".join(words.say(text) for text in each.why)
    name = required_name(each.rule.id, each.rule.title, words)
    return f"{name} ({about}): {each.state}" + (f", {why}" if why else "")


def _seal(opened: OpenRun, report: ComplianceReport, keys: Mapping[str, KnownKey]) -> Iterator[str]:
    """What is proved of limits, frameworks and data having been fixed before the results."""
    entry = opened.run.artifacts.get(SEAL)
    if entry is None:
        yield (
            "Seal: none, so it is not provable that limits, frameworks and data were fixed before "
            "the results."
        )
        return
    folder = opened.listed / entry.path
    digest = sha256_file(folder / SEAL_FILE)
    signers = _sealed_by(folder, digest, keys)
    by = (
        f"sealed with the key of {', '.join(signers)}"
        if signers
        else "signed by no known key: who made it, and when, is not proved, unless its digest "
        "reached you before the run"
    )
    yield f"Seal: sha256:{digest}, {by}."
    if report.unsealed:
        changed = "; ".join(wording().say(text) for text in report.unsealed)
        yield f"Changed after the seal: {changed}."
    else:
        yield "Limits, frameworks, policy, data, split and question are those of the seal."


def _sealed_by(folder: Path, digest: str, keys: Mapping[str, KnownKey]) -> list[str]:
    path = folder / SEAL_SIGNATURE
    try:
        opened = open_envelope(path, read_bytes(path, _MOST_SEAL), keys)
    except (OSError, ArtifactError):
        return []
    right = opened.predicate == SEAL_PREDICATE and opened.files == {SEAL_FILE: digest}
    return sorted(key.name for key in opened.signers) if right else []


def _count(verified: Verified, kind: FileClass, listed: Mapping[str, str]) -> None:
    """Count the files that are listed, and name those of the class that are not."""
    verified.files += len(listed)
    verified.unlisted += sorted(set(verified.contents.of_class(kind)) - set(listed))


def _differences(
    folder: Path, verified: Verified, kind: FileClass, listed: Mapping[str, str]
) -> list[str]:
    """How the files of a class differ from those listed, which are counted."""
    _count(verified, kind, listed)
    return differences(folder, verified.contents, kind, listed)


def expected_digest(text: str) -> str:
    """The 64 hexadecimal digits of a digest, or "" for none; ConfigError for anything else."""
    if not text:
        return ""
    if not (digest := written_sha256(text.strip().lower())):
        raise ConfigError(
            f"--expect {text}: not a digest; give all 64 hexadecimal digits that the run printed, "
            "with or without sha256: before them"
        )
    return digest


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


def _compare_contents(folder: Path, run: RecordedRun, verified: Verified) -> None:
    """Compare what says the same thing twice: the config, and the table of scores."""
    comparisons: tuple[tuple[str, str, Callable[[], bool]], ...] = (
        (CONFIG, f"it is not the config in {RUN}", lambda: _config(folder) == run.config),
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


def _same_scores(folder: Path, run: RecordedRun) -> bool:
    # without their sentences, which another version may word in other words
    return all(
        _unworded(table).equals(_unworded(load_table(path)))
        for path, table in score_tables(folder, run).items()
    )


def _unworded(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=list(WORDED), errors="ignore")


def _config(folder: Path) -> object:
    import yaml

    try:
        return bounded_yaml.load(folder / CONFIG)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{folder / CONFIG}: cannot be read ({error})") from None


def _verify_documents(folder: Path, verified: Verified) -> None:
    record = _manifest(folder, verified.contents, DOCUMENTS_MANIFEST)
    listed: dict[str, str] = record["files"]
    verified.documents += _differences(folder, verified, "document", listed)
    people = record.get("people")
    people = people if isinstance(people, dict) else {}
    if record.get("run_digest") != verified.run_digest:
        verified.documents.append(
            f"{DOCUMENTS_MANIFEST}: the documents belong to another run digest"
        )
    verified.document_digest = document_digest(verified.run_digest, listed, people)
    if record.get("document_digest") != verified.document_digest:
        verified.documents.append(f"{DOCUMENTS_MANIFEST} was changed: its digest is not its own")
    verified.unlisted += sorted(set(verified.contents.of_class("people")) - set(people))
    verified.notes += [
        f"{text}; render again to have it in the report"
        for text in _people_notes(folder, verified.contents, people)
    ]


def _people_notes(folder: Path, contents: Contents, known: Mapping[str, object]) -> Iterator[str]:
    present = hash_files(folder, contents.of_class("people"))
    for name in sorted(present.keys() | known.keys()):
        if present.get(name) != known.get(name):
            became = "changed" if name in known else "added"
            became = became if name in present else "removed"
            yield f"{name} was {became} by people after the report was written"


def _make_again(opened: OpenRun, verified: Verified, trust: Sequence[str]) -> None:
    """Make the documents again; one that is not what the results give, without a reason, is wrong.

    Where people changed their words afterwards, the documents hold the earlier ones.
    """
    record = readable_manifest(opened.folder / DOCUMENTS_MANIFEST) or {}
    made = remade(opened, record, trust)
    if verified.notes:
        reason = "people's words are not those that it was written with"
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


#: Pages that Quarto makes, not twice the same bytes.
_BY_QUARTO = frozenset({page_of("html"), page_of("pdf"), page_of("docx")})
_SHOWN = 5


@dataclass(frozen=True)
class Remade:
    """What came of making the documents of a run again.

    same, different : names of those that have the same bytes, and of those that have not, that are
    missing, or that the results do not give. added : of these, the ones that are not made here.
    reasons : why documents that differ may be genuine all the same, a clause each; none where this
    installation must give what the recorded one gave.
    """

    same: Sequence[str] = ()
    different: Sequence[str] = ()
    reasons: Sequence[str] = ()
    added: Sequence[str] = ()


def remade(opened: OpenRun, record: Mapping[str, object], trust: Sequence[str] = ()) -> Remade:
    """Make the documents of a run again in a folder of their own, and compare.

    opened : a run whose results are as the run wrote them. record : the content of
    `documents.json`; it may be anybody's, and decides no more than the language and the reasons.
    """
    present = hash_files(opened.folder, opened.contents.of_class("document"))
    language = record.get("language")
    if language not in languages():
        language = opened.language
    opened = replace(opened, day=written_day(opened.folder))
    options = WriteOptions(engine="embedded", trust=trust, language=language)
    reasons = list(_reasons(opened, record, language, trust))
    with tempfile.TemporaryDirectory(prefix="deepseek-report-") as place:
        work = Path(place)
        try:
            make_documents(opened, work, options)
        except Exception as error:  # whatever it is: nothing was compared
            text = f"they cannot be made again here ({type(error).__name__}: {error})"
            return Remade(different=sorted(present), reasons=[text])
        made = hash_files(work, look_into(work).of_class("document"))
    names = sorted(present.keys() | made.keys())
    same = [name for name in names if present.get(name) == made.get(name)]
    different = [name for name in names if present.get(name) != made.get(name)]
    added = [name for name in different if name not in made]
    return Remade(same, different, reasons, added)


def _reasons(
    opened: OpenRun, record: Mapping[str, object], language: str, trust: Sequence[str]
) -> Iterator[str]:
    config = opened.run.config
    yield from _other_writers(opened, record, language)
    if record.get("engine") == "quarto" and _BY_QUARTO & set(opened.contents.files):
        yield "Quarto made the pages, which does not give the same bytes again"
    named = {module.split(".")[0] for module in section_modules(config)}
    if foreign := sorted(named - set(trusted_packages(trust))):
        shown = ", ".join(foreign[:_SHOWN])
        yield f"sections take their code from {shown}, which is run with --trust PACKAGE alone"


def _other_writers(opened: OpenRun, record: Mapping[str, object], language: str) -> Iterator[str]:
    """Why documents may be others here: the code, or the libraries, that wrote them."""
    config = opened.run.config
    if record.get("writing") != writing_key(config, language or language_of(config)):
        yield "other code wrote them, by their record"
    recorded, here = record.get("libraries"), writing_libraries()
    if not isinstance(recorded, Mapping):
        yield "their record does not say which versions of libraries wrote them"
    elif other := [name for name in here if recorded.get(name) != here[name]]:
        versions = (f"{name} {str(recorded.get(name))[:40]}, here {here[name]}" for name in other)
        yield f"other libraries wrote them, by their record: {'; '.join(versions)}"
