"""What a worker does beside its stages."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import psutil
import pytest

from deepseek_report.config.composed import Composed
from deepseek_report.runner.execution import late_libraries, workers
from deepseek_report.runner.execution.workers import (
    Processes,
    give_memory_back,
    keep_freed_memory,
    one_thread,
)

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_giving_memory_back_fails_on_no_system(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    kept = np.arange(1000)
    before = psutil.Process().memory_info().rss
    give_memory_back()
    assert psutil.Process().memory_info().rss <= before + 2**20
    np.testing.assert_array_equal(kept, np.arange(1000))


@pytest.mark.parametrize("variable", THREADS)
@pytest.mark.parametrize("first", ["", "import torch\n"])
def test_torch_computes_with_one_thread_imported_before_or_within(
    first: str, variable: str
) -> None:
    code = f"{first}from deepseek_report.runner.execution.workers import one_thread\n"
    code += "with one_thread():\n    import torch\n    print(torch.get_num_threads())"
    environment = {**os.environ, variable: "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("variable", THREADS)
@pytest.mark.parametrize("first", ["", "import numpy\n"])
def test_linear_algebra_has_one_thread_imported_before_or_within(first: str, variable: str) -> None:
    code = f"{first}from deepseek_report.runner.execution.workers import one_thread\n"
    code += "with one_thread():\n    import numpy, threadpoolctl\n"
    code += "    print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    environment = {**os.environ, variable: "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "{1}"


@pytest.mark.parametrize("variable", THREADS)
@pytest.mark.parametrize("before", ["3", None])
def test_the_number_of_threads_of_other_libraries_is_as_before(
    before: str | None, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    if before is not None:
        monkeypatch.setenv(variable, before)
    with one_thread():
        assert os.environ[variable] == "1"
    assert os.environ.get(variable) == before


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_keeping_memory_fails_on_no_system(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    keep_freed_memory()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone")
def test_freed_memory_is_used_again_without_new_pages() -> None:
    program = (
        "import resource, numpy as np\n"
        "from deepseek_report.runner.execution.workers import keep_freed_memory\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    blocks = [np.ones(2**18) for _ in range(20)]\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "keep_freed_memory()\n"
        "first, *others = [faults() for _ in range(4)]\n"
        "assert first > 5000 and max(others) < 500, (first, others)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


class Recorded:
    """An executor that notes what is asked of it."""

    def __init__(self, most: int) -> None:
        self.most, self.ended = most, False

    def submit(self, *_: object) -> Future[object]:
        return Future()

    def shutdown(self, **_: object) -> None:
        self.ended = True


def test_the_first_training_has_a_process_of_its_own_that_ends_with_it() -> None:
    processes = Processes(2, Recorded)  # type: ignore[arg-type]
    first, others = processes.executor(trains=True), processes.others
    assert (first.most, others.most) == (1, 2)  # type: ignore[attr-defined]
    future = first.submit(int)
    processes.started(first, future)
    assert processes.executor(trains=True) is others  # a second training, of a sweep
    assert processes.executor(trains=False) is others
    processes.end_of(Future())
    assert processes.training is first
    processes.end_of(future)
    assert processes.training is None
    assert first.ended and not others.ended  # type: ignore[attr-defined]  # noqa: PT018


def test_libraries_are_loaded_before_the_second_fork_where_a_module_needs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[str] = []
    needs = {"runner.execution.workers": ("late", "missing"), "no.such_module": ("never",)}
    monkeypatch.setattr(late_libraries, "_WHEN_RUN", needs)
    monkeypatch.setattr(late_libraries, "import_module", loaded.append)
    monkeypatch.setattr(late_libraries, "_HERE", os.getpid())
    monkeypatch.setattr(late_libraries, "_forked", 0)
    late_libraries._before_fork()
    assert loaded == []
    late_libraries._before_fork()
    late_libraries._before_fork()
    assert loaded == ["late", "missing"]


@pytest.mark.parametrize(
    ("changed", "loads"),
    [
        ({}, True),
        ({"jobs": 1}, False),
        ({"device": "cuda"}, False),
        ({"paths": {"store": "."}}, False),
        ({"model": {"_target_": "deepseek_report.models.estimators.sklearn.Sklearn"}}, False),
        ({"model": {"_target_": "deepseek_report.models.no_such.Model"}}, False),
        ({"model": {"_target_": "lab.models.Model"}}, False),
    ],
)
def test_processes_load_early_for_the_first_run_of_a_store_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, object], loads: bool
) -> None:
    asked_for: list[list[str]] = []
    monkeypatch.setattr(workers, "load_shared", asked_for.append)
    monkeypatch.setattr(workers, "cores", lambda: 2)
    raw = {
        "model": {"_target_": "deepseek_report.models.routed.deepseek.DeepSeek"},
        "metrics": {"own": {"_target_": "lab.measure.Mine"}},
        "device": "cpu",
        "jobs": None,
        "paths": {"store": str(tmp_path / "store")},
    }
    workers.load_for_first_run(Composed({**raw, **changed}, (), {}, ()))
    expected = [["deepseek_report.models.routed.deepseek", "torch"]] if loads else []
    assert asked_for == expected
