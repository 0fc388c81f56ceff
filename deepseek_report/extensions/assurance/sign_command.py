"""`deepseek-report sign RUN`: a signature over every file of a run, and decisions about it."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.output.console import printable
from deepseek_report.cli.parsing import run_parser


def command(arguments: list[str]) -> int:
    """Sign a run folder and print the file of the signature."""
    parser = run_parser("sign")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--decision",
        type=Path,
        metavar="FILE",
        help="a YAML of decisions, which is added to the run and signed with all its files",
    )
    what.add_argument(
        "--all", action="store_true", help="every file and no decision, which is the default"
    )
    parser.add_argument(
        "--key", required=True, metavar="K", help="a private key: its file, or its name"
    )
    options = parser.parse_args(arguments)
    from deepseek_report.extensions.assurance.signatures import signing_key
    from deepseek_report.extensions.assurance.signing import sign_run
    from deepseek_report.runner.run_folders.open_run import reading

    key = signing_key(options.key)
    with reading(options.run):
        path = sign_run(options.run, key, options.decision)
    print(printable(path))
    return 0
