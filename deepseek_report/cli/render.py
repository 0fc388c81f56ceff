"""`deepseek-report render`: the report of a run folder again."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from deepseek_report.cli.output.console import printable
from deepseek_report.cli.parsing import add_trust, run_parser
from deepseek_report.errors import ConfigError

_FORMATS = ("html", "brief", "pdf", "docx")


def command(arguments: list[str]) -> int:
    """Write the documents of a run folder again and print their paths."""
    parser = run_parser("render")
    parser.add_argument("--to", default="", metavar="FORMATS", help="of html, brief, pdf, docx")
    parser.add_argument("--engine", choices=["auto", "quarto", "embedded"])
    parser.add_argument(
        "--language", default="", metavar="LANG", help="write it in this language, such as en"
    )
    parser.add_argument(
        "--people",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a YAML of decisions and statements, with the documents beside it, or another run, "
        "whose people's files are taken over; copied to people/ of the run; may be repeated",
    )
    add_trust(parser)
    options = parser.parse_args(arguments)
    formats = [text.strip() for text in options.to.split(",") if text.strip()]
    if unknown := [text for text in formats if text not in _FORMATS]:
        known = ", ".join(_FORMATS)
        raise ConfigError(f"--to {options.to}: {unknown[0]} is not a format; use {known}")
    from deepseek_report.wording.words import languages

    if options.language and options.language not in (known_languages := languages()):
        raise ConfigError(
            f"--language {options.language}: there are no texts in this language; use one of: "
            f"{', '.join(known_languages)}"
        )
    gc.disable()  # one report, then the process ends: nothing is worth collecting
    from deepseek_report.runner.run_folders.open_run import reading
    from deepseek_report.runner.run_folders.writing import WriteOptions, write_report

    with reading(options.run):
        chosen = (formats, options.engine, options.trust, options.people, options.language)
        written = write_report(options.run, WriteOptions(*chosen))
    for name in written.kept:
        print(f"{options.run / name}: your edited copy; the report was written anew beside it")
    for notice in written.notices:
        print(printable(notice), file=sys.stderr)
    for page in written.pages:
        print(page)
    print(f"run digest       sha256:{written.run_digest}", file=sys.stderr)
    print(f"document digest  sha256:{written.document_digest}", file=sys.stderr)
    if written.failed:
        return 1
    return 3 if written.rejected else 0
