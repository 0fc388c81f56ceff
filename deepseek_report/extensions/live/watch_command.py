"""`deepseek-report watch`: what a run has so far, in TensorBoard and on the terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.cli.output.console import say
from deepseek_report.cli.parsing import compose_experiment, make_parser
from deepseek_report.extensions.live.board import BOARDS, add_board, keep_serving, serve_board

if TYPE_CHECKING:
    from deepseek_report.extensions.live.live_board import FollowedRun, LiveBoard

#: Seconds between two looks into the store.
_EVERY = 1.0


def command(arguments: list[str]) -> int:
    """Follow the run of these overrides until it has concluded, or is not waited for any longer."""
    parser = make_parser("watch", overrides=True)
    add_board(parser)
    options = parser.parse_intermixed_args(arguments)
    experiment = compose_experiment(options, options.overrides)
    from deepseek_report.extensions.live.live_board import FollowedRun, LiveBoard
    from deepseek_report.runner.planning.plan import make_plan, run_id
    from deepseek_report.runner.planning.recommending import decided
    from deepseek_report.runner.run_folders.open_run import reading
    from deepseek_report.store import Store

    experiment = decided(experiment)
    stages = make_plan(experiment)
    store = Store(experiment.store)
    run = FollowedRun(stages, store, experiment.raw)
    name = run_id(experiment, stages)
    folder = Path(options.board or experiment.reports / BOARDS / f"{experiment.name}-{name}")
    board = LiveBoard(folder)
    try:
        if not options.once:
            serve_board(folder, options.port)
        with reading(experiment.store):
            _follow(run, board, once=options.once)
    finally:
        board.close()
    say(f"board: {folder}")
    if not options.once:
        keep_serving("the run has concluded")
    return 0


def _follow(run: FollowedRun, board: LiveBoard, *, once: bool) -> None:
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
