"""`deepseek-report verify`: is a run folder what the run wrote?"""

from __future__ import annotations

import gc
from pathlib import Path

from deepseek_report.cli.parsing import add_trust, make_parser

_EXIT_CODES = """\
Exit codes: 0 nothing is wrong, and the documents are those that the results give; 1 something is
not as the run wrote it, or could not be read; 2 the command cannot be understood; 3 nothing is
wrong, but the documents could not be proved: other versions of code or libraries wrote them.
"""


def command(arguments: list[str]) -> int:
    """Say what of a run folder is proved, and print what is not as the run wrote it."""
    parser = make_parser("verify", overrides=False)
    parser.epilog = _EXIT_CODES
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument(
        "--expect",
        default="",
        metavar="DIGEST",
        help="the run digest, or the document digest, as it reached you by another way",
    )
    add_trust(parser)
    options = parser.parse_args(arguments)
    from deepseek_report.cli.output.verification import say_verified
    from deepseek_report.runner.run_folders.open_run import reading
    from deepseek_report.runner.run_folders.verify import verify

    gc.disable()  # as in `render`: the documents are made once, then the process ends
    with reading(options.run):
        verified = verify(options.run, options.expect, trust=options.trust)
    say_verified(verified)
    return verified.exit_code
