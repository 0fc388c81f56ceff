"""What a worker does beside its stages."""

from __future__ import annotations

import sys

import numpy as np
import psutil
import pytest

from deepseek_report.runner.execution.workers import give_memory_back


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
