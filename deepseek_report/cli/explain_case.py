"""`deepseek-report explain-case`: rows that were not in the data, by the stored model of a run."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from deepseek_report.cli.output.console import print_notes, printable
from deepseek_report.cli.parsing import add_store, add_trust, asked_model, run_parser
from deepseek_report.extension import service


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
        return int(service("--letter").write(request, options))
    if options.language:
        parser.error("--language is of a letter; add --letter, or have the report in that language")
    with reading(options.run), tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
        shown = None if options.json else page
        written = write_case_page(request, options.row, Path(folder), shown)
    print_notes(written.notes)
    if options.json:
        print(json.dumps(written.answer, ensure_ascii=False, indent=1))
    else:
        print(page)
    for row, sentence in sorted(written.decided.items()):
        print(f"{options.row}, row {row}: {printable(sentence)}", file=sys.stderr)
    return 1 if written.decided else 0
