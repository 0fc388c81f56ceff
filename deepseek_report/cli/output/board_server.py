"""TensorBoard on this machine, for the commands that show something while it goes on."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from deepseek_report.cli.parsing import port_number
from deepseek_report.errors import ConfigError


def serve(folder: Path, port: int) -> str:
    """TensorBoard on this machine alone; its address.

    Raises
    ------
    ConfigError : the port is taken.
    """
    from tensorboard import program
    from tensorboard.program import TensorBoardPortInUseError, TensorBoardServerException

    server = program.TensorBoard()
    server.configure(
        argv=[None, "--logdir", str(folder), "--host", "localhost", "--port", str(port),
              "--reload_interval", "2", "--load_fast", "false"]
    )  # fmt: skip
    try:
        return str(server.launch())
    except (TensorBoardPortInUseError, TensorBoardServerException) as error:
        raise ConfigError(
            f"--port {port}: TensorBoard cannot listen there ({error}); name another one"
        ) from None


def keep_serving(over: str) -> None:
    """Say what is over and wait until the person stops the command."""
    from deepseek_report.cli.output.console import say

    say(f"{over}; the board stays open until you stop this command (Ctrl-C)")
    while True:
        time.sleep(60)


def add_board(parser: argparse.ArgumentParser) -> None:
    """The options of a board."""
    parser.add_argument("--board", metavar="DIR", help="where the board's files are written")
    parser.add_argument(
        "--port", type=port_number, default=6006, help="of TensorBoard (default 6006)"
    )
    parser.add_argument(
        "--once", action="store_true", help="show what is there, start no server, and end"
    )
