"""`deepseek-report explain-case --letter`: letters on rows that a person brings to a run."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.cli.output.console import print_notes, printable
from deepseek_report.datasets.readers.case_rows import read_case_rows
from deepseek_report.extensions.exports import letters
from deepseek_report.runner.execution.given_rows import ModelRequest, stored_model
from deepseek_report.runner.given_case_page import opened_to_explain, unread
from deepseek_report.runner.run_folders.open_run import reading
from deepseek_report.sections.cases import strange_cases
from deepseek_report.sections.shared.draft import Draft


def write(request: ModelRequest, options: argparse.Namespace) -> int:
    """Write a file for each letter and print its path; say of each other row why it has none."""
    kind, rows, language = options.letter, options.row, options.language
    with reading(request.run), tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
        made, notes = write_letters(request, rows, kind, Path(folder), language)
    print_notes(notes)
    if kind == letters.IN_ENGLISH and language not in {"", "en"}:
        print(
            "note: the letter is in English: Form C-1 is worded so by the regulator, and whoever "
            "sends a translation must have this text ready on request (12 CFR 1002.4(e))",
            file=sys.stderr,
        )
    target = options.out or Path(f"{rows.stem}-{kind}.txt")
    for letter in made:
        if letter.refusal:
            print(f"{rows}, row {letter.row}: {printable(letter.refusal)}", file=sys.stderr)
            continue
        alone = len(made) == 1
        path = target if alone else target.with_stem(f"{target.stem}-{letter.row}")
        plain_files.write_bytes(path, letter.text.encode(), links=True)
        print(printable(path))
    refused = [letter.row for letter in made if letter.refusal]
    if refused and len(made) > 1:
        sent = [letter.row for letter in made if letter.text]
        print(f"letters written: {_rows(sent)}; not written: {_rows(refused)}", file=sys.stderr)
    if any(letter.decided_by_attribute for letter in made):
        return 1
    return 2 if refused else 0


def _rows(numbers: list[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"row{'s' if len(numbers) > 1 else ''} {listed}" if numbers else "none"


def write_letters(
    request: ModelRequest, rows: Path, kind: letters.LetterKind, work: Path, language: str = ""
) -> tuple[list[letters.Letter], tuple[str, ...]]:
    """A letter on each of the rows, and notes as in `CaseAnswer`.

    language : one of `letter_languages`; empty: that of the report, where there are words in it.

    work : an empty folder for what is made on the way.

    Raises ArtifactError, DataError, ConfigProblems: see `write_case_page`; also where no method of
        the run may give reasons to anybody, or where there are no words in the language.
    """
    opened = opened_to_explain(request)
    written_in = letters.letter_language(opened.results, kind, language)
    letters.refuse_without_reasons(opened.results)
    stored = stored_model(opened, request)
    cases = read_case_rows(rows, stored.seen)
    plain_files.make_folder(work / "measured")
    new = stored.new_rows(cases.inputs)
    results = stored.results_of(new, work / "measured")
    written = letters.letters_of(results, stored.explainer, kind, written_in)
    strange = strange_cases(Draft("cases", results), stored.seen.strange_of_new(new))
    return written, (*strange, *unread(cases))
