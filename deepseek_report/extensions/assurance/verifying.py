"""Whether a run folder agrees with itself, and with what a person knows apart from it.

`deepseek-report verify` prints what comes of it. The hashes are checked by the core; here the
results are compared with what repeats them, with the digest that a person expects and with
signatures. `remade_documents` makes the documents again, `decided_today` says what people decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from deepseek_report.artifacts.score import WORDED
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.files import load_table
from deepseek_report.artifacts.storage.plain_files import is_file, written_sha256
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.extensions.assurance.decided_today import Decided, decided_today
from deepseek_report.extensions.assurance.packing import CHANGES, changes_problem
from deepseek_report.extensions.assurance.policy import read_policy
from deepseek_report.extensions.assurance.remade_documents import Remade, other_writers, remade
from deepseek_report.extensions.assurance.signatures import KnownKey, known_keys
from deepseek_report.extensions.assurance.signing import Signatures, check_signatures
from deepseek_report.runner.run_folders.gather import score_tables
from deepseek_report.runner.run_folders.hash_check import CheckedHashes, check_hashes
from deepseek_report.runner.run_folders.open_run import OpenRun, RecordedRun
from deepseek_report.store.run_folder import (
    CONFIG,
    DOCUMENTS_MANIFEST,
    RUN,
    SCORES,
    Contents,
    FileClass,
    readable_manifest,
)

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


@dataclass
class Verified(CheckedHashes):
    """What of a run folder is proved; what is wrong is told as in `CheckedHashes`.

    uncompared : files that could not be compared, with the reason. unread : what of the results
    could not be read, and so was compared with nothing. remade : the documents made again from the
    results; None where nobody tried. expected : what the digest is that a person gave. signatures :
    what known keys signed; with_keys : whether any were given. decided : what people decided.
    """

    uncompared: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    remade: Remade | None = None
    expected: Expected = ""
    signatures: Signatures = field(default_factory=Signatures)
    with_keys: bool = False
    decided: Decided = field(default_factory=Decided)

    @property
    def people(self) -> Sequence[str]:
        """The files that people wrote."""
        return self.contents.of_class("people")

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


def verify(folder: Path, proofs: Proofs | None = None, *, trust: Sequence[str] = ()) -> Verified:
    """Compare a run folder with its manifests, and these with one another.

    proofs : what the person knows apart from the folder.
    trust : packages whose sections may be loaded to write the documents again.

    Raises ArtifactError: this is no run folder, or its manifest cannot be read.
    Raises ConfigError: a digest is none, or keys or a policy cannot be read.
    """
    proofs = proofs or Proofs()
    expected = expected_digest(proofs.expect)
    keys = known_keys(proofs.keys) if proofs.keys else {}
    policy = read_policy(proofs.policy) if proofs.policy else None
    verified = Verified(**vars(check_hashes(folder)), with_keys=bool(keys))
    contents, run = verified.contents, verified.run
    if not verified.results:
        _compare_contents(verified.place, run, verified)
    verified.expected = _expectation(verified, expected)
    if keys or contents.of_class("signature"):
        verified.signatures = _checked(folder, contents, keys)
    vouched = verified.expected == "document digest" or verified.has_signed("document")
    opened = OpenRun(folder, run, contents, verified.run_digest, verified.place)
    if verified.has_sound_results and not (vouched or contents.strange):
        _make_again(opened, verified, trust)
    if verified.has_sound_results:
        verified.decided = decided_today(opened, verified.signatures, policy, keys)
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
        if reason := next(other_writers(opened, record, opened.language), ""):
            verified.uncompared[CHANGES] = f"{problem}; {reason}"
        else:
            verified.documents.append(problem)


def _checked(folder: Path, contents: Contents, keys: Mapping[str, KnownKey]) -> Signatures:
    """The signatures; where keys were given and none of them signed the run, that is wrong."""
    signatures = check_signatures(folder, contents, keys)
    if keys and not signatures.names:
        known = ", ".join(sorted(key.name for key in keys.values()))
        signatures.problems.append(f"no key that you know signed this folder as a run: {known}")
    return signatures


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
