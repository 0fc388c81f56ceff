"""`deepseek-report watch`: what a run has so far, in TensorBoard and on the terminal."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.parsing import compose_experiment, make_parser
from deepseek_report.errors import ConfigError

if TYPE_CHECKING:
    from deepseek_report.runner.watching.following import FollowedRun
    from deepseek_report.runner.watching.live_board import LiveBoard

#: Seconds between two looks into the store.
_EVERY = 1.0


def command(arguments: list[str]) -> int:
    """Follow the run of these overrides until it has concluded, or is not waited for any longer."""
    parser = make_parser("watch", overrides=True)
    parser.add_argument("--board", metavar="DIR", help="where the board's files are written")
    parser.add_argument("--port", type=_port, default=6006, help="of TensorBoard (default 6006)")
    parser.add_argument(
        "--once", action="store_true", help="show what is there, start no server, and end"
    )
    options = parser.parse_intermixed_args(arguments)
    experiment = compose_experiment(options, options.overrides)
    from deepseek_report.cli.output.console import say
    from deepseek_report.runner.planning.plan import make_plan, run_id
    from deepseek_report.runner.planning.recommending import decided
    from deepseek_report.runner.watching.following import FollowedRun
    from deepseek_report.runner.watching.live_board import LiveBoard
    from deepseek_report.store import Store

    experiment = decided(experiment)
    stages = make_plan(experiment)
    store = Store(Path(experiment.settings.paths.store).absolute())
    run = FollowedRun(stages, store, experiment.raw)
    name = run_id(experiment, stages)
    folder = Path(options.board or experiment.reports / ".boards" / f"{experiment.name}-{name}")
    board = LiveBoard(folder)
    try:
        if not options.once:
            say(f"TensorBoard: {_serve(folder, options.port)}")
        _follow(run, board, once=options.once)
    finally:
        board.close()
    say(f"board: {folder}")
    if not options.once:
        _keep_serving()
    return 0


def _follow(run: FollowedRun, board: LiveBoard, *, once: bool) -> None:
    """Look until the run has concluded; a line where something is new."""
    from deepseek_report.cli.output.console import say
    from deepseek_report.cli.output.progress import words_of

    while True:
        fresh = run.look()
        board.mirror(run.training_events())
        board.show(run, fresh)
        if fresh:
            what = words_of(fresh[-1])
            say(f"{len(run.outcomes)} of {len(run.stages)} stages are finished; last: {what}")
        if once or run.over:
            return
        time.sleep(_EVERY)


def _keep_serving() -> None:
    from deepseek_report.cli.output.console import say

    say("the run has concluded; the board stays open until you stop this command (Ctrl-C)")
    while True:
        time.sleep(60)


def _serve(folder: Path, port: int) -> str:
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


def _port(text: str) -> int:
    number = int(text) if text.isdigit() else -1
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed is 1 to 65535")
    return number
