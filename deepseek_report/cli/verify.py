"""`deepseek-report verify`: is a run folder what the run wrote?"""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.parsing import make_parser


def command(arguments: list[str]) -> int:
    """Print what is not as the run wrote it; 1 if anything is not."""
    parser = make_parser("verify", overrides=False)
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument(
        "--expect",
        default="",
        metavar="DIGEST",
        help="the run digest, or the document digest, as it reached you by another way",
    )
    options = parser.parse_args(arguments)
    from deepseek_report.runner.run_folders.open_run import reading
    from deepseek_report.runner.run_folders.verify import PROVES, PROVES_NOT, verify

    with reading(options.run):
        verified = verify(options.run, options.expect)
    for text in (*verified.problems, *(f"note: {note}" for note in verified.notes)):
        print(text)
    if verified.problems:
        print(f"{len(verified.problems)} things are not as the run wrote them")
        return 1
    print(f"{verified.files} files are as the run wrote them, and run.json is valid")
    print(f"run digest       sha256:{verified.run_digest}")
    if verified.document_digest:
        print(f"document digest  sha256:{verified.document_digest}")
    print(PROVES)
    print("The digest is the one that you expected." if options.expect else PROVES_NOT)
    return 0
