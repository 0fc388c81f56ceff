"""`deepseek-report export RUN --to bom,rules-sql`: a run in formats of others."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.output.console import printable
from deepseek_report.cli.parsing import run_parser


def command(arguments: list[str]) -> int:
    """Write the files and print their paths."""
    parser = run_parser("export")
    parser.add_argument(
        "--to",
        required=True,
        metavar="FORMATS",
        help="bom (CycloneDX), model-card (Hugging Face), docx (a template of one's own), "
        "rules-text, rules-sql, rules-json (of model=rules), or several, separated by commas",
    )
    parser.add_argument(
        "--template",
        default="",
        metavar="T",
        help="of docx: development, validation, or the path of a DOCX",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="else RUN-exports beside the folder"
    )
    options = parser.parse_args(arguments)
    from deepseek_report.extensions.exports.exporting import export_run

    formats = list(dict.fromkeys(filter(None, options.to.split(","))))
    for path in export_run(options.run.absolute(), formats, options.out, options.template):
        print(printable(path))
    return 0
