"""Work done elsewhere, by a crew, Joblib, Ray or Slurm: each piece once, what is lost once more."""

from __future__ import annotations

import dataclasses
import os
import pickletools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from deepseek_report.cli import doctor, run
from deepseek_report.config.config_files import read_yaml
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.errors import ArtifactError, DeepseekReportError
from deepseek_report.extensions.clusters import EXTENSION, machine, outbox
from deepseek_report.extensions.clusters.crew import Crew
from deepseek_report.extensions.clusters.joblib_launcher import JoblibLauncher
from deepseek_report.extensions.clusters.outbox import Outbox, take_pieces
from deepseek_report.extensions.clusters.ray_launcher import RayLauncher
from deepseek_report.extensions.clusters.submitit_launcher import SubmititLauncher
from deepseek_report.runner.execution import run_events
from tests.cli.test_sweep import files_of, small
from tests.configured import experiment_of
from tests.worded import write_program

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


def work_on(schedule: Plain, *kinds: Callable[[Outbox, int], None], most: int = 2) -> int:
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
    assert work_on(schedule, honest) == 2
    assert schedule.results == dict.fromkeys("abcde", run_events.__name__)
    assert sorted(schedule.begun) == list("abcde")
    assert not list((tmp_path / outbox.SENT).iterdir())


def test_a_piece_whose_worker_ended_is_done_by_another_and_given_up_the_second_time(
    tmp_path: Path,
) -> None:
    schedule = Plain({"a": WHERE}, tmp_path)
    work_on(schedule, dies_with_a_piece, honest)
    assert schedule.results == {"a": run_events.__name__}
    assert schedule.lost_pieces == [("a", False)]
    again = Plain({"a": WHERE}, tmp_path)
    work_on(again, dies_with_a_piece)
    assert again.lost_pieces == [("a", False), ("a", True)]


def test_what_a_piece_raises_is_told_of_that_piece_alone(tmp_path: Path) -> None:
    schedule = Plain({"a": attrgetter("no_such_name"), "b": WHERE}, tmp_path)
    work_on(schedule, honest, most=1)
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
        work_on(schedule, elsewhere, most=1)  # two would undo each other's patch
    assert not schedule.results


def test_workers_that_never_start_are_told_with_what_they_wrote(tmp_path: Path) -> None:
    with pytest.raises(DeepseekReportError, match="no such module"):
        work_on(Plain({"a": WHERE}, tmp_path), lambda box, number: None)
    assert not list((tmp_path / outbox.SENT).iterdir())


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
    assert list((tmp_path / outbox.SENT).iterdir())  # `clean` takes it away


@pytest.mark.parametrize("launcher", [SubmititLauncher(), RayLauncher()])
def test_the_file_of_a_launcher_that_sends_work_away_holds_its_defaults(launcher: Any) -> None:
    name = type(launcher).__name__.removesuffix("Launcher").lower()
    settings = read_yaml(EXTENSION.folder / "conf" / "launcher" / f"{name}.yaml")
    assert settings.pop("_target_").endswith(f".{type(launcher).__name__}")
    assert settings == dataclasses.asdict(launcher)
    assert launcher.elsewhere
    assert launcher.room(1) == launcher.most


def test_a_sweep_by_joblib_has_the_bytes_of_one_in_this_process(tmp_path: Path) -> None:
    """As one by processes of this machine has them, see `test_sweep.py`."""
    for name, jobs in (("local", 1), ("joblib", 2)):
        overrides = [f"launcher={name}", f"jobs={jobs}", "report.title=First,Second"]
        kept = [text for text in small(tmp_path / name) if not text.startswith("jobs=")]
        assert run(["-m", *kept, *overrides]) == 0
    local, by_joblib = (files_of(tmp_path / name / "reports") for name in ("local", "joblib"))
    assert local == by_joblib


def test_no_result_and_no_command_hangs_on_the_launcher() -> None:
    plain, other = (experiment_of(*texts) for texts in ([], ["launcher=joblib"]))
    assert plain.raw == other.raw
    assert isinstance(other.launcher, JoblibLauncher)
    with pytest.raises(ConfigProblems, match='"slurm" is not in the group launcher'):
        experiment_of("launcher=slurm")


def _die(send: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.filterwarnings("ignore:A worker stopped")
def test_a_process_that_is_killed_is_told_in_a_sentence() -> None:
    plan = SimpleNamespace(work=lambda stage: _die)
    item = SimpleNamespace(id="a", name="a", plan=plan, stage="a")
    schedule: Any = SimpleNamespace(startable=lambda: [item], on_message=lambda message: None)
    with pytest.raises(DeepseekReportError, match="run the same command again"):
        JoblibLauncher().carry_out(schedule, 2, [])


@pytest.fixture
def ray() -> Any:
    return pytest.importorskip("ray", reason="launcher=ray needs the package ray")


@pytest.mark.filterwarnings("ignore")  # of Ray's own processes and files
def test_two_workers_of_a_cluster_that_is_started_and_of_one_that_is_joined_do_the_work(
    tmp_path: Path, ray: Any
) -> None:
    """The first, which Ray guards by a token, lets the second be guarded by it too."""
    from ray.cluster_utils import Cluster

    started: Any = Plain(dict.fromkeys("abc", WHERE), tmp_path)
    RayLauncher(most=2).carry_out(started, 2, [])
    assert started.results == dict.fromkeys("abc", run_events.__name__)
    assert not ray.is_initialized()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        joined: Any = Plain(dict.fromkeys("abc", WHERE), tmp_path)
        RayLauncher(cluster.address, most=2).carry_out(joined, 2, [])
        assert joined.results == dict.fromkeys("abc", run_events.__name__)
    finally:
        cluster.shutdown()


@pytest.mark.filterwarnings("ignore")  # of Ray's own processes and files
@pytest.mark.usefixtures("ray")
def test_an_address_where_nothing_is_is_told(tmp_path: Path) -> None:
    schedule: Any = Plain({"a": WHERE}, tmp_path)
    with pytest.raises(DeepseekReportError, match=r"launcher\.address=127\.0\.0\.1:1: no Ray"):
        RayLauncher("127.0.0.1:1").carry_out(schedule, 1, [])


@pytest.fixture
def submitit() -> None:
    pytest.importorskip("submitit", reason="launcher=submitit needs the package submitit")


@pytest.mark.usefixtures("submitit")
def test_processes_of_this_machine_do_the_work(tmp_path: Path) -> None:
    schedule: Any = Plain({"a": WHERE, "b": WHERE}, tmp_path)
    SubmititLauncher(cluster="local", most=1).carry_out(schedule, 1, [])
    assert schedule.results == dict.fromkeys("ab", run_events.__name__)


@pytest.fixture
def slurm(tmp_path: Path, submitit: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of commands that stand for those of Slurm; `sbatch` keeps what it is sent."""
    commands = tmp_path / "commands"
    write_program(commands / "srun", "")
    write_program(commands / "sbatch", f'cp "$1" {tmp_path}/sent; echo job 7')
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    return tmp_path


def test_a_job_of_slurm_is_a_function_of_this_package_and_a_path(slurm: Path) -> None:
    box = Outbox.make(slurm)
    launcher = SubmititLauncher(minutes=90, memory=2.5, partition="long", account="risk")
    launcher.start(box, 1)
    script = (slurm / "sent").read_text(encoding="utf-8")
    for line in ("time=90", "mem=2560MB", "cpus-per-task=1", "partition=long", "account=risk"):
        assert f"#SBATCH --{line}\n" in script
    assert "qos" not in script
    assert f"-m submitit.core._submit {box.logs}" in script
    pickled = next(box.logs.glob("7_submitted.pkl")).read_bytes()
    texts = [value for _, value, _ in pickletools.genops(pickled) if isinstance(value, str)]
    named = {text for text in texts if text.startswith("deepseek_report")}
    assert named == {take_pieces.__module__}
    assert "take_pieces" in texts
    assert str(box.folder) in texts


@pytest.mark.usefixtures("submitit")
@pytest.mark.parametrize("value", ["a\n", "a\n#SBATCH --wrap=rm", "a b", "a;b", "$(x)", "`x`"])
def test_nothing_but_plain_names_reaches_the_script(value: str) -> None:
    with pytest.raises(ValidationError, match="partition"):
        TypeAdapter(SubmititLauncher).validate_python({"partition": value})


@pytest.mark.usefixtures("submitit")
def test_without_slurm_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeepseekReportError, match=r"launcher\.cluster=local"):
        SubmititLauncher().start(Outbox.make(tmp_path), 1)


def test_each_launcher_is_told_with_its_version_or_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {"joblib": "1.4", "submitit": "1.5.4"}
    monkeypatch.setattr(doctor, "version_of", lambda name: known.get(name, "not installed"))
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    examined = {each.name: each for each in doctor.examine()}
    assert examined["launcher=joblib"].detail == "1.4"
    assert "pip install 'ray>=" in examined["launcher=ray"].cost
    assert "launcher.cluster=local" in examined["srun"].cost
