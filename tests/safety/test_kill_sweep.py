"""`kill -9` at random moments of a sweep: the same command goes on, to the same bytes.

As in `test_kill.py` a moment is a number of files. What is killed is the command alone, all of its
processes, or one worker, as by a machine of a cluster that dies; the command itself goes on then.
Runs and the comparison of all of them are held against those of a sweep that nobody disturbed.

`DEEPSEEK_REPORT_FUZZ=long` makes it 50 moments for each launcher, in chains of 10. The short form
has `launcher=local` alone; the extension `clusters` has workers of the others that are lost.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest

from deepseek_report.cli import run
from deepseek_report.store import hash_folder
from tests.configured import LINEAR, places_in, started
from tests.safety.test_kill import FEW_PARTS, end, wait_for, written

from .conftest import LONG

PARTS = ("debug=fast", "measure_time=false", *LINEAR, *FEW_PARTS, "seed=1,2")
CHAINS, KILLS = (5, 10) if LONG else (1, 2)
LAUNCHERS = ("local", "submitit", "ray") if LONG else ("local",)
#: Seconds in which a sweep that nobody disturbs any more comes to its end.
_PATIENCE = 600
Victim = Literal["command", "all", "worker"]


@dataclass(frozen=True)
class Launched:
    """How a sweep is started. workers : the processes that work for one that goes on."""

    overrides: tuple[str, ...]
    workers: Callable[[subprocess.Popen[bytes]], Sequence[psutil.Process]]

    def command(self, place: Path) -> list[str]:
        return ["-m", *PARTS, *places_in(place), *self.overrides]

    def kill(self, victim: Victim, sweep: subprocess.Popen[bytes], dice: random.Random) -> Victim:
        """Kill it; the command, where one worker is to go and there is none. What was killed."""
        workers = self.workers(sweep)
        if victim == "worker" and workers:
            workers = [dice.choice(workers)]
        elif victim == "all":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(sweep.pid, signal.SIGKILL)
        else:
            victim, workers = "command", []
            sweep.kill()
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        return victim


def leaves(sweep: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes of a command that have none themselves, without that which clears up."""
    leaf_processes = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(sweep.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                tracks = any("resource_tracker" in word for word in process.cmdline())
                if not tracks and not process.children():
                    leaf_processes.append(process)
    return leaf_processes


def of_ray(sweep: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """What works in the cluster that this process has started."""
    del sweep
    tasks = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.cmdline()[:1] == ["ray::take_pieces"]:
                tasks.append(process)
    return tasks


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of two cores."""
    pytest.importorskip("ray", reason="launcher=ray needs the package ray")
    from ray.cluster_utils import Cluster

    made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    yield made.address
    made.shutdown()


@pytest.fixture(params=LAUNCHERS)
def launched(request: pytest.FixtureRequest) -> Launched:
    if request.param == "local":
        return Launched(("jobs=2",), leaves)
    if request.param == "submitit":
        pytest.importorskip("submitit", reason="launcher=submitit needs the package submitit")
        cluster = ("launcher=submitit", "launcher.cluster=local", "launcher.most=2")
        return Launched(cluster, leaves)
    address = request.getfixturevalue("cluster")
    return Launched(("launcher=ray", f"launcher.address={address}", "launcher.most=2"), of_ray)


@dataclass(frozen=True)
class Undisturbed:
    """Runs and their comparison, and how many files were written for them in all."""

    content: dict[str, str]
    files: int


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    place = tmp_path_factory.mktemp("undisturbed")
    assert run(Launched(("jobs=1",), leaves).command(place)) == 0
    return Undisturbed(content(place), written(place))


def content(place: Path) -> dict[str, str]:
    """Every file of all runs and of the comparison."""
    return hash_folder(place / "reports")


def disturb(
    launched: Launched, place: Path, moments: Sequence[int], dice: random.Random
) -> list[Victim]:
    """Kill at each moment, start the command again where it is gone, and let it come to its end.

    No command loses two workers: what dies twice has failed for good.

    Returns
    -------
    What was killed.
    """
    killed: list[Victim] = []
    sweep = started(*launched.command(place))
    try:
        lost_a_worker = False
        for moment in moments:
            if not wait_for(moment, place, sweep):
                break
            victim = dice.choice(
                ("command", "all") if lost_a_worker else ("command", "all", "worker")
            )
            victim = launched.kill(victim, sweep, dice)
            killed.append(victim)
            lost_a_worker = victim == "worker"
            if not lost_a_worker:
                sweep.wait()
                sweep = started(*launched.command(place))
        assert sweep.wait(timeout=_PATIENCE) == 0, killed
    finally:
        end(sweep)
    return killed


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of Ray's own processes and files
@pytest.mark.parametrize("chain", range(CHAINS))
def test_a_sweep_that_is_killed_at_any_moment_goes_on_to_the_same_bytes(
    launched: Launched, chain: int, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    dice = random.Random(chain)
    moments = sorted(dice.sample(range(1, undisturbed.files - 20), KILLS))
    killed = disturb(launched, tmp_path, moments, dice)
    assert len(killed) >= KILLS - 1, (moments, killed)
    whole, after = undisturbed.content, content(tmp_path)
    assert [name for name in whole if name.startswith("comparisons/")]
    assert {name: after.get(name) for name in whole} == whole
    others = after.keys() - whole.keys()  # a job that was killed alone is compared as missing
    assert all(re.match(r"comparisons/[0-9a-f]{12}/", name) for name in others), sorted(others)
