"""What a worker does beside its stages."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import psutil
import pytest

from deepseek_report.runner.execution.workers import give_memory_back, keep_freed_memory, one_thread


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


@pytest.mark.parametrize("first", ["", "import torch\n"])
def test_torch_computes_with_one_thread_imported_before_or_within(first: str) -> None:
    code = f"{first}from deepseek_report.runner.execution.workers import one_thread\n"
    code += "with one_thread():\n    import torch\n    print(torch.get_num_threads())"
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("before", ["3", None])
def test_the_number_of_threads_of_other_libraries_is_as_before(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if before is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", before)
    with one_thread():
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ.get("OMP_NUM_THREADS") == before


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
