"""What people decided about a run as it stands today: by whose key, and whether it suffices.

`verify` prints it below what is proved of the files. Decisions are read as the report reads them;
here they are set against the keys that a person knows and the policy that a person brings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import read_bytes, sha256_file
from deepseek_report.compliance.beside_config import Requirement
from deepseek_report.compliance.decision import Decision, DecisionState
from deepseek_report.compliance.decision_words import required_name, target_name, told_decision
from deepseek_report.compliance.evaluate import ComplianceReport, evaluate_results
from deepseek_report.compliance.person_names import shown_name
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.assurance.policy import Policy
from deepseek_report.extensions.assurance.seal import SEAL, SEAL_FILE, SEAL_SIGNATURE
from deepseek_report.extensions.assurance.signatures import SEAL_PREDICATE, KnownKey, open_envelope
from deepseek_report.extensions.assurance.signing import Signatures
from deepseek_report.runner.run_folders.open_run import OpenRun
from deepseek_report.wording.words import Wording, wording

_MOST_SEAL = 2**24


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


def decided_today(
    opened: OpenRun, signatures: Signatures, policy: Policy | None, keys: Mapping[str, KnownKey]
) -> Decided:
    """What people decided; where it cannot be read, that, and no policy is satisfied."""
    try:
        return _decided(opened, signatures, policy, keys)
    except Exception as error:  # whatever it is, it decides nothing
        reason = f"what people decided cannot be read ({type(error).__name__}: {error})"
        rejections = tuple(_rejections(signatures, ()))
        return Decided((reason,), rejections, satisfied=None if policy is None else False)


def _decided(
    opened: OpenRun, signatures: Signatures, policy: Policy | None, keys: Mapping[str, KnownKey]
) -> Decided:
    """What people decided, by whose key, and whether it suffices today."""
    results = opened.results
    report = evaluate_results(results)
    words, signers = wording(), signatures.keys_of
    shown = {part.framework.id for part in report.frameworks}
    required = report.required
    if policy is not None:
        by_key = signers if keys else None
        required = policy.requirements(report.decisions, shown, results.today, by_key)
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
