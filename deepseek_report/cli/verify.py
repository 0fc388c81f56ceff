"""`deepseek-report verify`: is a run folder what the run wrote?"""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.parsing import make_parser


def command(arguments: list[str]) -> int:
    """Print what is not as the run wrote it; 1 if anything is not."""
    parser = make_parser("verify", overrides=False)
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    options = parser.parse_args(arguments)
    from deepseek_report.runner.verify import verify

    problems, files = verify(options.run)
    for problem in problems:
        print(problem)
    print(
        f"{len(problems)} of {files} files are not as the run wrote them"
        if problems
        else f"{files} files are as the run wrote them, and run.json is valid"
    )
    return 1 if problems else 0
