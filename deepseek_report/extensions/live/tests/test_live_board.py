"""A run is followed in its store, and its board shows what is there and nothing else."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import text_of
from deepseek_report.extensions.live.board import markdown_table
from deepseek_report.extensions.live.live_board import FollowedRun, LiveBoard
from deepseek_report.runner.planning.plan import make_plan
from deepseek_report.runner.run_folders.gather import _copy_events
from deepseek_report.store import Store
from tests.configured import experiment_of
from tests.shared_runs import SmallRun, Terminal
from tests.trained import events_in


@pytest.fixture
def followed(small_run: SmallRun, tmp_path: Path) -> FollowedRun:
    """The small run, none of whose stages has been made in this store."""
    experiment = experiment_of(*small_run.overrides(tmp_path))
    return FollowedRun(make_plan(experiment), Store(tmp_path / "store"), experiment.raw)


@pytest.fixture
def make(small_run: SmallRun, followed: FollowedRun) -> Callable[[Callable[[str], bool]], None]:
    """Makes the stages that a rule names, as the run would have."""

    def made(wanted: Callable[[str], bool]) -> None:
        finished = Store(small_run.store)
        for stage in followed.stages:
            folder = stage.folder(finished)
            if folder is not None and wanted(stage.id) and stage.folder(followed.store) is None:
                shutil.copytree(folder, followed.store.folder(stage.id, stage.key))

    return made


def texts(folder: Path) -> dict[str, list[str]]:
    """What each text of the board said, from the first to the last."""
    events = events_in(folder)
    return {
        tag.removesuffix("/text_summary"): [
            event.tensor_proto.string_val[0].decode() for event in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
    }


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LiveBoard]:
    opened = LiveBoard(tmp_path / "board")
    yield opened
    opened.close()


def look(followed: FollowedRun, board: LiveBoard) -> list[str]:
    fresh = followed.look()
    board.mirror(followed.training_events())
    board.show(followed, fresh)
    board.writer.flush()
    return fresh


def test_stages_are_seen_once_each_and_promises_as_they_come_in(
    followed: FollowedRun, make: Any, board: LiveBoard
) -> None:
    first = {"data", "training", "predictions", "explanations/shap"}
    make(first.__contains__)
    assert set(look(followed, board)) == first
    assert look(followed, board) == []
    make(lambda stage: stage != "conclusions")
    look(followed, board)
    make(lambda stage: True)
    assert not followed.over
    assert look(followed, board) == ["conclusions"]
    assert followed.over
    shown = texts(board.folder / "run")
    early, late = shown["run/promises"][0], shown["run/promises"][-1]
    assert early.count("not measured") == len(followed.config["report"]["thresholds"])
    assert "not measured" not in late
    assert shown["run/progress"][0].startswith("4 of ")
    assert any(tag.startswith("findings/") for tag in shown)


def test_every_explainer_has_its_picture(
    followed: FollowedRun, make: Any, board: LiveBoard
) -> None:
    make(
        lambda stage: ArtifactId(stage).kind in {"data", "training", "predictions", "explanations"}
    )
    look(followed, board)
    explainers = [s for s in followed.finished if ArtifactId(s).kind == "explanations"]
    assert len(events_in(board.folder / "run").Tags()["images"]) == len(explainers) > 2


def test_what_training_writes_is_appended_as_it_grows(board: LiveBoard, tmp_path: Path) -> None:
    events = tmp_path / "events.out.tfevents.1"
    events.write_bytes(b"abc")
    board.mirror([events])
    events.write_bytes(b"abcdef")
    board.mirror([events])
    assert (board.folder / "training" / events.name).read_bytes() == b"abcdef"
    board.mirror([tmp_path / "gone.tfevents"])


def test_names_of_the_data_are_no_markup() -> None:
    table = markdown_table(["a"], [["<script>x|y"]])
    assert "<script>" not in table
    assert table.splitlines()[-1].count("|") - table.count("\\|") == 2


def test_the_command_shows_once_what_there_is(
    small_run: SmallRun, tmp_path: Path, terminal: Terminal
) -> None:
    folder = tmp_path / "board"
    arguments = ["watch", "--once", "--board", str(folder), *small_run.overrides(tmp_path)]
    lines = terminal(*arguments).out.splitlines()
    assert lines[-1].startswith("board: ")
    assert "stages are finished" in lines[0]
    assert "run/promises" in texts(folder / "run")


def test_a_stage_that_nobody_can_read_is_told_with_its_store(
    short_run: SmallRun, tmp_path: Path, terminal: Terminal
) -> None:
    store = Path(shutil.copytree(short_run.store, tmp_path / "store"))
    explanations = list((store / "explanations/shap").glob("*/explanation.json"))
    assert explanations
    for explanation in explanations:  # other runs may share the store
        explanation.write_text("[]", encoding="utf-8")
    places = short_run.overrides(tmp_path, store)
    printed = terminal("watch", "--once", "--board", tmp_path / "board", *places, code=1).err
    assert printed.startswith(f"{store}: results cannot be read")


def test_a_refusal_whose_values_are_damaged_is_said_as_it_stands() -> None:
    damaged = {"message": "refusals.not_judged", "values": -1}
    assert text_of(damaged) == str(damaged)


def test_a_port_that_is_none_is_refused(terminal: Terminal) -> None:
    assert "allowed is 1 to 65535" in terminal("watch", "--port", "0", code=2).err


def test_event_files_of_tensorboard_name_no_host(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    events = tmp_path / "events"
    with SummaryWriter(str(events)) as board:
        board.add_scalar("loss", 0.5, 1)
    (written,) = events.iterdir()
    assert socket.gethostname() in written.name
    _copy_events(events, tmp_path / "tensorboard")
    (moved,) = (tmp_path / "tensorboard").iterdir()
    assert socket.gethostname() not in moved.name
    assert socket.gethostname().encode() not in moved.read_bytes()
    assert str(tmp_path).encode() not in moved.read_bytes()
