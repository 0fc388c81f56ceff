"""Work that is done elsewhere: each piece once, what is lost once more, and nothing is left."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.config_files import read_yaml
from deepseek_report.errors import ArtifactError, DeepseekReportError
from deepseek_report.runner.execution import run_events
from deepseek_report.runner.launchers import outbox
from deepseek_report.runner.launchers.crew import Crew
from deepseek_report.runner.launchers.outbox import SENT, Outbox, take_pieces
from deepseek_report.runner.launchers.ray_launcher import RayLauncher
from deepseek_report.runner.launchers.submitit_launcher import SubmititLauncher

WHERE = attrgetter("__module__")  # of the function that a piece of work is called with


@dataclass
class Plain:
    """A schedule of pieces that need one another in no way."""

    works: dict[str, Callable[[Any], Any]]
    store: Path
    results: dict[str, Any] = field(default_factory=dict)
    lost_pieces: list[tuple[str, bool]] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)

    def startable(self) -> Iterator[Any]:
        for name in [name for name in self.works if name not in self.results]:
            plan = SimpleNamespace(
                work=self.works.__getitem__,
                broken=lambda stage, reason: f"broken: {reason}",
                store=SimpleNamespace(root=self.store),
            )
            yield SimpleNamespace(id=name, name=name, plan=plan, stage=name)

    def take(self, item: Any, result: Any) -> None:
        assert item.id not in self.results
        self.results[item.id] = result

    def lost(self, item: Any, *, for_good: bool) -> None:
        self.lost_pieces.append((item.id, for_good))
        if for_good:
            self.take(item, "lost")

    def on_message(self, message: Any) -> None:
        self.begun.append(message[1])


class Thread:
    """A worker in a thread of this process."""

    def __init__(self, box: Outbox, number: int, work: Callable[[Outbox, int], None]) -> None:
        self.thread = threading.Thread(target=work, args=(box, number), daemon=True)
        self.thread.start()

    def has_ended(self) -> bool:
        return not self.thread.is_alive()

    def end(self) -> None: ...

    def log(self) -> str:
        return "no such module"


def honest(box: Outbox, number: int) -> None:
    take_pieces(str(box.folder), number, 60.0)


def dies_with_a_piece(box: Outbox, number: int) -> None:
    while box.is_open and box.take(number) is None:
        time.sleep(0.01)


def run(schedule: Plain, *kinds: Callable[[Outbox, int], None], most: int = 2) -> int:
    """Run by workers of these kinds in turn, the last one for ever; how many were started."""
    started = []

    def start(box: Outbox, number: int) -> Thread:
        started.append(number)
        return Thread(box, number, kinds[min(number, len(kinds)) - 1])

    cluster: Any = SimpleNamespace(start=start)
    Crew(schedule, cluster, Outbox.make(schedule.store), most).run()  # type: ignore[arg-type]
    return len(started)


def test_each_piece_is_done_once_and_told_when_it_begins(tmp_path: Path) -> None:
    schedule = Plain(dict.fromkeys("abcde", WHERE), tmp_path)
    assert run(schedule, honest) == 2
    assert schedule.results == dict.fromkeys("abcde", run_events.__name__)
    assert sorted(schedule.begun) == list("abcde")
    assert not list((tmp_path / SENT).iterdir())


def test_a_piece_whose_worker_ended_is_done_by_another_and_given_up_the_second_time(
    tmp_path: Path,
) -> None:
    schedule = Plain({"a": WHERE}, tmp_path)
    run(schedule, dies_with_a_piece, honest)
    assert schedule.results == {"a": run_events.__name__}
    assert schedule.lost_pieces == [("a", False)]
    again = Plain({"a": WHERE}, tmp_path)
    run(again, dies_with_a_piece)
    assert again.lost_pieces == [("a", False), ("a", True)]


def test_what_a_piece_raises_is_told_of_that_piece_alone(tmp_path: Path) -> None:
    schedule = Plain({"a": attrgetter("no_such_name"), "b": WHERE}, tmp_path)
    run(schedule, honest, most=1)
    assert "no_such_name" in schedule.results["a"]
    assert schedule.results["b"] == run_events.__name__


@pytest.mark.parametrize(
    ("part", "differs", "why"),
    [
        ("versions", {**outbox.versions(), "numpy": "0.1"}, r"numpy 0\.1 instead of"),
        ("package_digest", "other", "other code of deepseek-report"),
    ],
)
def test_a_machine_with_another_version_takes_nothing(
    part: str, differs: Any, why: str, tmp_path: Path
) -> None:
    def elsewhere(box: Outbox, number: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outbox, part, lambda: differs)
            honest(box, number)

    schedule = Plain({"a": WHERE}, tmp_path)
    with pytest.raises(DeepseekReportError, match=why):
        run(schedule, elsewhere)
    assert not schedule.results


def test_workers_that_never_start_are_told_with_what_they_wrote(tmp_path: Path) -> None:
    with pytest.raises(DeepseekReportError, match="no such module"):
        run(Plain({"a": WHERE}, tmp_path), lambda box, number: None)
    assert not list((tmp_path / SENT).iterdir())


def test_a_folder_that_others_may_enter_is_not_read(tmp_path: Path) -> None:
    box = Outbox.make(tmp_path)
    assert box.folder.stat().st_mode & 0o777 == 0o700
    box.folder.chmod(0o770)
    with pytest.raises(ArtifactError, match="of this user alone"):
        take_pieces(str(box.folder), 1, 1.0)
    link = tmp_path / "link"
    link.symlink_to(Outbox.make(tmp_path).folder)
    with pytest.raises(ArtifactError, match="of this user alone"):
        take_pieces(str(link), 1, 1.0)


def test_a_worker_ends_when_its_command_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_PATIENCE", 0.0)
    take_pieces(str(Outbox.make(tmp_path).folder), 1, 60.0)
    assert list((tmp_path / SENT).iterdir())  # `clean` takes it away


@pytest.mark.parametrize("launcher", [SubmititLauncher(), RayLauncher()])
def test_the_file_of_a_launcher_that_sends_work_away_holds_its_defaults(launcher: Any) -> None:
    name = type(launcher).__name__.removesuffix("Launcher").lower()
    settings = read_yaml(shipped("conf") / "launcher" / f"{name}.yaml")
    assert settings.pop("_target_").endswith(f".{type(launcher).__name__}")
    assert settings == dataclasses.asdict(launcher)
    assert launcher.elsewhere
    assert launcher.room(1) == launcher.most
