"""`deepseek-report pack RUN`: a run as one zip, with what changed since the previous one."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.output.console import printable
from deepseek_report.cli.parsing import run_parser


def command(arguments: list[str]) -> int:
    """Pack a run folder; print the pack and its digest."""
    parser = run_parser("pack")
    parser.add_argument(
        "--previous", type=Path, metavar="PACK", help="the pack, or folder, that it follows"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="else RUN.zip beside the folder")
    options = parser.parse_args(arguments)
    from deepseek_report.artifacts.storage.plain_files import sha256_file
    from deepseek_report.errors import ConfigError
    from deepseek_report.extensions.assurance.packing import pack_run

    run = options.run.absolute()
    target = options.out or run.with_name(f"{run.name}.zip")
    if target.absolute().is_relative_to(run):
        raise ConfigError(f"--out {target}: lies in the run that is packed; name another place")
    pack_run(run, target, options.previous)
    print(printable(target))
    print(f"sha256:{sha256_file(target, links=True)}")
    return 0
