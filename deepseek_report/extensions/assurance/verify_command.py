"""`deepseek-report verify`: is a run folder what the run wrote?"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.output.console import printable, some
from deepseek_report.cli.parsing import add_trust, make_parser

if TYPE_CHECKING:
    from deepseek_report.extensions.assurance.remade_documents import Remade
    from deepseek_report.extensions.assurance.verifying import Verified
    from deepseek_report.store.run_folder import FileClass


_EXIT_CODES = """\
Exit codes: 0 nothing is wrong, and the documents are those that the results give, or that a key
signed; 1 something is not as the run wrote it or as a key signed it, or could not be read; 2 the
command cannot be understood; 3 nothing is wrong, but the documents could not be proved: other
versions of code or libraries wrote them; 4 nothing is wrong, and a decision that the policy asks
for is missing, or, with --policy or --keys, somebody rejects.
"""


def command(arguments: list[str]) -> int:
    """Say what of a run folder is proved, and print what is not as the run wrote it."""
    parser = make_parser("verify")
    parser.epilog = _EXIT_CODES
    parser.add_argument(
        "run", metavar="RUN", type=Path, help="the folder of a run, or a pack of it"
    )
    parser.add_argument(
        "--expect",
        default="",
        metavar="DIGEST",
        help="the run digest, or the document digest, as it reached you by another way",
    )
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="DIR",
        help="public keys (NAME.pub) that you have from their owners",
    )
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="which decisions of people must be there"
    )
    parser.add_argument(
        "--previous",
        type=Path,
        metavar="PACK",
        help="the pack, or folder, that changes.md of a pack is said to follow",
    )
    add_trust(parser)
    options = parser.parse_args(arguments)
    from deepseek_report.config.local_code import late_import

    with late_import("pandas"):  # where the folder is refused nothing is read
        from deepseek_report.extensions.assurance.packing import CHANGES, opened_pack
        from deepseek_report.extensions.assurance.verifying import Proofs, verify
        from deepseek_report.runner.run_folders.open_run import reading

        gc.disable()  # as in `render`: the documents are made once, then the process ends
        with reading(options.run), opened_pack(options.run) as folder:
            changes = None if folder == options.run else folder.parent / CHANGES
            proofs = Proofs(options.expect, options.keys, options.policy, changes, options.previous)
            verified = verify(folder, proofs, trust=options.trust)
    say_verified(verified)
    return verified.exit_code


_MOST_NAMES = 5
#: What no digest of a run covers, and signatures alone do.
_BY_SIGNATURES_ALONE = (
    "Not proved without a signature: what people wrote (people/, notes/); the records of times, "
    "memory and environment (provenance.json, environment.json, tensorboard/, records/), which "
    "agree with their list and are bound to nothing; and what documents quote of them."
)
_SIGNED_TIMES = (
    "Not proved by a signature: when it was made, and that the clock of the run was right."
)


def say_verified(verified: Verified) -> None:
    """One line that says what is proved; then the details, the digests, and what is not."""
    lines = [f"{_results(verified)} {_documents(verified)} {_additions(verified)}"]
    if verified.decided.rejections:
        lines[0] = f"Rejected: {some(verified.decided.rejections, _MOST_NAMES)}. {lines[0]}"
    lines += [*verified.problems, *verified.unread]
    lines += [f"note: {note}" for note in verified.notes]
    lines += [f"not compared: {text}" for text in _not_compared(verified)]
    lines += _signatures(verified)
    lines += _decisions(verified)
    lines.append(f"{verified.files} files are listed, of results, records and documents")
    lines.append(f"run digest       sha256:{verified.run_digest}")
    if verified.document_digest:
        lines.append(f"document digest  sha256:{verified.document_digest}")
    signed = verified.has_signed("people") or verified.has_signed("record")
    for line in [*lines, _SIGNED_TIMES if signed else _BY_SIGNATURES_ALONE]:
        print(printable(line))


def _signatures(verified: Verified) -> Iterator[str]:
    """Who signed what, and which signatures say nothing here."""
    checked = verified.signatures.checked
    for each in checked:
        if each.signers and not each.of_run:
            yield (
                f"signature: {each.by} signed {each.about}, which is not a run with its results, "
                f"and proves nothing of these files ({each.file})"
            )
        elif each.signers:
            by = " and ".join(f"{key.name} (key {key.id[:12]}…)" for key in each.signers)
            what = f"{len(each.files)} files"
            if n := len(each.decisions):
                what += f" and {n} decision" + ("s" if n > 1 else "")
            yield f"signature: {by} signed {what} ({each.file})"
        elif each.unknown:
            yield (
                f"signature: by a key that you do not know ({each.unknown[0][:12]}…), which proves "
                f"nothing ({each.file})"
            )
    if checked and not verified.with_keys:
        yield "signatures were not checked: name a folder of public keys (--keys DIR)"


def _decisions(verified: Verified) -> Iterator[str]:
    """What people decided, what is missing, and what of a seal is proved."""
    decided = verified.decided
    yield from (f"decision: {text}" for text in decided.sentences)
    if decided.n:
        missing = len(decided.required)
        yield f"{missing} of {decided.n} required decisions are not given" + (
            ":" if missing else ""
        )
        yield from (f"  {text}" for text in decided.required)
    if decided.satisfied is not None:
        state = "satisfied" if decided.satisfied else "not satisfied"
        yield f"Policy {state}" + (
            "." if verified.with_keys else ", by the names as they are written: no keys were given."
        )
    yield from decided.seal


def _results(verified: Verified) -> str:
    if verified.results:
        return f"Results not proved: {_things(verified.results)} as the run wrote it."
    if verified.unread:
        return f"Results not proved: {len(verified.unread)} of them could not be compared."
    if verified.has_signed("result"):
        return f"Results proved: {_signed_by(verified, 'result')}."
    if verified.expected:
        only = "" if verified.has_proved_documents else "Results only. "
        return f"{only}Results proved: they belong to the {verified.expected} that you gave."
    return (
        "Results not proved: they agree with one another, but whoever can write this folder can "
        "make them all anew; compare a digest that reached you by another way (--expect DIGEST)."
    )


def _signed_by(verified: Verified, kind: FileClass) -> str:
    files = verified.contents.of_class(kind)
    return f"signed by {', '.join(verified.signatures.signers_of(files))}"


def _things(problems: Sequence[str]) -> str:
    return "1 thing is not" if len(problems) == 1 else f"{len(problems)} things are not"


def _documents(verified: Verified) -> str:
    if verified.documents:
        return f"Documents not proved: {_things(verified.documents)} what the results give."
    if not verified.has_sound_results:
        return "Documents not proved: there are no sound results to compare them with."
    if verified.has_signed("document"):
        return f"Documents proved: {_signed_by(verified, 'document')}."
    if verified.expected == "document digest":
        return "Documents proved: they belong to that digest too."
    if verified.remade is None:
        return "Documents not proved: they were not made again."
    return _made_again(verified.remade, verified)


def _made_again(made: Remade, verified: Verified) -> str:
    count = len(made.same) + len(made.different)
    if made.different:
        return (
            f"Documents not proved: of {count}, {len(made.different)} are not the same bytes when "
            f"they are made again here ({some(made.different, _MOST_NAMES)})."
        )
    again = f"made again from these results and records, all {count} are the same bytes"
    words = f", with the words of {some(verified.people, _MOST_NAMES)}" if verified.people else ""
    stand = "proved, save what they quote of records"
    return f"Documents {stand if verified.expected else 'agree with the results'}: {again}{words}."


def _additions(verified: Verified) -> str:
    made = verified.remade
    unmade = list(made.added) if made else []
    others = [*verified.foreign, *verified.unlisted, *verified.uncompared]
    if made and made.reasons and unmade and not others:
        return f"Added, or of another version: {some(unmade, _MOST_NAMES)}."
    added = [*others, *(unmade if made and not made.reasons else ())]
    return f"Added: {some(added, _MOST_NAMES)}." if added else "No file was added."


def _not_compared(verified: Verified) -> Iterator[str]:
    yield from (f"{name}: {reason}" for name, reason in verified.uncompared.items())
    made = verified.remade
    if made is None or not made.different or verified.documents:
        return
    for reason in made.reasons:
        yield f"{some(made.different, _MOST_NAMES)}: {reason}"
