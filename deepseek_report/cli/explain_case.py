"""`deepseek-report explain-case`: rows that were not in the data, by the stored model of a run."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.output.console import printable
from deepseek_report.cli.parsing import add_store, add_trust, asked_model, run_parser

if TYPE_CHECKING:
    from deepseek_report.runner.execution.given_rows import ModelRequest


def command(arguments: list[str]) -> int:
    """Write a page on each row and print its path; with --json what it says, or letters."""
    parser = run_parser("explain-case")
    parser.add_argument(
        "--row",
        required=True,
        type=Path,
        metavar="FILE",
        help="a CSV, JSON, Parquet or Excel file of rows: a column for every feature",
    )
    add_store(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the page to write; else named after the rows"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print what the page says as JSON")
    form.add_argument(
        "--letter",
        choices=("regb", "gdpr", "ccd"),
        help="a letter to each person who was decided against: Regulation B's Form C-1, what the "
        "GDPR lets them know, or the Consumer Credit Directive",
    )
    parser.add_argument(
        "--language",
        default="",
        metavar="LANG",
        help="of a letter: en, de or zh; else that of the report, where letters have words in it",
    )
    add_trust(parser, types=True)
    options = parser.parse_args(arguments)
    from deepseek_report.runner.execution.given_rows import ModelRequest
    from deepseek_report.runner.given_case_page import write_case_page
    from deepseek_report.runner.run_folders.open_run import reading

    page = options.out or Path(f"{options.row.stem}-explained.html")
    request = ModelRequest(*asked_model(options))
    if options.letter:
        return _letters(request, options)
    if options.language:
        parser.error("--language is of a letter; add --letter, or have the report in that language")
    with reading(options.run), tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
        shown = None if options.json else page
        written = write_case_page(request, options.row, Path(folder), shown)
    _tell(written.notes)
    if options.json:
        print(json.dumps(written.answer, ensure_ascii=False, indent=1))
    else:
        print(page)
    for row, sentence in sorted(written.decided.items()):
        print(f"{options.row}, row {row}: {printable(sentence)}", file=sys.stderr)
    return 1 if written.decided else 0


def _letters(request: ModelRequest, options: argparse.Namespace) -> int:
    """Write a file for each letter and print its path; say of each other row why it has none."""
    from deepseek_report.artifacts.storage.plain_files import write_bytes
    from deepseek_report.exports.letters import IN_ENGLISH
    from deepseek_report.runner.given_case_page import write_letters
    from deepseek_report.runner.run_folders.open_run import reading

    kind, rows, language = options.letter, options.row, options.language
    with reading(request.run), tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
        letters, notes = write_letters(request, rows, kind, Path(folder), language)
    _tell(notes)
    if kind == IN_ENGLISH and language not in {"", "en"}:
        print(
            "note: the letter is in English: Form C-1 is worded so by the regulator, and whoever "
            "sends a translation must have this text ready on request (12 CFR 1002.4(e))",
            file=sys.stderr,
        )
    target = options.out or Path(f"{rows.stem}-{kind}.txt")
    for letter in letters:
        if letter.refusal:
            print(f"{rows}, row {letter.row}: {printable(letter.refusal)}", file=sys.stderr)
            continue
        alone = len(letters) == 1
        path = target if alone else target.with_stem(f"{target.stem}-{letter.row}")
        write_bytes(path, letter.text.encode(), links=True)
        print(printable(path))
    refused = [letter.row for letter in letters if letter.refusal]
    if refused and len(letters) > 1:
        sent = [letter.row for letter in letters if letter.text]
        print(f"letters written: {_rows(sent)}; not written: {_rows(refused)}", file=sys.stderr)
    if any(letter.decided_by_attribute for letter in letters):
        return 1
    return 2 if refused else 0


def _rows(numbers: list[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"row{'s' if len(numbers) > 1 else ''} {listed}" if numbers else "none"


def _tell(notes: tuple[str, ...]) -> None:
    for note in notes:
        print(f"note: {printable(note)}", file=sys.stderr)
